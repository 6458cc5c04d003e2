"""The emulated cloud that tests of the AWS parts share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from infra.local.emulator import Emulator


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    """EventBridge, SQS, Step Functions and Lambda on loopback."""
    with Emulator() as emulator:
        yield emulator
