"""
Stores that fail where a test says. They wrap the port, so production code has no test hooks.

`FaultyStore` places one fault at one write; `PausingStore` holds writers between what they read and what
they write, so that a race is forced instead of hoped for.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Literal, TypeVar

from msgspec.structs import replace

from remit.core.errors import OutcomeUnknown, RemitError, TryLater
from remit.core.identity.session import IssuerLogout
from remit.core.ledger.entries import LedgerEntry
from remit.core.lifecycle import Case, Status
from remit.core.records import Key, Kind
from remit.core.values import Stored
from remit.core.waiting_counts import ANYBODY, CountKind, WaitingCount
from remit.ports import (
    CaseFilter,
    ChangedTenants,
    Claim,
    LedgerPage,
    QueueLine,
    QueuePlace,
    ReaderPage,
    Runnable,
    Snapshot,
    Store,
    UnitOfWork,
    Writes,
)

T = TypeVar("T")
S = TypeVar("S", bound=Stored)

Fault = Literal["crash_before", "crash_after", "try_later", "lost_request", "lost_answer"]
"""
Around one `transact`: the process dies before it or after it; the store answers `TryLater`; the
connection breaks (`OutcomeUnknown`) before the write arrived, or after it was done.
"""


class Crash(BaseException):
    """The process ends here. Nothing that handles errors can hold it up, as nothing could a real one."""


class StoreWrapper(Store):
    """Another store, unchanged: for subclasses that change one thing about it."""

    def __init__(self, inner: Store) -> None:
        self.inner = inner

    @property
    def one_at_a_time(self) -> bool:
        return self.inner.one_at_a_time

    def transact(self, units: Sequence[UnitOfWork[T]]) -> list[T | RemitError]:
        return self.inner.transact(units)

    def read(self, keys: Sequence[Key[Any]]) -> Snapshot:
        return self.inner.read(keys)

    def scan(self, kind: Kind[S], tenant_id: str, prefix: str = "", limit: int | None = None) -> list[S]:
        return self.inner.scan(kind, tenant_id, prefix, limit)

    def each(self, kind: Kind[S], tenant_id: str) -> Iterator[S]:
        return self.inner.each(kind, tenant_id)

    def misfiled(self, tenant_id: str) -> Iterator[str]:
        return self.inner.misfiled(tenant_id)

    def records(self, kind: Kind[S], tenant_id: str) -> Iterator[tuple[str, S]]:
        return self.inner.records(kind, tenant_id)

    def due(self, now: datetime, limit: int) -> list[Case]:
        return self.inner.due(now, limit)

    def due_records(self, kind: Kind[S], now: datetime, limit: int) -> list[tuple[str, S]]:
        return self.inner.due_records(kind, now, limit)

    def drop_due(self, kind: Kind[Any], now: datetime, limit: int) -> int:
        return self.inner.drop_due(kind, now, limit)

    def claim(self, wanted: Claim, unit_for: Callable[[Case], UnitOfWork[T]]) -> list[T | RemitError]:
        return self.inner.claim(wanted, unit_for)

    def has_queued(self, wanted: Claim) -> bool:
        return self.inner.has_queued(wanted)

    def watch(self, queued: Callable[[], None]) -> AbstractContextManager[None]:
        return self.inner.watch(queued)

    def busy(self, runnable: Runnable | None = None) -> bool:
        return self.inner.busy(runnable)

    def waiting(self, tenant_id: str, account_id: str | None, after: str | None, limit: int) -> list[Case]:
        return self.inner.waiting(tenant_id, account_id, after, limit)

    def oldest_waiting(self, tenant_id: str) -> datetime | None:
        return self.inner.oldest_waiting(tenant_id)

    def queue_lines(
        self,
        tenant_id: str,
        proposed_by: str | None,
        after: Mapping[str, QueuePlace],
        limit: int,
        assigned_to: Sequence[str] | None = None,
    ) -> list[QueueLine]:
        return self.inner.queue_lines(tenant_id, proposed_by, after, limit, assigned_to)

    def waiting_counts(
        self,
        tenant_id: str,
        kinds: Sequence[CountKind],
        people: Sequence[str] = (ANYBODY,),
        voters: Sequence[str] = (ANYBODY,),
    ) -> Counter[WaitingCount]:
        return self.inner.waiting_counts(tenant_id, kinds, people, voters)

    def recount(self, tenant_id: str) -> int:
        return self.inner.recount(tenant_id)

    def unanswered(self, tenant_id: str, proposed_by: str) -> int:
        return self.inner.unanswered(tenant_id, proposed_by)

    def cases(self, tenant_id: str, which: CaseFilter, after: str | None, limit: int) -> list[Case]:
        return self.inner.cases(tenant_id, which, after, limit)

    def chain(self, tenant_id: str, action_intent_id: str | None) -> list[LedgerEntry]:
        return self.inner.chain(tenant_id, action_intent_id)

    def recent(
        self, tenant_id: str, event_types: Sequence[str], account_id: str | None, after: str | None, limit: int
    ) -> list[LedgerEntry]:
        return self.inner.recent(tenant_id, event_types, account_id, after, limit)

    def ledger_after(self, tenant_id: str, event_types: Sequence[str], after: str, limit: int) -> LedgerPage:
        return self.inner.ledger_after(tenant_id, event_types, after, limit)

    def ledger_position(self, tenant_id: str, since: datetime | None = None) -> str:
        return self.inner.ledger_position(tenant_id, since)

    def reader_page(self, tenant_id: str, event_types: Sequence[str], after: str, limit: int) -> ReaderPage | None:
        return self.inner.reader_page(tenant_id, event_types, after, limit)

    def reader_position(self, tenant_id: str, since: datetime | None = None) -> str:
        return self.inner.reader_position(tenant_id, since)

    def tenants_after(self, after: str, limit: int) -> ChangedTenants:
        return self.inner.tenants_after(after, limit)

    def export(self, tenant_id: str) -> Iterator[LedgerEntry]:
        return self.inner.export(tenant_id)

    def counts(self, tenant_id: str, statuses: Sequence[Status] | None = None) -> dict[str, int]:
        return self.inner.counts(tenant_id, statuses)

    def begun_at_issuer(self, kind: Kind[S], logout: IssuerLogout) -> list[tuple[str, S]]:
        return self.inner.begun_at_issuer(kind, logout)

    def has_tenant(self, tenant_id: str) -> bool:
        return self.inner.has_tenant(tenant_id)

    def tenants(self) -> list[str]:
        return self.inner.tenants()

    def close(self) -> None:
        self.inner.close()


class FaultyStore(StoreWrapper):
    """
    Fails once, at the write it was armed for; then it is sound again.

    `writes` counts the calls of `transact`, so that a run without faults tells how many places for
    one there are: for a crash matrix, arm each of `range(1, writes + 1)` in a fresh run.
    """

    def __init__(self, inner: Store, fault: Fault | None = None, *, at: int = 1) -> None:
        super().__init__(inner)
        self.writes = 0
        self._lock = threading.Lock()
        self._fault: Fault | None = None
        self._at = 0
        if fault is not None:
            self.arm(fault, at=at)

    def arm(self, fault: Fault, *, at: int = 1) -> None:
        """Fail at the `at`-th write from now, the next being the first."""
        with self._lock:
            self._fault, self._at = fault, self.writes + at

    @property
    def armed(self) -> bool:
        """Is the fault still to come?"""
        return self._fault is not None

    def transact(self, units: Sequence[UnitOfWork[T]]) -> list[T | RemitError]:
        return self._written(lambda: self.inner.transact(units))

    def claim(self, wanted: Claim, unit_for: Callable[[Case], UnitOfWork[T]]) -> list[T | RemitError]:
        return self._written(lambda: self.inner.claim(wanted, unit_for))

    def drop_due(self, kind: Kind[Any], now: datetime, limit: int) -> int:
        # Where nothing is due, nothing is written.
        due = self.inner.due_records(kind, now, 1)
        return self._written(lambda: self.inner.drop_due(kind, now, limit)) if due else 0

    def _written(self, write: Callable[[], T]) -> T:
        fault = self._fault_now()
        if fault == "crash_before":
            raise Crash("before the write")
        if fault == "try_later":
            raise TryLater("the store was told to refuse this write; nothing was written")
        if fault == "lost_request":
            raise OutcomeUnknown("the connection was told to break; this write never arrived")
        answers = write()
        if fault == "crash_after":
            raise Crash("after the write")
        if fault == "lost_answer":
            raise OutcomeUnknown("the connection was told to break; this write was done")
        return answers

    def _fault_now(self) -> Fault | None:
        with self._lock:
            self.writes += 1
            if self.writes != self._at:
                return None
            fault, self._fault = self._fault, None
            return fault


class Meeting:
    """
    A place where writers wait for each other, each at most once, and no longer than `timeout_s`.

    A store that lets one writer in at a time never brings two together: after the timeout they go
    on, one after the other, which is how that store forbids the race. `met` tells which it was.
    """

    def __init__(self, parties: int = 2, timeout_s: float = 0.3) -> None:
        self._barrier = threading.Barrier(parties, action=self._note)
        self._timeout_s = timeout_s
        self.met = False

    def wait(self) -> None:
        try:
            self._barrier.wait(self._timeout_s)
        except threading.BrokenBarrierError:
            return

    def _note(self) -> None:
        self.met = True


class PausingStore(StoreWrapper):
    """Every unit, when first asked what to write, has read and waits at the meeting before it answers."""

    def __init__(self, inner: Store, meeting: Meeting) -> None:
        super().__init__(inner)
        self._meeting = meeting

    def transact(self, units: Sequence[UnitOfWork[T]]) -> list[T | RemitError]:
        return self.inner.transact([self._pausing(unit) for unit in units])

    def claim(self, wanted: Claim, unit_for: Callable[[Case], UnitOfWork[T]]) -> list[T | RemitError]:
        return self.inner.claim(wanted, lambda case: self._pausing(unit_for(case)))

    def _pausing(self, unit: UnitOfWork[T]) -> UnitOfWork[T]:
        paused = False

        def change(snapshot: Snapshot) -> Writes[T]:
            nonlocal paused
            writes = unit.decide(snapshot)
            if not paused:
                paused = True
                self._meeting.wait()
            return writes

        return replace(unit, decide=change)
