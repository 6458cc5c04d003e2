"""
What many units come to: each is shown what those before it wrote, and becomes the net effect it has.
Nothing here sends anything; `BatchReader` is how a batch looks things up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar, cast

from remit.core.errors import InvalidInput, RemitError, TryLater
from remit.core.ledger.entries import LedgerEntry
from remit.core.records import KINDS, Key
from remit.core.values import Stored
from remit.ports import UnitOfWork, Writes, needed
from remit.stores.dynamodb.items import BODY, Item, entry_item, record_item
from remit.stores.dynamodb.layout import ItemKey, entry_key
from remit.stores.dynamodb.record_cache import CachedBounds, RecordCache, Versioned
from remit.stores.units import RecordId, RecordSnapshot

R = TypeVar("R", bound=Stored)

MOST_ACTIONS = 100
"""In one transaction; DynamoDB's own limit."""
MOST_BYTES = 3_500_000
"""In one transaction; DynamoDB's own limit is 4 MB, with names and indexes counted in."""
MOST_ITEM_BYTES = 395_000
"""Of one item; DynamoDB's own limit is 400 KB, with names and indexes counted in."""

UNVERSIONED = ""


class BatchReader(Protocol):
    def read(self, groups: Sequence[Sequence[RecordId]]) -> dict[RecordId, Versioned]:
        """What is there now; the places of one group as of one moment."""
        ...


@dataclass(slots=True)
class Effect:
    """What one unit, or several together, leave behind. `None` stands for a deleted record."""

    records: dict[RecordId, Stored | None] = field(default_factory=dict)
    items: dict[RecordId, Item] = field(default_factory=dict)
    entries: dict[ItemKey, Item] = field(default_factory=dict)
    looked_at: set[RecordId] = field(default_factory=set)
    """Contended records that the answer rests on."""

    @property
    def checked(self) -> set[RecordId]:
        """What has to be as it was without being written."""
        return self.looked_at - self.records.keys()

    @property
    def writes(self) -> bool:
        return bool(self.records or self.entries)

    def add(self, other: Effect) -> None:
        self.records |= other.records
        for place in other.records:
            self.items.pop(place, None)
        self.items |= other.items
        self.entries |= other.entries
        self.looked_at |= other.looked_at

    def fits(self) -> bool:
        # One action is kept for each tenant that is written to for the first time.
        tenants = len({place[1] for place in self.records} | {_tenant_of(key) for key in self.entries})
        actions = len(self.records) + len(self.entries) + len(self.checked) + tenants
        return actions <= MOST_ACTIONS and self._bytes() <= MOST_BYTES

    def _bytes(self) -> int:
        return sum(len(item[BODY]["S"]) for each in (self.items, self.entries) for item in each.values())

    def tenants(self) -> set[str]:
        """Every tenant that something is kept for."""
        return {place[1] for place in self.items} | {_tenant_of(key) for key in self.entries}


def _tenant_of(key: ItemKey) -> str:
    return key[0].partition("#")[0]


def place_at(key: Key[Any]) -> RecordId:
    return key.kind.name, key.tenant_id, key.id


class DynamoBatch:
    """
    Units one after the other, over what is stored.

    With `trusting`, a unit that may be shown what this process remembers is; see `UnitOfWork.optimistic`.
    """

    def __init__(self, reader: BatchReader, cache: RecordCache, *, trusting: bool) -> None:
        self._reader, self._cache, self._trusting = reader, cache, trusting
        self.loaded: dict[RecordId, Versioned] = {}
        self._written: dict[RecordId, Stored | None] = {}
        self._taken: set[ItemKey] = set()
        self._more: dict[int, list[RecordId]] = {}
        self._guesses: dict[int, dict[RecordId, Versioned]] = {}

    def gather(self, units: Sequence[UnitOfWork[Any]]) -> None:
        """Look up in bulk what the units name, what they are likely to name, and what they name after seeing that."""
        unknown = [unit for unit in units if not self._recalls(unit)]
        self._load([[*map(place_at, unit.reads), *self._foreseen(unit)] for unit in unknown])
        for _ in range(2):
            short = [unit for unit in unknown if self._names_more(unit)]
            if not short:
                return
            # Together with what was seen already: what a unit is shown is as of one moment.
            self._load([[*map(place_at, unit.reads), *self._more[id(unit)]] for unit in short], anew=True)

    def effects_of(self, units: Sequence[UnitOfWork[Any]]) -> tuple[list[Any], list[Effect]]:
        """One caller's answers, and what each unit leaves behind. If this raises, nothing of these units counts."""
        before = dict(self._written), set(self._taken)
        answers, effects = [], []
        try:
            for unit in units:
                answer, effect = self._carried_out(unit)
                answers.append(answer)
                effects.append(effect)
        except BaseException:
            self._written, self._taken = before
            raise
        return answers, effects

    def _carried_out(self, unit: UnitOfWork[Any]) -> tuple[Any, Effect]:
        if id(unit) in self._guesses:
            # Only now, and only until it is written or read: no other unit is shown what is merely remembered.
            for place, seen in self._guesses[id(unit)].items():
                self.loaded.setdefault(place, seen)
            with suppress(RemitError):
                writes, effect = self._asked(unit)
                if effect.records.keys() >= set(map(place_at, unit.reads)):
                    return self._counted(writes, effect)
            self._load([list(map(place_at, unit.reads))], anew=True)
        try:
            return self._counted(*self._asked(unit))
        except RemitError as error:
            return error, Effect()

    def _counted(self, writes: Writes[Any], effect: Effect) -> tuple[Any, Effect]:
        self._written |= effect.records
        self._taken |= effect.entries.keys()
        return writes.answer, effect

    def _asked(self, unit: UnitOfWork[Any]) -> tuple[Writes[Any], Effect]:
        shown = self._show(unit)
        writes = unit.decide(shown)
        if writes.messages:
            raise RuntimeError("DynamoDB takes no messages: approvals leave through a publisher that sends")
        effect = self._effect(writes, shown)
        if effect.checked and not effect.writes:
            effect = Effect()
        return writes, effect

    def _effect(self, writes: Writes[Any], shown: RecordSnapshot) -> Effect:
        effect = Effect(looked_at={place for place in shown.records if KINDS[place[0]].contended})
        for key, record in writes.puts:
            place = _may_write(key, shown)
            effect.records[place] = record
            effect.items[place] = _small(record_item(place, record, UNVERSIONED), f"{place[0]} {place[2]!r}")
        for key in writes.deletes:
            place = _may_write(key, shown)
            effect.items.pop(place, None)
            effect.records[place] = None
        for entry in writes.entries:
            effect.entries[self._free(entry, effect)] = _small(
                entry_item(entry, UNVERSIONED), f"entry {entry.entry_id!r}"
            )
        if not effect.fits():
            raise InvalidInput(
                "(unit)", "writes more than one DynamoDB transaction holds, 100 items and 4 MB", "send it in parts"
            )
        return effect

    def _free(self, entry: LedgerEntry, effect: Effect) -> ItemKey:
        key = entry_key(entry.tenant_id, entry.action_intent_id, entry.sequence)
        if key in self._taken or key in effect.entries:
            raise TryLater(f"place {entry.sequence} of chain {entry.action_intent_id!r} is taken already")
        return key

    def _show(self, unit: UnitOfWork[Any]) -> RecordSnapshot:
        places = list(map(place_at, unit.reads))
        shown = RecordSnapshot(self._current(places))
        if unit.then_reads is not None:
            more = self._more.get(id(unit))
            # What it foresaw holds unless a unit before it changed what it looked at.
            if more is None or any(place in self._written for place in places):
                more = list(map(place_at, needed(unit, shown)))
            shown.records.update(self._current(more))
        return shown

    def _current(self, places: Sequence[RecordId]) -> dict[RecordId, Stored | None]:
        self._load([places])
        written, loaded = self._written, self.loaded
        return {place: written[place] if place in written else loaded[place].record for place in places}

    def _load(self, groups: Iterable[Sequence[RecordId]], *, anew: bool = False) -> None:
        wanted = [list(dict.fromkeys(p for p in group if anew or p not in self.loaded)) for group in groups]
        wanted = [group for group in wanted if group]
        if wanted:
            self.loaded |= self._reader.read(wanted)

    def _foreseen(self, unit: UnitOfWork[Any]) -> list[RecordId]:
        # Only which keys may be needed: what is there is read, and if it raises it foresees nothing.
        with suppress(Exception):
            return list(map(place_at, needed(unit, CachedBounds(self._cache))))
        return []

    def _names_more(self, unit: UnitOfWork[Any]) -> bool:
        """Does it name what was not looked up? What it raises now it will raise again at its turn."""
        if unit.then_reads is None:
            return False
        with suppress(Exception):
            shown = RecordSnapshot({place: self.loaded[place].record for place in map(place_at, unit.reads)})
            self._more[id(unit)] = list(map(place_at, needed(unit, shown)))
            return any(place not in self.loaded for place in self._more[id(unit)])
        return False

    def _recalls(self, unit: UnitOfWork[Any]) -> bool:
        """Will it be shown what is remembered? Only where it allows that."""
        if not (unit.optimistic and self._trusting):
            return False
        remembered = {place: self._cache.recall(place) for place in map(place_at, unit.reads)}
        if not all(remembered.values()):
            return False
        self._guesses[id(unit)] = cast(dict[RecordId, Versioned], remembered)
        return True


def _may_write(key: Key[Any], shown: RecordSnapshot) -> RecordId:
    place = place_at(key)
    # Without having been read it could overwrite what another writer just decided.
    if key.kind.contended and place not in shown.records:
        raise KeyError(f"{key.kind.name} {key.id!r} is contended and was written without being named")
    return place


def _small(item: Item, what: str) -> Item:
    held = sum(len(value.get("S", "").encode()) for value in item.values())
    if held > MOST_ITEM_BYTES:
        raise InvalidInput("(record)", f"{what} has {held} bytes, DynamoDB holds {MOST_ITEM_BYTES}", "send less")
    return item
