"""
`python -m bench.accounts URL`: decisions where bounds name 1 and 10,000 accounts, at rest and while one account's
budget is changed every second by another process; and how long such a change takes.
"""

from __future__ import annotations

import json
import multiprocessing
import statistics
import sys
import time
from multiprocessing.synchronize import Event
from typing import Any

from bench.measure import in_batches, one_by_one
from bench.world import ACCOUNT, BOUNDS, TENANT
from remit import Remit
from remit.core.gate.bounds import Bounds
from remit.core.gate.bounds_parts import Budgets
from remit.core.gate.budget import Budget

MANY = 10_000
SECONDS = 5.0


def main(url: str, decisions: int = 300) -> None:
    answer: dict[str, Any] = {}
    with Remit.open(url) as remit:
        for accounts in (1, MANY):
            began = time.perf_counter()
            remit.apply({**BOUNDS, "accounts": _accounts(accounts)}, by="bench")
            applied = time.perf_counter() - began
            changes = [_timed(lambda number=number: change(remit, number)) for number in range(5)]
            one_by_one(remit, 50)
            answer[f"{accounts} accounts"] = {
                "apply_s": round(applied, 3),
                "change_ms": round(1000 * statistics.median(changes), 1),
                "decision_ms": round(1000 * statistics.median(one_by_one(remit, decisions).calls), 3),
                "in_batches_per_s": round(in_batches(remit, 10 * decisions, 100).rate),
                **while_changing(url, remit),
            }
    print(json.dumps(answer, indent=2))


def while_changing(url: str, remit: Remit) -> dict[str, float]:
    """One caller's decisions and their times, while another process changes one account's budget every second."""
    spawn = multiprocessing.get_context("spawn")
    started, stop = spawn.Event(), spawn.Event()
    other = spawn.Process(target=change_every_second, args=(url, started, stop))
    other.start()
    started.wait()
    calls: list[float] = []
    until = time.perf_counter() + SECONDS
    while time.perf_counter() < until:
        calls += one_by_one(remit, 10).calls
    stop.set()
    other.join()
    return {
        "changing_decisions_per_s": round(len(calls) / sum(calls), 1),
        "changing_p50_ms": round(1000 * statistics.median(calls), 3),
        "changing_max_ms": round(1000 * max(calls), 1),
    }


def change_every_second(url: str, started: Event, stop: Event) -> None:
    with Remit.open(url) as remit:
        change(remit, 0)
        started.set()
        number = 0
        while not stop.wait(1.0):
            number += 1
            change(remit, number)


def change(remit: Remit, number: int) -> None:
    """Give one account another budget of its own."""
    budgets = Budgets.of(_bounds(remit))
    own = {**budgets.accounts, f"a-{number % MANY}": Budget(max_autonomous_per_day=10**6 + time.monotonic_ns() % 10**6)}
    remit.apply_part(TENANT, budgets.model_copy(update={"accounts": own}), by="bench")


def _bounds(remit: Remit) -> Bounds:
    return remit.bounds(TENANT).bounds


def _accounts(count: int) -> dict[str, Any]:
    own = {f"a-{number}": {"budget": {"max_autonomous_per_day": 100 + number}} for number in range(count - 1)}
    return {**own, ACCOUNT: {"budget": {"max_autonomous_per_day": 10**8}}}


def _timed(do: Any) -> float:
    began = time.perf_counter()
    do()
    return time.perf_counter() - began


if __name__ == "__main__":
    main(sys.argv[1])
