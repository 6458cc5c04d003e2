"""Records that the writer keeps from one transaction to the next, for as long as nobody else has written."""

from __future__ import annotations

from collections.abc import Mapping

from remit.core.ledger.history import IntentHistory
from remit.core.lifecycle import Case
from remit.core.records import ACTION_TYPE, BOUNDS, CHAIN, STOPS, USAGE
from remit.stores.units import RecordId, Shown

KEPT_KINDS = frozenset({ACTION_TYPE.name, BOUNDS.name, STOPS.name, USAGE.name})
"""What every decision or permit reads, and few write."""
_GUESSED_BY = KEPT_KINDS - {USAGE.name}
_CHAIN = CHAIN.name
MOST_KEPT = 2000
MOST_UNDER_WAY = 1000
"""So many intents are kept, each with its chain, from when they are queued until they have ended, once there has been a
claim here,"""
LARGEST_CHAIN_BYTES = 8192
"""unless their chains are longer."""


class KeptRecords:
    """
    As last committed, by the database's word for that (`Dialect.data_version`), under which they are kept.

    Records are values: what a failed write made of them is dropped with that write.
    """

    def __init__(self) -> None:
        self._known: dict[RecordId, Shown] = {}
        # Those among them that are of intents under way, the oldest first.
        self._under_way: dict[RecordId, None] = {}
        self._version: object = None
        self.last_seen: dict[RecordId, Shown] = {}
        """Records as they were some time ago, where a database does not tell whether they still are that."""
        self._claims_here = False

    def expect_claims(self) -> None:
        """A worker takes executions through this writer: what is queued here is kept for it from now on."""
        self._claims_here = True

    def at(self, version: object) -> Mapping[RecordId, Shown]:
        """The records known in a transaction that sees this version; `None` is a version of which nothing is known."""
        if version is None or version != self._version:
            self.forget()
            self._version = version
        return self._known

    def learn(self, found: Mapping[RecordId, Shown]) -> None:
        """Keep what that transaction has read."""
        if self._version is not None:
            self._put({place: record for place, record in found.items() if place[0] in KEPT_KINDS})
            return
        if len(self.last_seen) > MOST_KEPT:
            self.last_seen.clear()
        self.last_seen.update([(place, record) for place, record in found.items() if place[0] in _GUESSED_BY])

    def committed(self, written: Mapping[RecordId, Shown]) -> None:
        """Keep what that transaction has written, chains as they have grown to, once it is committed."""
        if self._version is not None:
            kept = {place: record for place, record in written.items() if place[0] in KEPT_KINDS}
            for place in [place for place in kept if place[0] == BOUNDS.name]:
                # Read anew they are the ones that readers have, with all that was worked out from them.
                del kept[place]
                self._known.pop(place, None)
            self._put(kept)
            if self._claims_here:
                self._follow(written)

    def forget(self) -> None:
        self._known, self._under_way, self._version = {}, {}, None

    def _put(self, records: Mapping[RecordId, Shown]) -> None:
        if len(self._known) - len(self._under_way) + len(records) > MOST_KEPT:
            self._known = {place: self._known[place] for place in self._under_way}
        self._known.update(records)

    def _follow(self, written: Mapping[RecordId, Shown]) -> None:
        """Keep what is on its way to a worker or with one: its next write comes soon."""
        known, under_way = self._known, self._under_way
        for place in under_way.keys() & written.keys():
            del known[place], under_way[place]
        for place, record in written.items():
            if not isinstance(record, Case) or not record.queued:
                continue
            chain_at = _CHAIN, place[1], place[2]
            history = written.get(chain_at)
            if isinstance(history, IntentHistory) and _is_short(history):
                known[place], known[chain_at] = record, history
                under_way[place] = under_way[chain_at] = None
        while len(under_way) > 2 * MOST_UNDER_WAY:
            oldest = next(iter(under_way))
            del known[oldest], under_way[oldest]


def _is_short(history: IntentHistory) -> bool:
    return sum([len(entry.line) for entry in history.entries]) <= LARGEST_CHAIN_BYTES
