"""A world over each kind of store in turn."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from .world import OpenStore, World


@pytest.fixture
def opened(open_store: Any, store_kind: str) -> OpenStore:
    """Opens this test's store."""
    return partial(open_store, store_kind)


@pytest.fixture
def world(opened: OpenStore) -> World:
    """One tenant with bounds under which everything proposed is a clean yes, and a publisher in the store."""
    world = World(opened)
    world.apply()
    return world


@pytest.fixture
def sending(opened: OpenStore) -> World:
    """The same with a publisher that sends over a wire."""
    world = World(opened, sending=True)
    world.apply()
    return world
