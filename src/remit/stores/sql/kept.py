"""Records that the writer keeps from one transaction to the next, for as long as nobody else has written."""

from __future__ import annotations

from collections.abc import Mapping

from remit.core.records import ACTION_TYPE, BOUNDS, STOPS, USAGE
from remit.core.values import Stored
from remit.stores.units import RecordId, Shown

KEPT_KINDS = frozenset({ACTION_TYPE.name, BOUNDS.name, STOPS.name, USAGE.name})
"""What every decision or permit reads, and few write."""
MOST_KEPT = 2000


class KeptRecords:
    """
    As last committed, by the database's word for that (`Dialect.data_version`), under which they are kept.

    Records are values: what a failed write made of them is dropped with that write.
    """

    def __init__(self) -> None:
        self._records: dict[RecordId, Shown] = {}
        self._version: object = None

    def at(self, version: object) -> Mapping[RecordId, Shown]:
        """What is known in a transaction that sees this version; `None` is a version of which nothing is known."""
        if version is None or version != self._version:
            self.forget()
            self._version = version
        return self._records

    def learn(self, found: Mapping[RecordId, Shown]) -> None:
        """What that transaction has read."""
        if self._version is not None:
            self._put({place: record for place, record in found.items() if place[0] in KEPT_KINDS})

    def committed(self, written: Mapping[RecordId, Stored | None]) -> None:
        """What that transaction has written, once it is committed."""
        if self._version is not None:
            self._put({place: record for place, record in written.items() if place[0] in KEPT_KINDS})

    def forget(self) -> None:
        self._records, self._version = {}, None

    def _put(self, records: Mapping[RecordId, Shown]) -> None:
        if len(self._records) + len(records) > MOST_KEPT:
            self._records.clear()
        self._records.update(records)
