"""One function a row of the table; each answers decisions a second, and where it matters each call's seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.raw import in_threads
from bench.world import all_ran, proposed
from remit import GateRequest, Remit
from remit.entrypoints.server.process import settle


@dataclass(slots=True)
class Measured:
    """A rate, and how long each call took (seconds)."""

    rate: float
    calls: list[float] = field(default_factory=list)

    def at(self, share: float) -> float:
        """The call time below which `share` of the calls stayed, in milliseconds."""
        ordered = sorted(self.calls)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def one_by_one(remit: Remit, requests: Sequence[GateRequest]) -> Measured:
    return in_batches(remit, requests, 1)


def in_batches(remit: Remit, requests: Sequence[GateRequest], size: int) -> Measured:
    calls, answers = [], []
    start = time.perf_counter()
    for first in range(0, len(requests), size):
        began = time.perf_counter()
        answers += remit.gate(requests[first : first + size])
        calls.append(time.perf_counter() - began)
    seconds = time.perf_counter() - start
    all_ran(answers)
    return Measured(len(requests) / seconds, calls)


def by_callers(remit: Remit, requests: Sequence[GateRequest], callers: int) -> Measured:
    """`callers` threads of one process, one decision a call."""
    calls: list[float] = []
    answers: list[object] = []

    def loop(mine: Sequence[GateRequest], ready: threading.Barrier) -> None:
        ready.wait()
        for request in mine:
            began = time.perf_counter()
            answers.extend(remit.gate([request]))
            calls.append(time.perf_counter() - began)

    seconds = in_threads(loop, [requests[n::callers] for n in range(callers)])
    all_ran(answers)
    return Measured(len(requests) / seconds, calls)


def warm(remit: Remit) -> None:
    """Statements prepared, policies compiled, pages read, and the collector told as our doors tell it."""
    all_ran(remit.gate(proposed(remit, 200)))
    settle()
