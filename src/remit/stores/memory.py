"""
A store in this process's memory, for tests and for trying things out. Nothing outlives the process.

One lock, held from read to write, makes every call atomic; nothing here is fast on purpose.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import Any, TypeVar, cast

from remit.core.errors import RemitError, TryLater
from remit.core.identity.session import IssuerLogout
from remit.core.ledger.entries import LedgerEntry
from remit.core.ledger.history import IntentHistory
from remit.core.lifecycle import MOVING, UNANSWERED, WAITING, Case, Status, is_due
from remit.core.records import CASE, CHAIN, KINDS, Key, Kind, due_at
from remit.core.values import Stored
from remit.core.waiting_counts import ANYBODY, CountKind, WaitingCount, counts_of, holder_of
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
    UnitOfWork,
    Writes,
    as_answer,
    cursor_of,
    needed,
)
from remit.stores.turns import QueuedTool, chosen, in_turns, last_of
from remit.stores.units import (
    FIRST_POSITION,
    RecordId,
    RecordSnapshot,
    Shown,
    by_time,
    check_may_put,
    first_of_each,
    queue_line,
    record_id,
    rewritten,
    segment_name,
    tenants_in_turn,
)

T = TypeVar("T")
S = TypeVar("S", bound=Stored)
_Chain = tuple[str, str | None]


class MemoryStore:
    """Share it between threads."""

    one_at_a_time = True

    def __init__(self) -> None:
        # Reentrant: a claim carries out units while it holds it.
        self._lock = threading.RLock()
        self._records: dict[str, dict[tuple[str, str], Stored]] = {name: {} for name in KINDS}
        self._chains: dict[_Chain, list[LedgerEntry]] = {}
        self._ledger: list[LedgerEntry] = []
        self._claimed_last: QueuedTool | None = None

    def transact(self, units: Sequence[UnitOfWork[T]]) -> list[T | RemitError]:
        with self._lock:
            call = _Call(self._get)
            answers = [call.carry_out(unit) for unit in units]
            self._check_chains(call.entries)
            self._apply(call)
            return answers

    def read(self, keys: Sequence[Key[Any]]) -> Snapshot:
        with self._lock:
            return RecordSnapshot({record_id(key): self._get(record_id(key)) for key in keys})

    def scan(self, kind: Kind[S], tenant_id: str, prefix: str = "", limit: int | None = None) -> list[S]:
        with self._lock:
            of_kind = self._records[kind.name]
            ids = sorted(id for tenant, id in of_kind if tenant == tenant_id and id.startswith(prefix))
            return [cast(S, of_kind[tenant_id, id]) for id in ids[:limit]]

    def each(self, kind: Kind[S], tenant_id: str) -> Iterator[S]:
        return iter(self.scan(kind, tenant_id))

    def misfiled(self, tenant_id: str) -> Iterator[str]:  # noqa: ARG002 - the port's own
        """Nothing: records alone are kept."""
        return iter(())

    def records(self, kind: Kind[S], tenant_id: str) -> Iterator[tuple[str, S]]:
        with self._lock:
            of_kind = self._records[kind.name]
            ids = sorted(id for tenant, id in of_kind if tenant == tenant_id)
            found = [(id, cast(S, of_kind[tenant_id, id])) for id in ids]
        return iter(found)

    def due(self, now: datetime, limit: int) -> list[Case]:
        due = sorted((case for case in self._cases() if is_due(case, now)), key=_by_due)
        moving = tenants_in_turn([case for case in due if case.status in MOVING], limit, _tenant_of)
        resting = [case for case in due if case.status not in MOVING]
        return moving + tenants_in_turn(resting, limit - len(moving), _tenant_of)

    def due_records(self, kind: Kind[S], now: datetime, limit: int) -> list[tuple[str, S]]:
        with self._lock:
            records = list(self._records[kind.name].items())
        due = [(at, tenant, id, record) for (tenant, id), record in records if (at := due_at(record)) and at <= now]
        due.sort(key=lambda each: each[:3])
        return [(tenant, cast(S, record)) for _, tenant, _, record in due[:limit]]

    def drop_due(self, kind: Kind[Any], now: datetime, limit: int) -> int:
        with self._lock:
            of_kind = self._records[kind.name]
            due = sorted((at, place) for place, record in of_kind.items() if (at := due_at(record)) and at <= now)
            for _, place in due[:limit]:
                del of_kind[place]
        return len(due[:limit])

    def claim(self, wanted: Claim, unit_for: Callable[[Case], UnitOfWork[T]]) -> list[T | RemitError]:
        with self._lock:
            tools = self._queued(wanted)
            lists = in_turns(sorted(tools), self._claimed_last)
            taken = chosen(lists, wanted, lambda tool, limit: tools[tool][:limit])
            self._claimed_last = last_of(taken, self._claimed_last)
            return self.transact([unit_for(case) for case in taken])

    def has_queued(self, wanted: Claim) -> bool:
        return any(wanted.places.room_for(tool.tenant_id, tool.action_type) for tool in self._queued(wanted))

    def _queued(self, wanted: Claim) -> dict[QueuedTool, list[Case]]:
        found: dict[QueuedTool, list[Case]] = {}
        for case in sorted(self._cases(), key=_by_due):
            can_run = case.queued and wanted.runnable.runs(case.connector, case.action_type)
            if can_run and case.due_at and case.due_at <= wanted.now:
                found.setdefault(QueuedTool.of(case), []).append(case)
        return found

    def watch(self, queued: Callable[[], None]) -> AbstractContextManager[None]:  # noqa: ARG002 - the port's own
        """Nothing to tell: no other process sees this store."""
        return nullcontext()

    def busy(self, runnable: Runnable | None = None) -> bool:
        def counts(case: Case) -> bool:
            return not case.queued or runnable is None or runnable.runs(case.connector, case.action_type)

        return any(case.moving and counts(case) for case in self._cases())

    def waiting(self, tenant_id: str, account_id: str | None, after: str | None, limit: int) -> list[Case]:
        found = [
            case for case in self._cases(tenant_id) if case.status in WAITING and account_id in (None, case.account_id)
        ]
        found.sort(key=_by_expiry)
        start = None if after is None else cursor_of(after)
        return [case for case in found if start is None or _by_expiry(case) > start][:limit]

    def oldest_waiting(self, tenant_id: str) -> datetime | None:
        return min((case.created_at for case in self._cases(tenant_id) if case.status in WAITING), default=None)

    def queue_lines(
        self,
        tenant_id: str,
        proposed_by: str | None,
        after: Mapping[str, QueuePlace],
        limit: int,
        assigned_to: Sequence[str] | None = None,
    ) -> list[QueueLine]:
        every = sorted((case for case in self._cases(tenant_id) if case.status in WAITING), key=_by_expiry)
        wanted = (case for case in every if assigned_to is None or holder_of(case) in assigned_to)
        return first_of_each(map(queue_line, wanted), proposed_by, after, limit)

    def waiting_counts(
        self,
        tenant_id: str,
        kinds: Sequence[CountKind],
        people: Sequence[str] = (ANYBODY,),
        voters: Sequence[str] = (ANYBODY,),
    ) -> Counter[WaitingCount]:
        return counts_of(self._cases(tenant_id), kinds, people, voters)

    def recount(self, tenant_id: str) -> int:  # noqa: ARG002 - the port's own
        """Nothing is kept."""
        return 0

    def unanswered(self, tenant_id: str, proposed_by: str) -> int:
        return sum(case.status in UNANSWERED and case.proposed_by == proposed_by for case in self._cases(tenant_id))

    def cases(self, tenant_id: str, which: CaseFilter, after: str | None, limit: int) -> list[Case]:
        found = [case for case in self._cases(tenant_id) if which.matches(case)]
        found.sort(key=_by_creation, reverse=True)
        start = None if after is None else cursor_of(after)
        return [case for case in found if start is None or _by_creation(case) < start][:limit]

    def chain(self, tenant_id: str, action_intent_id: str | None) -> list[LedgerEntry]:
        with self._lock:
            return list(self._chains.get((tenant_id, action_intent_id), []))

    def recent(
        self, tenant_id: str, event_types: Sequence[str], account_id: str | None, after: str | None, limit: int
    ) -> list[LedgerEntry]:
        with self._lock:
            entries = [entry for (tenant, _), chain in self._chains.items() if tenant == tenant_id for entry in chain]
        found = [e for e in entries if e.event_type in event_types and account_id in (None, e.account_id)]
        found.sort(key=by_time, reverse=True)
        start = None if after is None else cursor_of(after)
        return [entry for entry in found if start is None or by_time(entry) < start][:limit]

    def ledger_after(self, tenant_id: str, event_types: Sequence[str], after: str, limit: int) -> LedgerPage:
        with self._lock:
            start, end = int(after or 0), len(self._ledger)
            places = [n for n in range(start, end) if self._ledger[n].tenant_id == tenant_id]
            more = len(places) > limit
            found = [(self._ledger[n], _position(n + 1)) for n in places[:limit]]
        behind = found[-1][1] if more else _position(max(start, end))
        return LedgerPage([each for each in found if each[0].event_type in event_types], behind, more)

    def ledger_position(self, tenant_id: str, since: datetime | None = None) -> str:
        with self._lock:
            first = (
                n
                for n, entry in enumerate(self._ledger)
                if since is not None and entry.tenant_id == tenant_id and by_time(entry)[0] >= since
            )
            return _position(next(first, len(self._ledger)))

    def reader_page(self, tenant_id: str, event_types: Sequence[str], after: str, limit: int) -> ReaderPage | None:
        with self._lock:
            places = {_name(entry): n for n, entry in enumerate(self._ledger, 1) if entry.tenant_id == tenant_id}
        start = 0 if after == FIRST_POSITION else places.get(after)
        if start is None:
            return None
        page = self.ledger_after(tenant_id, event_types, _position(start), limit)
        behind = [name for name, n in places.items() if start < n <= int(page.position)]
        return ReaderPage(page, [_name(entry) for entry, _ in page.entries], behind[-1] if behind else after)

    def reader_position(self, tenant_id: str, since: datetime | None = None) -> str:
        upto = int(self.ledger_position(tenant_id, since))
        with self._lock:
            names = [_name(entry) for entry in self._ledger[:upto] if entry.tenant_id == tenant_id]
        return names[-1] if names else FIRST_POSITION

    def tenants_after(self, after: str, limit: int) -> ChangedTenants:
        with self._lock:
            start = int(after or 0)
            some = self._ledger[start : start + limit]
            more = start + len(some) < len(self._ledger)
        names = list(dict.fromkeys(entry.tenant_id for entry in some))
        return ChangedTenants(names, _position(start + len(some)), more)

    def export(self, tenant_id: str) -> Iterator[LedgerEntry]:
        with self._lock:
            names = sorted(name for tenant, name in self._chains if tenant == tenant_id and name is not None)
            return iter([entry for name in names for entry in self._chains[tenant_id, name]])

    def counts(self, tenant_id: str, statuses: Sequence[Status] | None = None) -> dict[str, int]:
        cases = self._cases(tenant_id)
        return dict(Counter(case.status for case in cases if statuses is None or case.status in statuses))

    def begun_at_issuer(self, kind: Kind[S], logout: IssuerLogout) -> list[tuple[str, S]]:
        with self._lock:
            found = [(tenant_id, cast(S, each)) for (tenant_id, _), each in self._records[kind.name].items()]
        return logout.ended(found)

    def has_tenant(self, tenant_id: str) -> bool:
        return tenant_id in self.tenants()

    def tenants(self) -> list[str]:
        with self._lock:
            of_records = {tenant for of_kind in self._records.values() for tenant, _ in of_kind}
            return sorted(of_records | {tenant for tenant, _ in self._chains})

    def close(self) -> None:
        """Nothing is held."""

    def _get(self, place: RecordId) -> Shown:
        kind, tenant_id, id = place
        if kind == CHAIN.name:
            entries = self._chains.get((tenant_id, id))
            return IntentHistory(entries) if entries else None
        return self._records[kind].get((tenant_id, id))

    def _cases(self, tenant_id: str | None = None) -> list[Case]:
        with self._lock:
            cases = cast(list[Case], list(self._records[CASE.name].values()))
        return [case for case in cases if tenant_id in (None, case.tenant_id)]

    def _check_chains(self, entries: Sequence[LedgerEntry]) -> None:
        lengths = {chain: len(known) for chain, known in self._chains.items()}
        for entry in entries:
            chain = (entry.tenant_id, entry.action_intent_id)
            if entry.sequence != lengths.get(chain, 0) + 1:
                raise TryLater(f"place {entry.sequence} of chain {entry.action_intent_id!r} is taken already")
            lengths[chain] = entry.sequence

    def _apply(self, call: _Call) -> None:
        for (kind, tenant_id, id), record in call.written.items():
            if record is None:
                self._records[kind].pop((tenant_id, id), None)
            else:
                self._records[kind][tenant_id, id] = record
        for entry in call.entries:
            self._chains.setdefault((entry.tenant_id, entry.action_intent_id), []).append(entry)
        self._ledger += call.entries


class _Call:
    """The units of one call over what is stored: a later one sees what an earlier one wrote."""

    def __init__(self, stored: Callable[[RecordId], Shown]) -> None:
        self._stored = stored
        self.written: dict[RecordId, Stored | None] = {}
        self.entries: list[LedgerEntry] = []

    def carry_out(self, unit: UnitOfWork[Any]) -> Any:
        """The unit's answer, or the `RemitError` it raised."""
        shown = RecordSnapshot({})
        try:
            self._show(unit.reads, shown)
            self._show(list(needed(unit, shown)), shown)
            writes = unit.decide(shown)
        except RemitError as error:
            return as_answer(error)
        self._take(writes, shown)
        return writes.answer

    def _show(self, keys: Sequence[Key[Any]], shown: RecordSnapshot) -> None:
        for place in map(record_id, keys):
            shown.records[place] = self._now(place)

    def _now(self, place: RecordId) -> Shown:
        if place in self.written:
            return self.written[place]
        stored = self._stored(place)
        if place[0] != CHAIN.name:
            return stored
        own = [entry for entry in self.entries if (entry.tenant_id, entry.action_intent_id) == place[1:]]
        history = cast("IntentHistory | None", stored)
        return history if not own else history.after(own) if history else IntentHistory(own)

    def _take(self, writes: Writes[Any], shown: RecordSnapshot) -> None:
        for key, record in writes.puts:
            place = check_may_put(key, shown)
            self.written[place] = rewritten(record, shown.records.get(place))
        for key in writes.deletes:
            self.written[check_may_put(key, shown)] = None
        self.entries += writes.entries


def _position(behind: int) -> str:
    return f"{behind:012d}"


def _name(entry: LedgerEntry) -> str:
    return segment_name(*by_time(entry))


def _tenant_of(case: Case) -> str:
    return case.tenant_id


def _by_due(case: Case) -> tuple[datetime, str, str]:
    return case.due_at or case.expires_at, case.tenant_id, case.action_intent_id


def _by_expiry(case: Case) -> tuple[datetime, str]:
    return case.expires_at, case.action_intent_id


def _by_creation(case: Case) -> tuple[datetime, str]:
    return case.created_at, case.action_intent_id
