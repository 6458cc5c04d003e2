"""Records that the writer keeps from one transaction to the next, for as long as nobody else has written."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping

from remit.core.ledger.history import IntentHistory
from remit.core.lifecycle import Case
from remit.core.records import ACTION_TYPE, BOUNDS, CHAIN, STOPS, USAGE
from remit.stores.units import RecordId, Shown

KEPT_KINDS = frozenset({ACTION_TYPE.name, BOUNDS.name, STOPS.name, USAGE.name})
"""What every decision or permit reads, and few write."""
MOST_KEPT = 2000
MOST_UNDER_WAY = 1000
"""So many intents are kept, each with its chain, from when they are queued until they have ended,"""
LARGEST_CHAIN_BYTES = 8192
"""unless their chains are longer."""


class KeptRecords:
    """
    As last committed, by the database's word for that (`Dialect.data_version`), under which they are kept.

    Records are values: what a failed write made of them is dropped with that write.
    """

    def __init__(self) -> None:
        self._records: dict[RecordId, Shown] = {}
        self._under_way: dict[RecordId, Shown] = {}
        self._version: object = None

    def at(self, version: object) -> Mapping[RecordId, Shown]:
        """The records known in a transaction that sees this version; `None` is a version of which nothing is known."""
        if version is None or version != self._version:
            self.forget()
            self._version = version
        return ChainMap(self._records, self._under_way)

    def learn(self, found: Mapping[RecordId, Shown]) -> None:
        """Keep what that transaction has read."""
        if self._version is not None:
            self._put({place: record for place, record in found.items() if place[0] in KEPT_KINDS})

    def committed(self, written: Mapping[RecordId, Shown]) -> None:
        """Keep what that transaction has written, chains as they have grown to, once it is committed."""
        if self._version is not None:
            self._put({place: record for place, record in written.items() if place[0] in KEPT_KINDS})
            self._follow(written)

    def forget(self) -> None:
        self._records, self._under_way, self._version = {}, {}, None

    def _put(self, records: Mapping[RecordId, Shown]) -> None:
        if len(self._records) + len(records) > MOST_KEPT:
            self._records.clear()
        self._records.update(records)

    def _follow(self, written: Mapping[RecordId, Shown]) -> None:
        """Keep what is on its way to a worker or with one: its next write comes soon."""
        for place in written:
            self._under_way.pop(place, None)
        for place, record in written.items():
            chain_at = CHAIN.name, *place[1:]
            history = written.get(chain_at)
            if isinstance(record, Case) and record.queued and isinstance(history, IntentHistory) and _is_short(history):
                self._under_way.update({place: record, chain_at: history})
        while len(self._under_way) > 2 * MOST_UNDER_WAY:
            del self._under_way[next(iter(self._under_way))]


def _is_short(history: IntentHistory) -> bool:
    return sum(len(entry.line) for entry in history.entries) <= LARGEST_CHAIN_BYTES
