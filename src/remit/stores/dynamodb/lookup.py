"""
Records and chains that are looked up by key.

A case's item names the segments of its chain, and a segment never changes once it is written. So a chain as of the
moment at which its case was read can be put together from segments that are read at any time after.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from remit.core.errors import RemitError
from remit.core.ledger.entries import LedgerEntry
from remit.core.ledger.history import IntentHistory
from remit.core.records import CHAIN
from remit.core.values import PLATFORM
from remit.stores.dynamodb.bounds import versioned_whole
from remit.stores.dynamodb.client import MOST_AT_ONE_MOMENT, Table
from remit.stores.dynamodb.items import Item, entries_of
from remit.stores.dynamodb.layout import ItemKey, home, read_key, segment_key, tenant_key
from remit.stores.dynamodb.migration_mark import MigrationMark
from remit.stores.dynamodb.record_cache import RecordCache, Versioned
from remit.stores.units import RecordId, Shown

LIKELY_SEGMENTS = (1, 2, 4)
"""Where those of a chain begin that is proposed, decided, or published: read along with a case not seen before."""
_MOST_PLACES = MOST_AT_ONE_MOMENT - 1
"""In one request, which may also ask whether the table is open for work."""
_FEW = 25
"""Places that are read as of one moment where nothing is written: with likely segments, one request holds them."""


class ChainReader:
    """Segments read so far, for one call, and the chains they make."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._segments: dict[ItemKey, list[LedgerEntry]] = {}
        self._histories: dict[tuple[ItemKey, ...], IntentHistory] = {}

    def likely(self, place: RecordId, case: Versioned | None) -> list[ItemKey]:
        """The segments of the chain at `place` worth reading along, judging from what its case was last seen to be."""
        known = case.segments if case is not None and case.version is not None else LIKELY_SEGMENTS
        return [key for key in _keys(place, known) if key not in self._segments]

    def take(self, items: Mapping[ItemKey, Item], keys: Iterable[ItemKey]) -> None:
        """Keep the segments at `keys`, of those that were found."""
        self._segments |= {key: entries_of(items[key]) for key in keys if key in items}

    def fetch(self, chains: Iterable[tuple[RecordId, Versioned]]) -> None:
        """Read the segments that these cases name and that were not read yet."""
        wanted = (key for place, case in chains for key in _keys(place, case.segments))
        missing = list(dict.fromkeys(key for key in wanted if key not in self._segments))
        if missing:
            self.take(self._table.each(missing), missing)

    def history(self, place: RecordId, case: Versioned) -> IntentHistory | None:
        """The chain at `place` as its case names it."""
        self.fetch([(place, case)])
        keys = tuple(_keys(place, case.segments))
        if keys and keys not in self._histories:
            self._histories[keys] = IntentHistory([entry for key in keys for entry in self._of(key)])
        return self._histories[keys] if keys else None

    def _of(self, key: ItemKey) -> list[LedgerEntry]:
        if key not in self._segments:
            raise RemitError(f"the part {key[1]!r} of the ledger is named by its case and is not there")
        return self._segments[key]


def _keys(place: RecordId, firsts: Sequence[int]) -> list[ItemKey]:
    _, tenant_id, id = place
    return [segment_key(tenant_id, id, first) for first in firsts]


class RecordReader:
    """Looks things up for a batch, and on the way learns which tenants are known."""

    def __init__(self, table: Table, cache: RecordCache, known_tenants: set[str], mark: MigrationMark) -> None:
        self._table, self._cache, self._known, self._mark = table, cache, known_tenants, mark
        self._chains = ChainReader(table)

    def read(self, groups: Sequence[Sequence[RecordId]]) -> dict[RecordId, Versioned]:
        """The records now at these places, or the cases of chains; those of one group as of one moment."""
        found: dict[RecordId, Versioned] = {}
        for places in _packed(groups):
            found |= self._read(places)
        chains = dict.fromkeys(place for group in groups for place in group if place[0] == CHAIN.name)
        self._chains.fetch((place, found[home(place)]) for place in chains)
        return found

    def history(self, place: RecordId, case: Versioned) -> IntentHistory | None:
        """The chain at `place` as of the moment at which `case` was read."""
        return self._chains.history(place, case)

    def _read(self, places: Sequence[RecordId]) -> dict[RecordId, Versioned]:
        keys = {read_key(place): place for place in dict.fromkeys(map(home, places))}
        # The platform's stops are read by every decision, and mostly there are none.
        tenants = {tenant_key(name): name for _, name, _ in places if name not in self._known | {PLATFORM}}
        chains = [place for place in places if place[0] == CHAIN.name]
        likely = [key for place in chains for key in self._chains.likely(place, self._cache.recall(home(place)))]
        # Only what must be known now counts when requests are filled: of the rest, as much as there is room for.
        asked_at = self._cache.now()
        items = self._table.at_one_moment([*self._mark.keys(), *keys, *tenants, *likely][:MOST_AT_ONE_MOMENT])
        self._mark.check(items)
        self._known.update(name for key, name in tenants.items() if key in items)
        self._chains.take(items, likely)
        found = {place: versioned_whole(self._table, items.get(key)) for key, place in keys.items()}
        for place, seen in found.items():
            self._cache.remember(place, seen, asked_at)
        return found


def shown(table: Table, places: Sequence[RecordId]) -> dict[RecordId, Shown]:
    """Records and chains as last written: a few as of one moment, many each as last written."""
    keys = {read_key(place): place for place in dict.fromkeys(map(home, places))}
    chains, reader = [place for place in places if place[0] == CHAIN.name], ChainReader(table)
    few = len(places) <= _FEW
    likely = [key for place in chains for key in reader.likely(place, None)] if few else []
    look = table.at_one_moment if few else table.each
    items = look([*keys, *likely]) if keys else {}
    reader.take(items, likely)
    found = {place: versioned_whole(table, items.get(key)) for key, place in keys.items()}
    reader.fetch((place, found[home(place)]) for place in chains)
    return {
        place: reader.history(place, found[home(place)]) if place[0] == CHAIN.name else found[place].record
        for place in places
    }


def _packed(groups: Sequence[Sequence[RecordId]]) -> list[list[RecordId]]:
    """The groups in as few requests as hold them; no group is split over two, unless it alone is too long."""
    requests: list[list[RecordId]] = [[]]
    asked: set[RecordId] = set()
    for group in groups:
        new = [place for place in dict.fromkeys(group) if place not in asked]
        asked.update(new)
        for start in range(0, len(new), _MOST_PLACES):
            some = new[start : start + _MOST_PLACES]
            if len(requests[-1]) + len(some) > _MOST_PLACES:
                requests.append([])
            requests[-1] += some
    return [request for request in requests if request]
