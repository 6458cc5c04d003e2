"""
The net effect of many units: each is shown what those before it wrote, and the net effect is one set of
changes. Nothing here knows a database; `load` is how it looks things up.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from typing import Any, Literal, NamedTuple, cast

from msgspec import Struct, field

from remit.core.errors import RemitError
from remit.core.gate.bounds import BoundsInForce
from remit.core.ledger.entries import LedgerEntry
from remit.core.ledger.history import IntentHistory
from remit.core.lifecycle import Case
from remit.core.records import CHAIN, Key
from remit.core.values import Stored
from remit.ports import UnitOfWork, Writes, as_answer, needed
from remit.stores.bounds_parts import BOUNDS_PARTS, parts_of, stored_bounds
from remit.stores.segments import segments_of_chain
from remit.stores.sql.rows import (
    EVENTS,
    KEYED,
    SEGMENTS,
    STATES,
    WAITING_COUNTS,
    Row,
    count_rows,
    event_rows,
    moved_row,
    only_moved,
    record_row,
    segment_row,
    state_row,
    waits,
)
from remit.stores.units import RecordId, RecordSnapshot, Shown, check_may_put, parse_record, record_id, rewritten

Load = Callable[[Iterable[RecordId]], dict[RecordId, Shown]]
_CHAIN = CHAIN.name
Operation = Literal["insert", "update", "move", "upsert", "delete", "add", "drop_empty"]


class RowChange(Struct, frozen=True):
    """Rows of one table that are all written by the same statement."""

    table: str
    operation: Operation
    rows: list[Row]


class _Written(Struct):
    """
    The records written so far, `None` for a deleted one; and what the chains have grown by. `touched` has their places,
    and maybe further ones.
    """

    touched: set[RecordId]
    records: dict[RecordId, Stored | None] = field(default_factory=dict)
    chains: dict[RecordId, list[LedgerEntry]] = field(default_factory=dict)

    def take(self, writes: Writes[Any], shown: RecordSnapshot) -> None:
        records, touched = self.records, self.touched
        for key, record in writes.puts:
            place = check_may_put(key, shown)
            records[place] = rewritten(record, shown.records.get(place))
            touched.add(place)
        for key in writes.deletes:
            place = check_may_put(key, shown)
            records[place] = None
            touched.add(place)
        self._grow(writes.entries)

    def _grow(self, entries: Sequence[LedgerEntry]) -> None:
        grown: list[LedgerEntry] = []
        last: LedgerEntry | None = None
        for entry in entries:
            if last is None or entry.action_intent_id != last.action_intent_id or entry.tenant_id != last.tenant_id:
                # A tenant's own chain is no record; nothing else has a place without an id.
                place = _CHAIN, entry.tenant_id, entry.action_intent_id or ""
                grown, last = self.chains.setdefault(place, []), entry
                self.touched.add(place)
            grown.append(entry)

    def add(self, other: _Written) -> None:
        self.records.update(other.records)
        for place, entries in other.chains.items():
            self.chains.setdefault(place, []).extend(entries)


class _Named(NamedTuple):
    """The places that a unit names with what is stored there, and those that it will name after seeing that."""

    places: list[RecordId]
    shown: RecordSnapshot
    more: list[RecordId] | None
    """`None` where that is not known ahead."""


class SqlBatch:
    """The units of one or more callers, one after the other. One caller's failure leaves no trace of it."""

    def __init__(self, load: Load, known: Mapping[RecordId, Shown], count_slots: int = 1) -> None:
        """`known` is as last committed, and need not be loaded. A count of what waits is so many rows at most."""
        self._load, self._known, self._count_slots = load, known, count_slots
        self.wrote_directly = False
        """Was anything written in this transaction that is none of its changes?"""
        self._loaded: dict[RecordId, Shown] = {}
        self._touched: set[RecordId] = set()
        """Every place that is not as it was loaded, and maybe further ones."""
        self._written = _Written(self._touched)
        self._bounds: dict[RecordId, Stored | None] = {}
        self._named: dict[int, _Named] = {}

    def prefetch(self, units: Sequence[UnitOfWork[Any]], last_seen: Mapping[RecordId, Shown]) -> None:
        """
        Look up in bulk what the units name, and what they will name after seeing that: along with the first what they
        would name if all still were as it was `last_seen`, which a look-up of its own would cost.
        """
        self._loaded.update([(record_id(key), None) for unit in units for key in unit.new])
        named = [[record_id(key) for key in unit.reads] for unit in units]
        guessed = [_guessed(unit, places, last_seen) for unit, places in zip(units, named, strict=True) if last_seen]
        self._fetch(chain(chain.from_iterable(named), chain.from_iterable(guessed)))
        for unit, places in zip(units, named, strict=True):
            self._named[id(unit)] = self._predicted(unit, places)
        self._fetch(chain.from_iterable([named.more for named in self._named.values() if named.more]))

    def read_before(self, place: RecordId, body: str | bytes) -> Any:
        """A record whose body was read in this transaction, and locked where others could write it; it is not again."""
        if place not in self._loaded:
            self._loaded[place] = self._known[place] if place in self._known else parse_record(place[0], body)
        return self._loaded[place]

    def carry_out(self, units: Sequence[UnitOfWork[Any]], enough: Callable[[], bool] = lambda: False) -> list[Any]:
        """One caller's answers, of the first units alone if that is `enough`. If this raises, none of them counts."""
        mine, answers = _Written(self._touched), []
        for unit in units:
            answers.append(self._answer(unit, mine))
            if enough():
                break
        self._written.add(mine)
        return answers

    def changes(self) -> list[RowChange]:
        """The net effect, in the order in which tables are locked."""
        found: dict[tuple[str, Operation], list[Row]] = {}
        for table, operation, row in chain(self._rows(), self._chain_rows()):
            if (rows := found.get((table, operation))) is None:
                found[table, operation] = [row]
            else:
                rows.append(row)
        found |= self._counted()
        changes = [RowChange(table, operation, rows) for (table, operation), rows in found.items()]
        changes.sort(key=lambda change: _LOCK_ORDER[change.table])
        return changes

    def _counted(self) -> dict[tuple[str, Operation], list[Row]]:
        """The changes of the counts of what waits, in the order in which everybody locks them."""
        total: dict[Row, int] = {}
        for target, record in self._written.records.items():
            if isinstance(record, Case):
                before = cast("Stored | None", self._loaded.get(target))
                if waits(before) or waits(record):
                    for key, more in count_rows(before, record, self._count_slots).items():
                        total[key] = total.get(key, 0) + more
        if not total:
            return {}
        changed = [(more, *key) for key, more in sorted(total.items()) if more]
        fewer = [row[1:] for row in changed if row[0] < 0]
        rows: dict[tuple[str, Operation], list[Row]] = {
            (WAITING_COUNTS, "add"): changed,
            (WAITING_COUNTS, "drop_empty"): fewer,
        }
        return {change: found for change, found in rows.items() if found}

    def written(self) -> dict[RecordId, Shown]:
        """The records as they are when the changes are committed, and the chains: `None` for one that nobody read."""
        nothing, loaded = _Written(set()), self._loaded
        grown = [place for place in self._written.chains if place[2]]
        chains = {place: self._grown(place, nothing) if place in loaded else None for place in grown}
        return {**self._written.records, **self._bounds, **chains}

    def _rows(self) -> Iterator[tuple[str, Operation, Row]]:
        for target, record in self._written.records.items():
            yield from self._record_rows(target, record)

    def _chain_rows(self) -> Iterator[tuple[str, Operation, Row]]:
        for entries in self._written.chains.values():
            for segment in segments_of_chain(entries):
                yield SEGMENTS, "insert", segment_row(segment)
                if segment.has_rare:
                    yield from ((EVENTS, "insert", row) for row in event_rows(segment))

    def _record_rows(self, target: RecordId, record: Stored | None) -> Iterator[tuple[str, Operation, Row]]:
        unread = target not in self._loaded
        before = None if unread else cast("Stored | None", self._loaded[target])
        if record is None:
            if unread or before is not None:
                yield target[0], "delete", target[1:]
            yield from ((BOUNDS_PARTS, "delete", (target[1], name)) for name in parts_of(before))
            return
        if isinstance(record, BoundsInForce):
            row = yield from self._parts_rows(target, record, before)
        else:
            row = record_row(*target, record)
        if unread:
            yield target[0], "upsert", row
        elif before is None:
            # Never an upsert for what was seen to be absent: if someone else made it in the meantime,
            # the unit has to be asked again.
            yield target[0], "insert", row
        elif only_moved(before, record):
            yield target[0], "move", moved_row(row)
        else:
            yield target[0], "update", row
        if isinstance(record, Case):
            yield from _state_rows(before, record)

    def _parts_rows(
        self, target: RecordId, record: BoundsInForce, before: Stored | None
    ) -> Generator[tuple[str, Operation, Row], None, Row]:
        """Change the parts that these bounds are stored in. Answers the row of the bounds themselves."""
        stored = stored_bounds(record, before)
        self._bounds[target] = stored.record
        yield from ((BOUNDS_PARTS, "insert", (body, target[1], name)) for name, body in stored.new.items())
        yield from ((BOUNDS_PARTS, "delete", (target[1], name)) for name in stored.gone)
        return stored.body, *target[1:]

    def _answer(self, unit: UnitOfWork[Any], mine: _Written) -> Any:
        try:
            shown = self._show(unit, mine)
            writes = unit.decide(shown)
        except RemitError as error:
            return as_answer(error)
        mine.take(writes, shown)
        return writes.answer

    def _show(self, unit: UnitOfWork[Any], mine: _Written) -> RecordSnapshot:
        named = self._named.get(id(unit))
        # What was predicted holds unless a unit before it changed what it looked at.
        if named is None or not self._touched.isdisjoint(named.places):
            shown, more = RecordSnapshot(self._current(self._fetched(unit.reads), mine)), None
        else:
            _, shown, more = named
        if more is None:
            more = self._fetched(needed(unit, shown))
        if more:
            shown.records.update(self._current(more, mine))
        return shown

    def _fetched(self, keys: Iterable[Key[Any]]) -> list[RecordId]:
        places = [record_id(key) for key in keys]
        self._fetch(places)
        return places

    def _current(self, places: Sequence[RecordId], mine: _Written) -> dict[RecordId, Shown]:
        loaded, own, before = self._loaded, mine.records, self._written.records
        shown: dict[RecordId, Shown] = {}
        for place in places:
            if place in own:
                shown[place] = own[place]
            elif place in before:
                shown[place] = before[place]
            else:
                shown[place] = self._grown(place, mine) if place[0] == _CHAIN else loaded[place]
        return shown

    def _grown(self, place: RecordId, mine: _Written) -> Shown:
        """A chain as it is now."""
        loaded = self._loaded[place]
        entries = [*self._written.chains.get(place, ()), *mine.chains.get(place, ())]
        if not entries:
            return loaded
        return loaded.after(entries) if isinstance(loaded, IntentHistory) else IntentHistory(entries)

    def _predicted(self, unit: UnitOfWork[Any], places: list[RecordId]) -> _Named:
        loaded = self._loaded
        shown = RecordSnapshot({place: loaded[place] for place in places})
        try:
            return _Named(places, shown, [record_id(key) for key in needed(unit, shown)])
        except Exception:
            # At its turn it is asked again, and what it raises then is its answer.
            return _Named(places, shown, None)

    def _fetch(self, places: Iterable[RecordId]) -> None:
        loaded, known = self._loaded, self._known
        missing: set[RecordId] = set()
        for place in places:
            if place not in loaded:
                if place in known:
                    loaded[place] = known[place]
                else:
                    missing.add(place)
        if missing:
            loaded.update(self._load(missing))


def _guessed(
    unit: UnitOfWork[Any], places: Sequence[RecordId], last_seen: Mapping[RecordId, Shown]
) -> Sequence[RecordId]:
    if unit.then_reads is None:
        return ()
    # Whatever comes of it: what is named after seeing what is stored is looked up in any case.
    with suppress(Exception):
        return list(map(record_id, needed(unit, RecordSnapshot({place: last_seen.get(place) for place in places}))))
    return ()


def _state_rows(before: Stored | None, after: Case) -> Iterator[tuple[str, Operation, Row]]:
    old = state_row(before) if isinstance(before, Case) else None
    new = state_row(after)
    if old == new:
        return
    if new is None:
        yield STATES, "delete", (after.tenant_id, after.action_intent_id)
    elif old is None:
        yield STATES, "insert", new
    else:
        yield STATES, "update", new


# Counts come last: whoever holds one is about to commit.
_LOCK_ORDER = {name: position for position, name in enumerate([*KEYED, STATES, SEGMENTS, EVENTS, WAITING_COUNTS])}
