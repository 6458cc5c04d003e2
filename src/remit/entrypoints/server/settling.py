"""
Settling: what calls came to is recorded beside the taking of more executions.

Neither waits for the other's write, and where both are due they share one.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from remit.core.errors import OutcomeUnknown, TryLater
from remit.core.execution.outcome import CallResult
from remit.flow.execute import Taken
from remit.pace import Pace
from remit.wiring import Remit

log = logging.getLogger(__name__)

MOST_AT_ONCE, FEWEST_AT_ONCE = 64, 2
"""How many executions are taken, or settled, in one write,"""
MOST_WRITING_S = 0.010
"""and about how long that is to take: whoever else writes waits for it."""
AGAIN_S = 0.5
"""How long a write rests that the store could not take."""


def pace() -> Pace:
    """Of the executions that go into one write."""
    return Pace(FEWEST_AT_ONCE, MOST_AT_ONCE, MOST_WRITING_S, first=MOST_AT_ONCE)


@dataclass(frozen=True, slots=True)
class Called:
    """An execution whose call has been answered, or not; `began_ns` is when it was taken."""

    taken: Taken
    result: CallResult
    began_ns: int


Settled = tuple[Called, str | None]
"""What was called, and the status that was recorded for it; `None` where there is none yet."""


class Settler:
    """Records, in a thread of its own, what is added; `settled` tells what has been recorded since it last did."""

    def __init__(self, remit: Remit, wake: Callable[[], None]) -> None:
        """`wake` is called whenever something was settled, or settling has failed for good."""
        self._remit, self._wake = remit, wake
        self._pace = pace()
        self._called: queue.SimpleQueue[Called | None] = queue.SimpleQueue()
        self._settled: queue.SimpleQueue[Settled] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._failure: BaseException | None = None

    @contextmanager
    def running(self) -> Iterator[None]:
        """At the end everything that was added is recorded, unless the store does not take it."""
        with ThreadPoolExecutor(1, thread_name_prefix="remit-settle") as thread:
            thread.submit(self._run)
            try:
                yield
            finally:
                self._closing.set()
                self._called.put(None)
        if self._failure is not None:
            raise self._failure

    def add(self, called: Called) -> None:
        self._called.put(called)

    def settled(self) -> Iterator[Settled]:
        """Raises what settling has ended with."""
        if self._failure is not None:
            raise self._failure
        while not self._settled.empty():
            yield self._settled.get()

    def _run(self) -> None:
        try:
            while (first := self._called.get()) is not None:
                self._record([first, *self._more()])
        except BaseException as error:
            self._failure = error
            self._wake()

    def _more(self) -> Iterator[Called]:
        for _ in range(self._pace.most - 1):
            if self._called.empty():
                return
            if (called := self._called.get()) is None:
                self._called.put(None)
                return
            yield called

    def _record(self, called: list[Called]) -> None:
        while (statuses := self._written(called)) is None:
            # What was called must be recorded: settling twice changes nothing.
            if self._closing.wait(AGAIN_S):
                log.error(
                    "the worker ends, and what %d calls came to is not recorded: their leases run out", len(called)
                )
                return
        for settled in zip(called, statuses, strict=True):
            self._settled.put(settled)
        self._wake()

    def _written(self, called: list[Called]) -> list[str | None] | None:
        """`None` where the store could not take it now, or nobody knows."""
        began = time.monotonic()
        try:
            statuses = self._remit.settle([(each.taken, each.result) for each in called])
        except (TryLater, OutcomeUnknown) as error:
            log.warning("settling again in a moment: %s", error)
            return None
        self._pace.wrote(len(called), time.monotonic() - began)
        return statuses
