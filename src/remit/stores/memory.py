"""
A store in this process's memory, for tests and for trying things out. Nothing outlives the process.

One lock, held from read to write, makes every call atomic; nothing here is fast on purpose.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, TypeVar, cast

from remit.core.errors import InvalidInput, RemitError, TryLater
from remit.core.ledger.entries import LedgerEntry
from remit.core.lifecycle import MOVING, WAITING, Case
from remit.core.records import CASE, KINDS, Key, Kind
from remit.core.values import Stored, parse_moment
from remit.ports import CaseFilter, Message, Snapshot, UnitOfWork, Writes, needed

T = TypeVar("T")
R = TypeVar("R", bound=Stored)

EnlistInMemory = Callable[[Any, Sequence[Message]], None]
_Place = tuple[str, str, str]
"""Kind, tenant, id: a key without the weight of hashing its kind."""


class MemoryStore:
    """`enlist` hands messages over in the same write; what it is given as transaction is this store."""

    def __init__(self, enlist: EnlistInMemory | None = None) -> None:
        self._enlist = enlist
        # Reentrant: a publisher that enlists may look something up.
        self._lock = threading.RLock()
        self._records: dict[str, dict[tuple[str, str], Stored]] = {name: {} for name in KINDS}
        self._chains: dict[tuple[str, str | None], dict[int, LedgerEntry]] = {}

    def transact(self, units: Sequence[UnitOfWork[T]]) -> list[T | RemitError]:
        with self._lock:
            call = _Call(self._get)
            answers = [call.carry_out(unit) for unit in units]
            self._check_places(call.entries)
            if call.messages:
                self._hand_over(call.messages)
            self._apply(call)
            return answers

    def read(self, keys: Sequence[Key[Any]]) -> Snapshot:
        with self._lock:
            return _Shown({_place(key): self._get(_place(key)) for key in keys})

    def scan(self, kind: Kind[R], tenant_id: str, prefix: str = "") -> list[R]:
        with self._lock:
            of_kind = self._records[kind.name]
            ids = sorted(id for tenant, id in of_kind if tenant == tenant_id and id.startswith(prefix))
            return [cast(R, of_kind[tenant_id, id]) for id in ids]

    def due(self, now: datetime, limit: int) -> list[Case]:
        due = [(case.due_at, case) for case in self._cases() if case.due_at is not None and case.due_at <= now]
        due.sort(key=lambda pair: (pair[0], pair[1].tenant_id, pair[1].action_intent_id))
        return [case for _, case in due[:limit]]

    def busy(self) -> bool:
        return any(case.status in MOVING for case in self._cases())

    def waiting(self, tenant_id: str, account_id: str | None, after: str | None, limit: int) -> list[Case]:
        found = [
            case for case in self._cases(tenant_id) if case.status in WAITING and account_id in (None, case.account_id)
        ]
        found.sort(key=_by_expiry)
        start = None if after is None else _cursor(after)
        return [case for case in found if start is None or _by_expiry(case) > start][:limit]

    def cases(self, tenant_id: str, which: CaseFilter, after: str | None, limit: int) -> list[Case]:
        found = [case for case in self._cases(tenant_id) if which.matches(case)]
        found.sort(key=_by_creation, reverse=True)
        start = None if after is None else _cursor(after)
        return [case for case in found if start is None or _by_creation(case) < start][:limit]

    def chain(self, tenant_id: str, action_intent_id: str | None) -> list[LedgerEntry]:
        with self._lock:
            return _in_order(self._chains.get((tenant_id, action_intent_id), {}))

    def recent(
        self, tenant_id: str, event_types: Sequence[str], account_id: str | None, after: str | None, limit: int
    ) -> list[LedgerEntry]:
        with self._lock:
            entries = [e for (tenant, _), chain in self._chains.items() if tenant == tenant_id for e in chain.values()]
        found = [e for e in entries if e.event_type in event_types and account_id in (None, e.account_id)]
        found.sort(key=_by_time, reverse=True)
        start = None if after is None else _cursor(after)
        return [entry for entry in found if start is None or _by_time(entry) < start][:limit]

    def export(self, tenant_id: str) -> Iterator[LedgerEntry]:
        with self._lock:
            names = sorted(name for tenant, name in self._chains if tenant == tenant_id and name is not None)
            return iter([entry for name in names for entry in _in_order(self._chains[tenant_id, name])])

    def counts(self, tenant_id: str) -> dict[str, int]:
        return dict(Counter(case.status for case in self._cases(tenant_id)))

    def tenants(self) -> list[str]:
        with self._lock:
            of_records = {tenant for of_kind in self._records.values() for tenant, _ in of_kind}
            return sorted(of_records | {tenant for tenant, _ in self._chains})

    def close(self) -> None:
        """Nothing is held."""

    def _get(self, place: _Place) -> Stored | None:
        kind, tenant_id, id = place
        return self._records[kind].get((tenant_id, id))

    def _cases(self, tenant_id: str | None = None) -> list[Case]:
        with self._lock:
            cases = cast(list[Case], list(self._records[CASE.name].values()))
        return [case for case in cases if tenant_id in (None, case.tenant_id)]

    def _check_places(self, entries: Sequence[LedgerEntry]) -> None:
        taken: set[tuple[str, str | None, int]] = set()
        for entry in entries:
            chain = self._chains.get((entry.tenant_id, entry.action_intent_id), {})
            place = (entry.tenant_id, entry.action_intent_id, entry.sequence)
            if entry.sequence in chain or place in taken:
                raise TryLater(f"place {entry.sequence} of chain {entry.action_intent_id!r} is taken already")
            taken.add(place)

    def _hand_over(self, messages: Sequence[Message]) -> None:
        if self._enlist is None:
            raise RuntimeError("messages need a store that was opened with an enlisting publisher")
        self._enlist(self, messages)

    def _apply(self, call: _Call) -> None:
        for (kind, tenant_id, id), record in call.written.items():
            if record is None:
                self._records[kind].pop((tenant_id, id), None)
            else:
                self._records[kind][tenant_id, id] = record
        for entry in call.entries:
            self._chains.setdefault((entry.tenant_id, entry.action_intent_id), {})[entry.sequence] = entry


class _Call:
    """The units of one call over what is stored: a later one sees what an earlier one wrote."""

    def __init__(self, stored: Callable[[_Place], Stored | None]) -> None:
        self._stored = stored
        self.written: dict[_Place, Stored | None] = {}
        self.entries: list[LedgerEntry] = []
        self.messages: list[Message] = []

    def carry_out(self, unit: UnitOfWork[Any]) -> Any:
        """The unit's answer, or the `RemitError` it raised."""
        shown = _Shown({})
        try:
            self._show(unit.reads, shown)
            self._show(list(needed(unit, shown)), shown)
            writes = unit.decide(shown)
        except RemitError as error:
            return error
        self._take(writes, shown)
        return writes.answer

    def _show(self, keys: Sequence[Key[Any]], shown: _Shown) -> None:
        for place in map(_place, keys):
            shown.records[place] = self.written[place] if place in self.written else self._stored(place)

    def _take(self, writes: Writes[Any], shown: _Shown) -> None:
        for key, record in [*writes.puts, *((key, None) for key in writes.deletes)]:
            # Without having been read it could overwrite what another writer just decided.
            if key.kind.contended and _place(key) not in shown.records:
                raise KeyError(f"{key.kind.name} {key.id!r} is contended and was written without being named")
            self.written[_place(key)] = record
        self.entries += writes.entries
        self.messages += writes.messages


class _Shown:
    """A `Snapshot`."""

    def __init__(self, records: dict[_Place, Stored | None]) -> None:
        self.records = records

    def get(self, key: Key[R]) -> R | None:
        try:
            return cast("R | None", self.records[_place(key)])
        except KeyError:
            raise KeyError(f"{key.kind.name} {key.id!r} is not among the keys that were named") from None


def _place(key: Key[Any]) -> _Place:
    return key.kind.name, key.tenant_id, key.id


def _by_expiry(case: Case) -> tuple[datetime, str]:
    return case.expires_at, case.action_intent_id


def _by_creation(case: Case) -> tuple[datetime, str]:
    return case.created_at, case.action_intent_id


def _by_time(entry: LedgerEntry) -> tuple[datetime, str]:
    return datetime.fromisoformat(entry.at), entry.entry_id


def _in_order(chain: dict[int, LedgerEntry]) -> list[LedgerEntry]:
    return [chain[sequence] for sequence in sorted(chain)]


def _cursor(text: str) -> tuple[datetime, str]:
    moment, bar, id = text.partition("|")
    try:
        at = parse_moment(moment)
    except ValueError:
        at = None
    if not bar or at is None:
        raise InvalidInput("after", f"{text!r} is not a cursor", "send one that a page of this list ended with")
    return at, id
