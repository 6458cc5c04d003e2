"""`./dev bench --profile`: of the time that an intent takes, how much this process's processor was busy with it."""

from __future__ import annotations

import resource
import statistics
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from rich.table import Table

from bench.measure import Measured, by_callers, in_batches, warm
from bench.world import open_world
from remit import Remit

DECISIONS, ROUNDS = 3200, 5
_Way = Callable[[Remit, int], Measured]
ON_SQLITE: dict[str, _Way] = {
    "SQLite, one caller": partial(by_callers, callers=1),
    "SQLite, 32 threads": partial(by_callers, callers=32),
    "SQLite, batches of 200": partial(in_batches, size=200),
}
ON_POSTGRES: dict[str, _Way] = {"PostgreSQL, 16 threads": partial(by_callers, callers=16)}


class Spent(NamedTuple):
    """Microseconds an intent: all that passed, and the processor's, in programs and in the kernel."""

    passed: float
    user: float
    kernel: float


def spent(url: str, ways: dict[str, _Way]) -> dict[str, Spent]:
    """Medians, in turns over one database."""
    seen: dict[str, list[Spent]] = {what: [] for what in ways}
    with open_world(url) as remit:
        warm(remit)
        for _ in range(ROUNDS):
            for what, way in ways.items():
                seen[what].append(_spent_by(remit, way))
    return {what: Spent(*map(statistics.median, zip(*each, strict=True))) for what, each in seen.items()}


def table(rows: dict[str, Spent]) -> Table:
    shown = Table("µs an intent", "in all", "processor, in programs", "in the kernel")
    for what, each in rows.items():
        shown.add_row(what, *(f"{us:.0f}" for us in each))
    return shown


def _spent_by(remit: Remit, way: _Way) -> Spent:
    before = resource.getrusage(resource.RUSAGE_SELF)
    rate = way(remit, DECISIONS).rate
    after = resource.getrusage(resource.RUSAGE_SELF)
    user, kernel = after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime
    return Spent(1e6 / rate, 1e6 * user / DECISIONS, 1e6 * kernel / DECISIONS)
