"""A decision that looks a fact up, beside the same without and a bare `GET` of the same document, in turns."""

from __future__ import annotations

import http.client
import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bench.measure import warm
from bench.world import BOUNDS, PROPOSAL
from remit import Remit

_RULE = """
forbid (principal, action, resource)
unless {
  context.facts_numbers.hasTag("order.total")
  && context.facts_numbers.getTag("order.total").lessThanOrEqual(decimal("50.0"))
};
"""


@dataclass(frozen=True, slots=True)
class FactCost:
    """Medians in milliseconds."""

    with_fact: float
    without: float
    bare_get: float

    @property
    def beyond_its_lookup(self) -> float:
        return self.with_fact - self.without - self.bare_get


def fact_cost(folder: Path, count: int) -> FactCost:
    """`count` decisions of each kind, and as many lookups, one after the other."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as opened:
        port = opened.enter_context(_record_keeper(folder))
        asking = opened.enter_context(_world(folder, "with", _asking(port)))
        plain = opened.enter_context(_world(folder, "without", {}))
        works: list[Callable[[], None]] = [partial(_decide, asking), partial(_decide, plain), _get(port)]
        timed: list[list[float]] = [[], [], []]
        for _ in range(count):
            for times, work in zip(timed, works, strict=True):
                began = time.perf_counter()
                work()
                times.append(time.perf_counter() - began)
    return FactCost(*(1000 * statistics.median(times) for times in timed))


def _decide(remit: Remit) -> None:
    answer = remit.submit(PROPOSAL)
    assert answer.result == "AUTO_EXECUTED", answer.explanation


def _get(port: int) -> Callable[[], None]:
    def get() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", "/order")
        json.loads(connection.getresponse().read())
        connection.close()

    return get


def _asking(port: int) -> dict[str, Any]:
    fact = {"url": f"http://127.0.0.1:{port}/order", "keep": ["total", "currency"]}
    types = {name: {**spec, "facts": {"order": fact}} for name, spec in BOUNDS["action_types"].items()}
    return {
        "action_types": types,
        "allowed_hosts": ["127.0.0.1"],
        "policies": [{"name": "order.cedar", "text": _RULE}],
    }


@contextmanager
def _world(folder: Path, name: str, bounds: dict[str, Any]) -> Iterator[Remit]:
    with Remit.open(f"sqlite:///{folder / name}.db", settings={"REMIT_PRIVATE_HOSTS": "127.0.0.1"}) as remit:
        remit.apply({**BOUNDS, **bounds}, by="bench")
        warm(remit)
        yield remit


@contextmanager
def _record_keeper(folder: Path) -> Iterator[int]:
    """A server of one document in a process of its own."""
    (folder / "order").write_text('{"total": 12.5, "currency": "EUR"}')
    command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", str(folder)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert server.stdout is not None
        found = re.search(r"port (\d+)", server.stdout.readline())
        assert found is not None
        yield int(found[1])
    finally:
        server.terminate()
        server.wait()
