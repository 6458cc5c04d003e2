"""
Group commit without a thread of its own: whoever comes first carries out everybody's work.

A caller that finds nobody at work leads: it takes what is waiting (its own turn first), carries it
out in one transaction, wakes the others with their answers, and names the next leader among those who
came in the meantime. A caller who is alone pays for no hand-over.

Calls wait in one line a tenant, and the lines take turns: however much one tenant sends, another one's call is in the
next transaction. While another tenant's waits, a long call is carried out in several transactions.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from remit.core.errors import RemitError
from remit.ports import UnitOfWork, as_answer

MOST_UNITS = 500
"""In one transaction, unless a single call brings more."""
MOST_DECIDING_S = 0.001
"""The time after which a transaction begins no further unit of a tenant's if another tenant's call waits for it."""


Find = Callable[[Any], Sequence[UnitOfWork[Any]]]
"""Given the open transaction, whatever the store calls that, answers the units to carry out in it."""


class PendingCall:
    """One call that waits for its answers."""

    __slots__ = ("_answers", "_error", "_wake", "find", "leads", "pressed", "settled", "tenant_id", "units")

    def __init__(self, units: Sequence[UnitOfWork[Any]], find: Find | None = None) -> None:
        """With `find`, the units are found when the transaction has begun, each time that it begins."""
        self.units, self.find = units, find
        self.tenant_id = units[0].reads[0].tenant_id if units and units[0].reads else ""
        self.settled = False
        self.leads = False
        self.pressed: Callable[[], bool] = lambda: False
        """Does another tenant's call wait for the transaction that carries this one out to end?"""
        self._answers: list[Any] = []
        self._error: BaseException | None = None
        self._wake = threading.Lock()
        self._wake.acquire()

    @property
    def begun(self) -> bool:
        """Are the first of its units committed, and not all?"""
        return bool(self._answers) and not self.settled

    def answer(self, answers: list[Any]) -> None:
        """The answers of the units that are left. The first of them alone: the others wait for the next transaction."""
        self._answers += answers
        self.units = self.units[len(answers) :]
        self.settled = not self.units or self.find is not None

    def fail(self, error: BaseException) -> None:
        """The units that are left were not carried out, or nobody knows."""
        if self._answers and isinstance(error, RemitError):
            self._answers += [as_answer(error)] * len(self.units)
        else:
            self._error = error
        self.settled = True

    def result(self) -> list[Any]:
        if self._error is not None:
            raise self._error
        return self._answers

    def wait(self) -> None:
        self._wake.acquire()

    def wake(self) -> None:
        self._wake.release()


class _Lines:
    """Calls that wait: one line a tenant, and the lines in turns."""

    def __init__(self) -> None:
        self._lines: dict[str, deque[PendingCall]] = {}
        self._turns: deque[str] = deque()

    def __bool__(self) -> bool:
        return bool(self._turns)

    def first(self) -> PendingCall:
        """The one whose turn it is."""
        return self._lines[self._turns[0]][0]

    def add(self, call: PendingCall) -> None:
        if call.tenant_id not in self._lines:
            self._lines[call.tenant_id] = deque()
            self._turns.append(call.tenant_id)
        self._lines[call.tenant_id].append(call)

    def take(self) -> PendingCall:
        """The one whose turn it is; its tenant's next one comes after those of all others."""
        tenant_id = self._turns.popleft()
        call = self._lines[tenant_id].popleft()
        if self._lines[tenant_id]:
            self._turns.append(tenant_id)
        else:
            del self._lines[tenant_id]
        return call

    def put_back(self, calls: Sequence[PendingCall]) -> None:
        """Taken and not carried out: they come first again, in their order."""
        for call in reversed(calls):
            if call.tenant_id in self._lines:
                self._turns.remove(call.tenant_id)
            self._turns.appendleft(call.tenant_id)
            self._lines.setdefault(call.tenant_id, deque()).appendleft(call)

    def put_behind(self, call: PendingCall) -> None:
        """Begun and not done: the first of its tenant's line, which comes after all others."""
        if call.tenant_id in self._lines:
            self._turns.remove(call.tenant_id)
        self._turns.append(call.tenant_id)
        self._lines.setdefault(call.tenant_id, deque()).appendleft(call)

    def others_than(self, tenant_id: str) -> bool:
        return len(self._lines) > (tenant_id in self._lines)

    def remove(self, call: PendingCall) -> None:
        line = self._lines.get(call.tenant_id, deque())
        if call in line:
            line.remove(call)
            if not line:
                del self._lines[call.tenant_id]
                self._turns.remove(call.tenant_id)


class GroupCommit:
    """
    `carry_out` is given some calls and answers units of the first of them at least; what it leaves waits for the next
    group. It is never called twice at a time.
    """

    def __init__(self, carry_out: Callable[[list[PendingCall]], None]) -> None:
        self._carry_out = carry_out
        self._mutex = threading.Lock()
        self._waiting = _Lines()
        self._is_mixed = False
        """Does the group that is carried out have calls of several tenants?"""
        self._led = False

    def submit(self, units: Sequence[UnitOfWork[Any]], find: Find | None = None) -> list[Any]:
        """The answers. Raises what this caller's own call failed with."""
        call = PendingCall(units, find)
        call.pressed = partial(self._others_wait, call.tenant_id)
        with self._mutex:
            self._waiting.add(call)
            leads, self._led = not self._led, True
        if leads:
            self._lead()
        while not call.settled:
            self._wait(call)
            if call.leads:
                self._lead()
        return call.result()

    def _wait(self, call: PendingCall) -> None:
        try:
            call.wait()
        except BaseException:
            # Interrupted: nobody may wait for a leader who has left.
            with self._mutex:
                self._waiting.remove(call)
                if call.leads:
                    self._name_leader()
            raise

    def _lead(self) -> None:
        calls = self._take()
        try:
            self._carry_out(calls)
        except BaseException:
            # It leaves, and takes its own call along.
            self._hand_over(calls[1:])
            raise
        self._hand_over(calls)

    def _take(self) -> list[PendingCall]:
        """At least one turn; the leader's own is the first."""
        with self._mutex:
            calls = [self._waiting.take()]
            units = len(calls[0].units)
            while self._waiting and units + len(self._waiting.first().units) <= MOST_UNITS:
                calls.append(self._waiting.take())
                units += len(calls[-1].units)
            calls[0].leads = False
            self._is_mixed = any(call.tenant_id != calls[0].tenant_id for call in calls)
        return calls

    def _others_wait(self, tenant_id: str) -> bool:
        # Asked between any two units: without the lock, which at most tells it one unit late.
        return self._is_mixed or self._waiting.others_than(tenant_id)

    def _hand_over(self, calls: list[PendingCall]) -> None:
        with self._mutex:
            self._is_mixed = False
            # What took too long, or a leader that was interrupted, leaves some unsettled.
            left = [call for call in calls if not call.settled]
            self._waiting.put_back([call for call in left if not call.begun])
            for call in left:
                if call.begun:
                    self._waiting.put_behind(call)
            self._name_leader()
        for call in calls:
            if call.settled:
                call.wake()

    def _name_leader(self) -> None:
        self._led = bool(self._waiting)
        if self._led:
            self._waiting.first().leads = True
            self._waiting.first().wake()
