"""How long a page takes over HTTP with 1,000 and with many stored intents, half of which wait for a person."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import httpx

from bench.over_http import served
from bench.world import BOUNDS, PROPOSAL, TENANT
from remit import Remit, RemitError

FEW = 1_000
CHUNK = 2_000
ASKED = 60
PAGES = {"GET /v1/queue": "/v1/queue", "GET /v1/timeline": "/v1/timeline", "GET /v1/intents": "/v1/intents"}


def reading(path: Path, many: int) -> list[tuple[str, float, float]]:
    """Each page, and the median seconds of its answer with `FEW` and with `many` stored."""
    with Remit.open(f"sqlite:///{path}", publishing=False) as remit:
        remit.apply(BOUNDS, by="bench")
        _, key = remit.create_key(TENANT, {"name": "reader", "roles": ["auditor", "approver"]}, by="bench")
        _load(remit, FEW)
        few = _seconds(path, key)
        _load(remit, many - FEW)
        return [(what, few[what], seconds) for what, seconds in _seconds(path, key).items()]


def _load(remit: Remit, count: int) -> None:
    unsure = {**PROPOSAL, "confidence_score": 0.4}
    for first in range(0, count, CHUNK):
        both: Sequence[object] = [PROPOSAL, unsure] * (min(CHUNK, count - first) // 2)
        refused = [answer for answer in remit.submit(both) if isinstance(answer, RemitError)]
        assert not refused, refused[0]


def _seconds(path: Path, key: str) -> dict[str, float]:
    with served(path) as server, httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {key}"}) as asks:
        return {what: statistics.median(_once(asks, page) for _ in range(ASKED)) for what, page in PAGES.items()}


def _once(asks: httpx.Client, page: str) -> float:
    began = time.perf_counter()
    answer = asks.get(page)
    seconds = time.perf_counter() - began
    assert len(answer.json()["items"]) == 50, answer.text
    return seconds
