"""
Group commit: calls that several threads make at a time share one transaction (`remit.grouping`).

Calls wait in one line a tenant, and the lines take turns: however much one tenant sends, another one's call is in the
next transaction. While another tenant's waits, a long call is carried out in several transactions.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from remit.core.errors import RemitError
from remit.grouping import GroupedCall, Grouping
from remit.ports import UnitOfWork, as_answer

MOST_UNITS = 500
"""In one transaction, unless a single call brings more."""
MOST_DECIDING_S = 0.001
"""The time after which a transaction begins no further unit of a tenant's if another tenant's call waits for it."""


Find = Callable[[Any], Sequence[UnitOfWork[Any]]]
"""Given the open transaction, whatever the store calls that, answers the units to carry out in it."""


class PendingCall(GroupedCall):
    """One call that waits for its answers."""

    __slots__ = ("_answers", "_error", "find", "pressed", "tenant_id", "units")

    def __init__(self, units: Sequence[UnitOfWork[Any]], find: Find | None = None) -> None:
        """With `find`, the units are found when the transaction has begun, each time that it begins."""
        super().__init__()
        self.units, self.find = units, find
        self.tenant_id = units[0].reads[0].tenant_id if units and units[0].reads else ""
        self.pressed: Callable[[], bool] = lambda: False
        """Does another tenant's call wait for the transaction that carries this one out to end?"""
        self._answers: list[Any] = []
        self._error: BaseException | None = None

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


class _Lines:
    """Calls that wait: one line a tenant, and the lines in turns."""

    def __init__(self) -> None:
        self._lines: dict[str, deque[PendingCall]] = {}
        self._turns: deque[str] = deque()
        self._is_mixed = False
        """Does the group that is carried out have calls of several tenants?"""

    def __len__(self) -> int:
        return sum(map(len, tuple(self._lines.values())))

    def first(self) -> PendingCall:
        return self._lines[self._turns[0]][0]

    def add(self, call: PendingCall) -> None:
        if call.tenant_id not in self._lines:
            self._lines[call.tenant_id] = deque()
            self._turns.append(call.tenant_id)
        self._lines[call.tenant_id].append(call)

    def take(self) -> list[PendingCall]:
        calls = [self._next()]
        units = len(calls[0].units)
        while self._turns and units + len(self.first().units) <= MOST_UNITS:
            calls.append(self._next())
            units += len(calls[-1].units)
        self._is_mixed = any(call.tenant_id != calls[0].tenant_id for call in calls)
        return calls

    def _next(self) -> PendingCall:
        """The one whose turn it is; its tenant's next one comes after those of all others."""
        tenant_id = self._turns.popleft()
        call = self._lines[tenant_id].popleft()
        if self._lines[tenant_id]:
            self._turns.append(tenant_id)
        else:
            del self._lines[tenant_id]
        return call

    def put_back(self, calls: Sequence[PendingCall]) -> None:
        """Calls that were not begun come first again, in their order; those that were, behind all others."""
        self._is_mixed = False
        for call in reversed([call for call in calls if not call.begun]):
            if call.tenant_id in self._lines:
                self._turns.remove(call.tenant_id)
            self._turns.appendleft(call.tenant_id)
            self._lines.setdefault(call.tenant_id, deque()).appendleft(call)
        for call in calls:
            if call.begun:
                self._put_behind(call)

    def _put_behind(self, call: PendingCall) -> None:
        """Begun and not done: the first of its tenant's line, which comes after all others."""
        if call.tenant_id in self._lines:
            self._turns.remove(call.tenant_id)
        self._turns.append(call.tenant_id)
        self._lines.setdefault(call.tenant_id, deque()).appendleft(call)

    def others_than(self, tenant_id: str) -> bool:
        """Is another tenant's call in the group that is carried out, or waiting for it to end?"""
        # Asked between any two units: without the lock, which at most tells it one unit late.
        return self._is_mixed or len(self._lines) > (tenant_id in self._lines)

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
        self._lines = _Lines()
        self._groups: Grouping[PendingCall] = Grouping(self._lines, carry_out)

    def submit(self, units: Sequence[UnitOfWork[Any]], find: Find | None = None) -> list[Any]:
        """The answers. Raises what this caller's own call failed with."""
        call = PendingCall(units, find)
        call.pressed = partial(self._lines.others_than, call.tenant_id)
        self._groups.settle(call)
        return call.result()
