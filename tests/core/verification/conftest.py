"""One eventful export, and a copy of its lines for each test that alters them."""

import pytest

from ...flow.world import TENANT
from .exports import Lines, eventful_world


@pytest.fixture(scope="session")
def world():
    return eventful_world()


@pytest.fixture(scope="session")
def exported(world):
    return list(world.app.export(TENANT))


@pytest.fixture
def lines(exported):
    return Lines(exported)
