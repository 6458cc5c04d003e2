"""
Grouping of calls without a thread of its own: whoever comes first carries out everybody's work.

A caller that finds nobody at work leads: it takes what is waiting (its own call first), carries it out in one go, names
the next leader among those who came in the meantime, and wakes the others with their answers. A caller who is
alone pays for no hand-over.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from time import sleep
from typing import Generic, Protocol, TypeVar


class GroupedCall:
    """One call that waits until it is settled."""

    __slots__ = ("_wake", "leads", "settled")

    def __init__(self) -> None:
        self.settled = False
        self.leads = False
        self._wake = threading.Lock()
        self._wake.acquire()

    def wait(self) -> None:
        self._wake.acquire()

    def wake(self) -> None:
        self._wake.release()


C = TypeVar("C", bound=GroupedCall)


class Line(Protocol[C]):
    """Calls that wait. Asked by one thread at a time, but for its length."""

    def __len__(self) -> int: ...

    def add(self, call: C, /) -> None: ...

    def first(self) -> C:
        """The one that is taken first."""
        ...

    def take(self) -> list[C]:
        """The next group: at least one call."""
        ...

    def put_back(self, calls: Sequence[C], /) -> None:
        """A group has ended, which has left these unsettled."""
        ...

    def remove(self, call: C, /) -> None:
        """It waits no more, if it did."""
        ...


class Grouping(Generic[C]):
    """
    `carry_out` is given some calls and settles the first of them at least; what it leaves waits for the next group. It
    is never called twice at a time.
    """

    def __init__(self, line: Line[C], carry_out: Callable[[list[C]], None]) -> None:
        self._line, self._carry_out = line, carry_out
        self._mutex = threading.Lock()
        self._led = False
        self._last_had_several = False

    def settle(self, call: C) -> None:
        """Return once it is settled, in this thread or in another."""
        with self._mutex:
            self._line.add(call)
            leads, self._led = not self._led, True
        if leads:
            self._lead(call)
        while not call.settled:
            self._wait(call)
            if call.leads:
                self._lead(call)

    def _wait(self, call: C) -> None:
        try:
            call.wait()
        except BaseException:
            self._leave(call)
            raise

    def _lead(self, call: C) -> None:
        try:
            self._let_come()
        except BaseException:
            call.leads = True
            self._leave(call)
            raise
        with self._mutex:
            calls = self._line.take()
            call.leads = False
        try:
            self._carry_out(calls)
        except BaseException:
            # It leaves, and takes its own call along.
            self._hand_over(calls[1:])
            raise
        self._hand_over(calls)

    def _leave(self, call: C) -> None:
        """Interrupted: nobody may wait for a leader who has left."""
        with self._mutex:
            self._line.remove(call)
            leader = self._next_leader() if call.leads else None
        if leader is not None:
            leader.wake()

    def _let_come(self) -> None:
        """Let those of the last group come who have just been answered: groups of few cost more a call."""
        came = 0
        while self._last_had_several and came < len(self._line):
            came = len(self._line)
            sleep(0)

    def _hand_over(self, calls: list[C]) -> None:
        with self._mutex:
            self._last_had_several = len(calls) > 1
            # What took too long, or a leader that was interrupted, leaves some unsettled.
            self._line.put_back([call for call in calls if not call.settled])
            leader = self._next_leader()
        for call in calls:
            if call.settled:
                call.wake()
        # Last: those who come again at once are in its group.
        if leader is not None:
            leader.wake()

    def _next_leader(self) -> C | None:
        self._led = bool(len(self._line))
        if not self._led:
            return None
        leader = self._line.first()
        leader.leads = True
        return leader
