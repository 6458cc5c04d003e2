"""
What many units come to: each is shown what those before it wrote, and the net effect is one set of
changes. Nothing here knows a database; `load` is how it looks things up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from remit.core.errors import RemitError
from remit.core.ledger.entries import LedgerEntry
from remit.core.records import KINDS, Key
from remit.core.values import Stored
from remit.ports import Message, UnitOfWork, Writes, needed
from remit.stores.sql.rows import LEDGER, Row, entry_row, moved_row, only_moved, place, record_row
from remit.stores.units import RecordId, RecordSnapshot

R = TypeVar("R", bound=Stored)

Load = Callable[[Iterable[RecordId]], dict[RecordId, Stored | None]]
Operation = Literal["insert", "update", "move", "upsert", "delete"]


@dataclass(frozen=True, slots=True)
class RowChange:
    """Rows of one table that are all written by the same statement."""

    table: str
    operation: Operation
    rows: list[Row]


@dataclass(slots=True)
class _Written:
    """What was written so far; `None` stands for a deleted record."""

    records: dict[RecordId, Stored | None] = field(default_factory=dict)
    entries: list[LedgerEntry] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)

    def take(self, writes: Writes[Any], shown: RecordSnapshot) -> None:
        for key, record in writes.puts:
            self.records[_may_write(key, shown)] = record
        for key in writes.deletes:
            self.records[_may_write(key, shown)] = None
        self.entries += writes.entries
        self.messages += writes.messages

    def add(self, other: _Written) -> None:
        self.records.update(other.records)
        self.entries += other.entries
        self.messages += other.messages


def _may_write(key: Key[Any], shown: RecordSnapshot) -> RecordId:
    target = place(key)
    # Without having been read it could overwrite what another writer just decided.
    if key.kind.contended and target not in shown.records:
        raise KeyError(f"{key.kind.name} {key.id!r} is contended and was written without being named")
    return target


class SqlBatch:
    """The units of one or more callers, one after the other. One caller's failure leaves no trace of it."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._loaded: dict[RecordId, Stored | None] = {}
        self._written = _Written()
        self._more: dict[int, list[RecordId]] = {}

    def prefetch(self, units: Sequence[UnitOfWork[Any]]) -> None:
        """Look up in bulk what the units name, and what they will name after seeing that."""
        named = [list(map(place, unit.reads)) for unit in units]
        self._fetch(each for places in named for each in places)
        for unit, places in zip(units, named, strict=True):
            if unit.then_reads is not None:
                self._predict_keys(unit, places)
        self._fetch(each for places in self._more.values() for each in places)

    def carry_out(self, units: Sequence[UnitOfWork[Any]]) -> list[Any]:
        """One caller's answers. If this raises, nothing of these units counts."""
        mine = _Written()
        answers = [self._answer(unit, mine) for unit in units]
        self._written.add(mine)
        return answers

    @property
    def messages(self) -> list[Message]:
        return self._written.messages

    def changes(self) -> list[RowChange]:
        """The net effect, in the order in which tables are locked."""
        found: dict[tuple[str, Operation], list[Row]] = {}
        for target, record in self._written.records.items():
            change = self._change(target, record)
            if change is not None:
                operation, row = change
                found.setdefault((target[0], operation), []).append(row)
        changes = [RowChange(table, operation, rows) for (table, operation), rows in found.items()]
        changes.sort(key=lambda change: _LOCK_ORDER[change.table])
        if self._written.entries:
            changes.append(RowChange(LEDGER, "insert", list(map(entry_row, self._written.entries))))
        return changes

    def _change(self, target: RecordId, record: Stored | None) -> tuple[Operation, Row] | None:
        unread = target not in self._loaded
        before = None if unread else self._loaded[target]
        if record is None:
            return ("delete", target[1:]) if unread or before is not None else None
        row = record_row(*target[1:], record)
        if unread:
            return "upsert", row
        # Never an upsert for what was seen to be absent: if someone else made it in the meantime,
        # the unit has to be asked again.
        if before is None:
            return "insert", row
        return ("move", moved_row(row)) if only_moved(before, record) else ("update", row)

    def _answer(self, unit: UnitOfWork[Any], mine: _Written) -> Any:
        try:
            shown = self._show(unit, mine)
            writes = unit.decide(shown)
        except RemitError as error:
            return error
        mine.take(writes, shown)
        return writes.answer

    def _show(self, unit: UnitOfWork[Any], mine: _Written) -> RecordSnapshot:
        places = list(map(place, unit.reads))
        shown = RecordSnapshot(self._current(places, mine))
        if unit.then_reads is not None:
            more = self._more.get(id(unit))
            # What it foresaw holds unless a unit before it changed what it looked at.
            if more is None or any(each in mine.records or each in self._written.records for each in places):
                more = list(map(place, needed(unit, shown)))
            shown.records.update(self._current(more, mine))
        return shown

    def _current(self, places: Sequence[RecordId], mine: _Written) -> dict[RecordId, Stored | None]:
        self._fetch(places)
        loaded, before, own = self._loaded, self._written.records, mine.records
        return {each: own[each] if each in own else before[each] if each in before else loaded[each] for each in places}

    def _predict_keys(self, unit: UnitOfWork[Any], places: Sequence[RecordId]) -> None:
        shown = RecordSnapshot({each: self._loaded[each] for each in places})
        # If it raises: at its turn it is asked again, and what it raises then is its answer.
        with suppress(Exception):
            self._more[id(unit)] = list(map(place, needed(unit, shown)))

    def _fetch(self, places: Iterable[RecordId]) -> None:
        missing = {each for each in places if each not in self._loaded}
        if missing:
            self._loaded.update(self._load(missing))


_LOCK_ORDER = {name: position for position, name in enumerate(KINDS)}
