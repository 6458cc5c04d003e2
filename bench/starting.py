"""From approval to start: intents that this process submits one by one, and a worker in another process executes."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from bench.world import PROPOSAL, TENANT
from remit import Remit

APART_S = 0.02
PATIENCE_S = 60


def starts_ms(remit: Remit, count: int) -> list[float]:
    """For each intent the milliseconds between the two ledger entries."""
    with _worker(remit.url):
        _executed(remit, _submitted(remit, 1))
        names = []
        for _ in range(count):
            names += _submitted(remit, 1)
            time.sleep(APART_S)
        _executed(remit, names)
    return [_start_ms(remit, name) for name in names]


def p50_ms(remit: Remit, count: int = 200) -> float:
    return statistics.median(starts_ms(remit, count))


@contextmanager
def _worker(url: str) -> Iterator[None]:
    environment = {**os.environ, "REMIT_DATABASE_URL": url}
    worker = subprocess.Popen([sys.executable, "-m", "remit", "worker"], env=environment, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        worker.terminate()
        worker.wait(PATIENCE_S)


def _submitted(remit: Remit, count: int) -> list[str]:
    return [answer.action_intent_id for answer in remit.submit([PROPOSAL] * count)]  # type: ignore[union-attr]  # a yes


def _executed(remit: Remit, names: list[str]) -> None:
    over = time.monotonic() + PATIENCE_S
    for name in names:
        while remit.status(TENANT, name)["status"] != "SUCCEEDED":
            assert time.monotonic() < over, f"{name} was not executed"
            time.sleep(0.05)


def _start_ms(remit: Remit, name: str) -> float:
    at = {entry["event_type"]: datetime.fromisoformat(entry["at"]) for entry in remit.ledger(TENANT, name)}
    return (at["EXECUTION_STARTED"] - at["ACTION_APPROVED"]).total_seconds() * 1000
