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
from remit.entrypoints.console.auth import COOKIE

FEW = 1_000
CHUNK = 2_000
ASKED = 60
ROUTES = ("/v1/queue", "/v1/timeline", "/v1/intents")
PAGES = ("/console/", "/console/did", "/console/queue", "/console/intents", "/console/bounds")


def reading(path: Path, many: int) -> list[tuple[str, float, float]]:
    """Each route and page, and the median seconds of its answer with `FEW` and with `many` stored."""
    # All of it is proposed by one: what a page costs is not to depend on how much waits.
    with Remit.open(f"sqlite:///{path}", publishing=False, settings={"REMIT_MOST_WAITING": "0"}) as remit:
        remit.apply(BOUNDS, by="bench")
        _, key = remit.create_key(TENANT, {"name": "reader", "roles": ["auditor", "approver"]}, by="bench")
        cookie = remit.begin_session(remit.authenticate(key))
        _load(remit, FEW)
        few = _seconds(path, key, cookie)
        _load(remit, many - FEW)
        return [(what, few[what], seconds) for what, seconds in _seconds(path, key, cookie).items()]


def _load(remit: Remit, count: int) -> None:
    unsure = {**PROPOSAL, "confidence_score": 0.4}
    for first in range(0, count, CHUNK):
        both: Sequence[object] = [PROPOSAL, unsure] * (min(CHUNK, count - first) // 2)
        refused = [answer for answer in remit.submit(both) if isinstance(answer, RemitError)]
        assert not refused, refused[0]
    while remit.follow():
        """Every day is counted, as a worker does beside the server."""


def _seconds(path: Path, key: str, cookie: str) -> dict[str, float]:
    headers = {"Authorization": f"Bearer {key}", "Cookie": f"{COOKIE}={cookie}"}
    with served(path) as server, httpx.Client(base_url=server.url, headers=headers) as asks:
        return {f"GET {page}": statistics.median(_once(asks, page) for _ in range(ASKED)) for page in (*ROUTES, *PAGES)}


def _once(asks: httpx.Client, page: str) -> float:
    began = time.perf_counter()
    answer = asks.get(page)
    seconds = time.perf_counter() - began
    assert answer.status_code == 200, answer.text
    assert page in PAGES or len(answer.json()["items"]) == 50, answer.text
    return seconds
