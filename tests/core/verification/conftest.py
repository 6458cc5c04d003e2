"""One eventful export, and a copy of its lines for each test that alters them."""

import pytest

from ...flow.world import TENANT, World
from .exports import Line, Lines, eventful_world


@pytest.fixture(scope="session")
def world() -> World:
    return eventful_world()


@pytest.fixture(scope="session")
def exported(world: World) -> list[Line]:
    return list(world.app.export(TENANT))


@pytest.fixture
def lines(exported: list[Line]) -> Lines:
    return Lines(exported)
