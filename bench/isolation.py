"""A quiet tenant beside a hostile one: the 99th percentile of what it waits for, alone and beside each load."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass

from rich.table import Table

from attack.installation import LOCAL, installed
from attack.loads import LOADS, under
from attack.probes import PROBES, p99_s

TIMES = 100
MOST_TIMES, MOST_MORE_S = 3.0, 0.050
"""Beside a load, at most the larger of three times alone and alone and 50 ms."""
_ENVIRON = {**LOCAL, "REMIT_SIGN_INS_PER_MINUTE": "0"}


@dataclass(frozen=True, slots=True)
class Beside:
    """Medians over the rounds, in seconds."""

    load: str
    probe: str
    alone_s: float
    beside_s: float

    @property
    def allowed_s(self) -> float:
        return max(MOST_TIMES * self.alone_s, self.alone_s + MOST_MORE_S)

    @property
    def holds(self) -> bool:
        return self.beside_s <= self.allowed_s


def isolation(rounds: int) -> Iterator[Beside]:
    """One row for each load and probe; alone and beside are of the same round and the same server."""
    for load in LOADS:
        seen = [_round(load) for _ in range(rounds)]
        for probe in PROBES:
            alone = statistics.median(one[probe][0] for one in seen)
            beside = statistics.median(one[probe][1] for one in seen)
            yield Beside(load, probe, alone, beside)


def _round(load: str) -> dict[str, tuple[float, float]]:
    with installed(_ENVIRON) as here:
        alone = {probe: p99_s(here, probe, TIMES) for probe in PROBES}
        here.far.gate.clear()
        with under(here, load):
            beside = {probe: p99_s(here, probe, TIMES) for probe in PROBES}
        here.far.gate.set()
    return {probe: (alone[probe], beside[probe]) for probe in PROBES}


def table(rows: list[Beside]) -> Table:
    shown = Table("beside", "the quiet tenant's", "p99 alone", "p99 beside", "at most", "")
    for row in rows:
        times = [f"{seconds * 1000:.0f} ms" for seconds in (row.alone_s, row.beside_s, row.allowed_s)]
        shown.add_row(row.load, row.probe, *times, "ok" if row.holds else "above")
    return shown
