"""
The net effect of many units: each is shown what those before it wrote, and becomes the effect it has.
Nothing here sends anything; `BatchReader` is how a batch looks things up.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from typing import Any, Protocol, cast

from msgspec import Struct, field

from remit.core.errors import InvalidInput, RemitError, TryLater
from remit.core.gate.bounds import BoundsInForce
from remit.core.ledger.entries import LedgerEntry
from remit.core.ledger.history import IntentHistory
from remit.core.records import CHAIN, KINDS
from remit.core.values import Stored
from remit.ports import UnitOfWork, Writes, as_answer, needed
from remit.stores.bounds_parts import BOUNDS_PARTS, parts_of, stored_bounds
from remit.stores.dynamodb.items import BODY, Item, body_item, record_item
from remit.stores.dynamodb.layout import copies_of, home
from remit.stores.dynamodb.record_cache import CachedBounds, RecordCache, Versioned
from remit.stores.segments import Segment, segments_of
from remit.stores.units import RecordId, RecordSnapshot, Shown, check_may_put, record_id, rewritten

Chain = tuple[str, str | None]
"""Tenant and intent; without an intent, the tenant's own."""

MOST_ACTIONS = 100
"""In one transaction; DynamoDB's own limit."""
MOST_BYTES = 3_500_000
"""In one transaction; DynamoDB's own limit is 4 MB, with names and indexes counted in."""
MOST_ITEM_BYTES = 395_000
"""Of one item; DynamoDB's own limit is 400 KB, with names and indexes counted in."""

UNVERSIONED = ""


class BatchReader(Protocol):
    def read(self, groups: Sequence[Sequence[RecordId]]) -> dict[RecordId, Versioned]:
        """The records that are there now, for chains their cases; the places of one group as of one moment."""
        ...

    def history(self, place: RecordId, case: Versioned) -> IntentHistory | None:
        """The chain at `place` as of the moment at which `case` was read."""
        ...


class Effect(Struct):
    """The effect that one unit, or several together, leave behind. `None` stands for a deleted record."""

    records: dict[RecordId, Stored | None] = field(default_factory=dict)
    items: dict[RecordId, Item] = field(default_factory=dict)
    entries: dict[Chain, tuple[LedgerEntry, ...]] = field(default_factory=dict)
    new_parts: dict[RecordId, str] = field(default_factory=dict)
    """Of bounds, which are there before."""
    gone_parts: set[RecordId] = field(default_factory=set)
    """Of bounds, which go afterwards."""
    looked_at: set[RecordId] = field(default_factory=set)
    """Contended records that the answer rests on."""

    @property
    def checked(self) -> set[RecordId]:
        """The records that have to be as they were without being written."""
        return self.looked_at - self.records.keys()

    @property
    def writes(self) -> bool:
        return bool(self.records or self.entries)

    def add(self, other: Effect) -> None:
        self.records |= other.records
        for place in other.records:
            self.items.pop(place, None)
        self.items |= other.items
        for chain, entries in other.entries.items():
            self.entries[chain] = (*self.entries.get(chain, ()), *entries)
        self.looked_at |= other.looked_at
        self.gone_parts |= other.gone_parts
        named = self.new_parts | other.new_parts
        self.new_parts = {place: body for place, body in named.items() if place not in self.gone_parts}

    def segments(self) -> list[Segment]:
        return [segment for entries in self.entries.values() for segment in segments_of(entries)]

    def fits(self) -> bool:
        segments = self.segments()
        # One action is kept for each tenant that is written to for the first time, and one for the mark of a change.
        tenants = len({place[1] for place in self.records} | {tenant_id for tenant_id, _ in self.entries})
        actions = (
            sum(len(copies_of(place)) for place in self.records)
            + len(segments)
            + len(self.checked)
            + tenants
            + len({tenant_id for tenant_id, _ in self.entries})
        )
        sizes = [*map(_size, segments)]
        held = sum(len(item[BODY]["S"]) for item in self.items.values()) + sum(sizes)
        return actions <= MOST_ACTIONS and held <= MOST_BYTES and max(sizes, default=0) <= MOST_ITEM_BYTES

    def tenants(self) -> set[str]:
        """Every tenant that something is kept for."""
        return {place[1] for place in self.items} | {tenant_id for tenant_id, _ in self.entries}


def _size(segment: Segment) -> int:
    """At least what it takes in an item: it is packed only where that matters."""
    lines = sum(len(entry.line) + 1 for entry in segment.entries)
    return lines if lines <= MOST_ITEM_BYTES else len(segment.packed())


class DynamoBatch:
    """
    Units one after the other, over what is stored.

    With `trusting`, a unit that may be shown what this process remembers is; see `UnitOfWork.optimistic`.
    `due_parts` answers how many the index of what is due has of each.
    """

    def __init__(
        self, reader: BatchReader, cache: RecordCache, due_parts: Callable[[], int], *, trusting: bool
    ) -> None:
        self._reader, self._cache, self._due_parts, self._trusting = reader, cache, due_parts, trusting
        self.loaded: dict[RecordId, Versioned] = {}
        self._written: dict[RecordId, Stored | None] = {}
        self._grown: dict[Chain, tuple[LedgerEntry, ...]] = {}
        self._more: dict[int, list[RecordId]] = {}
        self._guesses: dict[int, dict[RecordId, Versioned]] = {}
        self._late: set[RecordId] = set()

    def gather(self, units: Sequence[UnitOfWork[Any]]) -> None:
        """Look up in bulk what the units name, what they are likely to name, and what they name after seeing that."""
        unknown = [unit for unit in units if not self._recalls(unit)]
        self._recall_what_may_lag(unknown)
        self._load([[*map(record_id, unit.reads), *self._foreseen(unit)] for unit in unknown])
        for _ in range(2):
            short = [unit for unit in unknown if self._names_more(unit)]
            if not short:
                return
            # Together with what was seen already: what a unit is shown is as of one moment.
            self._load([[*map(record_id, unit.reads), *self._more[id(unit)]] for unit in short], anew=True)

    def _recall_what_may_lag(self, units: Sequence[UnitOfWork[Any]]) -> None:
        """Of what every unit that names it may be shown a moment late: what was seen a moment ago."""
        late = {record_id(key) for unit in units for key in unit.may_lag}
        exact = {record_id(key) for unit in units for key in unit.reads if key not in unit.may_lag}
        for place in late - exact:
            seen = self._cache.recall_recent(place)
            if seen is not None:
                self.loaded[place] = seen
                self._late.add(place)

    def effects_of(self, units: Sequence[UnitOfWork[Any]]) -> tuple[list[Any], list[Effect]]:
        """One caller's answers, and what each unit leaves behind. If this raises, nothing of these units counts."""
        before = dict(self._written), dict(self._grown)
        answers, effects = [], []
        try:
            for unit in units:
                answer, effect = self._carried_out(unit)
                answers.append(answer)
                effects.append(effect)
        except BaseException:
            self._written, self._grown = before
            raise
        return answers, effects

    def _carried_out(self, unit: UnitOfWork[Any]) -> tuple[Any, Effect]:
        if id(unit) in self._guesses:
            # Only now, and only until it is written or read: no other unit is shown what is merely remembered.
            for place, seen in self._guesses[id(unit)].items():
                self.loaded.setdefault(place, seen)
            with suppress(RemitError):
                writes, effect = self._asked(unit)
                if effect.records.keys() >= set(map(record_id, unit.reads)):
                    return self._counted(writes, effect)
            self._load([list(map(record_id, unit.reads))], anew=True)
        try:
            return self._counted(*self._asked(unit))
        except RemitError as error:
            return as_answer(error), Effect()

    def _counted(self, writes: Writes[Any], effect: Effect) -> tuple[Any, Effect]:
        self._written |= effect.records
        for chain, entries in effect.entries.items():
            self._grown[chain] = (*self._grown.get(chain, ()), *entries)
        return writes.answer, effect

    def _asked(self, unit: UnitOfWork[Any]) -> tuple[Writes[Any], Effect]:
        shown = self._show(unit)
        writes = unit.decide(shown)
        effect = self._effect(writes, shown)
        if effect.checked and not effect.writes:
            effect = Effect()
        return writes, effect

    def _effect(self, writes: Writes[Any], shown: RecordSnapshot) -> Effect:
        effect = Effect(looked_at={place for place in map(home, shown.records) if KINDS[place[0]].contended})
        for key, record in writes.puts:
            place = check_may_put(key, shown)
            whole = effect.records[place] = rewritten(record, shown.records.get(place))
            in_parts = isinstance(whole, BoundsInForce)
            item = (
                _head(place, shown, effect) if in_parts else record_item(place, whole, UNVERSIONED, self._due_parts())
            )
            effect.items[place] = _small(item, f"{place[0]} {place[2]!r}")
        for key in writes.deletes:
            place = check_may_put(key, shown)
            effect.items.pop(place, None)
            effect.records[place] = None
            effect.gone_parts |= _places(place, parts_of(shown.records.get(place)))
        for entry in writes.entries:
            self._append(entry, effect)
        for segment in effect.segments():
            _check_size(_size(segment), f"entry {segment.first.entry_id!r} with those that follow it")
        if not effect.fits():
            raise InvalidInput(
                "(unit)", "writes more than one DynamoDB transaction holds, 100 items and 4 MB", "send it in parts"
            )
        return effect

    def _append(self, entry: LedgerEntry, effect: Effect) -> None:
        chain = entry.tenant_id, entry.action_intent_id
        own = effect.entries.get(chain, ())
        before = own or self._grown.get(chain)
        if before and entry.sequence != before[-1].sequence + 1:
            raise TryLater(f"place {entry.sequence} of chain {entry.action_intent_id!r} is taken already")
        effect.entries[chain] = (*own, entry)

    def _show(self, unit: UnitOfWork[Any]) -> RecordSnapshot:
        places = list(map(record_id, unit.reads))
        shown = RecordSnapshot(self._current(places))
        if unit.then_reads is not None:
            more = self._more.get(id(unit))
            # What it foresaw holds unless a unit before it changed what it looked at.
            if more is None or any(self._touched(place) for place in places):
                more = list(map(record_id, needed(unit, shown)))
            shown.records.update(self._current(more))
        return shown

    def _touched(self, place: RecordId) -> bool:
        return place in self._written or (place[0] == CHAIN.name and place[1:] in self._grown)

    def _current(self, places: Sequence[RecordId]) -> dict[RecordId, Shown]:
        self._load([places])
        return {place: self._now(place) for place in places}

    def _now(self, place: RecordId) -> Shown:
        if place in self._written:
            return self._written[place]
        stored = self._stored(place)
        own = self._grown.get(place[1:]) if place[0] == CHAIN.name else None
        if not own:
            return stored
        history = cast("IntentHistory | None", stored)
        return history.after(own) if history else IntentHistory(own)

    def _stored(self, place: RecordId) -> Shown:
        """Of a chain, what its case names as it was read: both are as of one moment."""
        seen = self.loaded[home(place)]
        return self._reader.history(place, seen) if place[0] == CHAIN.name else seen.record

    def _load(self, groups: Iterable[Sequence[RecordId]], *, anew: bool = False) -> None:
        known = self._late if anew else self.loaded.keys()
        wanted = [list(dict.fromkeys(place for place in group if home(place) not in known)) for group in groups]
        wanted = [group for group in wanted if group]
        if wanted:
            self.loaded |= self._reader.read(wanted)

    def _foreseen(self, unit: UnitOfWork[Any]) -> list[RecordId]:
        # Only which keys may be needed: what is there is read, and if it raises it foresees nothing.
        with suppress(Exception):
            return list(map(record_id, needed(unit, CachedBounds(self._cache))))
        return []

    def _names_more(self, unit: UnitOfWork[Any]) -> bool:
        """Does it name what was not looked up? What it raises now it will raise again at its turn."""
        if unit.then_reads is None:
            return False
        with suppress(Exception):
            shown = RecordSnapshot({place: self._stored(place) for place in map(record_id, unit.reads)})
            self._more[id(unit)] = list(map(record_id, needed(unit, shown)))
            return any(home(place) not in self.loaded for place in self._more[id(unit)])
        return False

    def _recalls(self, unit: UnitOfWork[Any]) -> bool:
        """Will it be shown what is remembered? Only where it allows that."""
        if not (unit.optimistic and self._trusting):
            return False
        remembered = {place: self._cache.recall(place) for place in map(record_id, unit.reads)}
        if not all(remembered.values()):
            return False
        self._guesses[id(unit)] = cast(dict[RecordId, Versioned], remembered)
        return True


def _head(place: RecordId, shown: RecordSnapshot, effect: Effect) -> Item:
    """The item of bounds that are written here; `effect` takes the parts that they are stored in."""
    stored = stored_bounds(cast(BoundsInForce, effect.records[place]), shown.records.get(place))
    effect.records[place] = stored.record
    for name, body in stored.new.items():
        _check_size(len(body.encode()), f"a part of {place[0]} {place[2]!r}")
        effect.new_parts[BOUNDS_PARTS, place[1], name] = body
    effect.gone_parts |= _places(place, stored.gone)
    return body_item(place, stored.body, UNVERSIONED)


def _places(place: RecordId, names: Collection[str]) -> set[RecordId]:
    return {(BOUNDS_PARTS, place[1], name) for name in names}


def _small(item: Item, what: str) -> Item:
    _check_size(sum(len(value.get("S", "").encode()) for value in item.values()), what)
    return item


def _check_size(held: int, what: str) -> None:
    if held > MOST_ITEM_BYTES:
        raise InvalidInput("(record)", f"{what} has {held} bytes, DynamoDB holds {MOST_ITEM_BYTES}", "send less")
