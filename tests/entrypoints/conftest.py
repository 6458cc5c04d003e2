"""Fixtures of the doors' tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.entrypoints.http_world import World, http_world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """The HTTP door, served, with a key for each role of two tenants."""
    with http_world(tmp_path) as opened:
        yield opened


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One world for tests that each use ids of their own."""
    with http_world(tmp_path_factory.mktemp("answers")) as opened:
        yield opened
