"""One function a row of the table; each answers decisions a second, and where it matters each call's seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.raw import in_threads
from bench.world import PROPOSAL, all_ran, same
from remit import Remit
from remit.entrypoints.server.process import settle


@dataclass(slots=True)
class Measured:
    """A rate, and how long each call took (seconds)."""

    rate: float
    calls: list[float] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    """The intents that were decided."""

    def at(self, share: float) -> float:
        """The call time below which `share` of the calls stayed, in milliseconds."""
        ordered = sorted(self.calls)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def one_by_one(remit: Remit, count: int) -> Measured:
    return in_batches(remit, count, 1)


def in_batches(remit: Remit, count: int, size: int, proposals: Callable[[int], dict[str, Any]] = same) -> Measured:
    """`count` intents, each proposed, decided and published in one write that `size` of them share."""
    calls, answers = [], []
    batches = [[proposals(number) for number in range(first, first + size)] for first in range(0, count, size)]
    start = time.perf_counter()
    for batch in batches:
        began = time.perf_counter()
        answers += remit.submit(batch)
        calls.append(time.perf_counter() - began)
    seconds = time.perf_counter() - start
    return Measured(count / seconds, calls, all_ran(answers))


def by_callers(remit: Remit, count: int, callers: int) -> Measured:
    """`callers` threads of one process, one intent a call."""
    calls: list[float] = []
    answers: list[Any] = []

    def loop(mine: int, ready: threading.Barrier) -> None:
        ready.wait()
        for _ in range(mine):
            began = time.perf_counter()
            answers.append(remit.submit(PROPOSAL))
            calls.append(time.perf_counter() - began)

    seconds = in_threads(loop, [count // callers] * callers)
    return Measured(count / seconds, calls, all_ran(answers))


def warm(remit: Remit, proposals: Callable[[int], dict[str, Any]] = same) -> None:
    """Statements prepared, policies compiled, pages read, and the collector told as our doors tell it."""
    in_batches(remit, 200, 200, proposals)
    settle()


def peak_mb(process_id: int | str = "self") -> float:
    """
    The most memory that a process has taken. Not `ru_maxrss`: that is inherited from whoever started it, so a small
    child of a large parent had the parent's.
    """
    status = Path(f"/proc/{process_id}/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
