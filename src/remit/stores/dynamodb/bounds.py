"""Bounds that are stored in parts: see `remit.stores.bounds_parts`. Each part is an item, which is never changed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from remit.core.errors import RemitError
from remit.core.records import BOUNDS
from remit.stores.bounds_parts import BOUNDS_PARTS, KNOWN_BOUNDS, PartsGone, is_head
from remit.stores.dynamodb.client import TRIES, Table, pause
from remit.stores.dynamodb.faults import ServiceFault, fault_of, ours
from remit.stores.dynamodb.items import BODY, Item, body_item, key_item, place_of, version_of, versioned
from remit.stores.dynamodb.layout import partitions, record_key
from remit.stores.dynamodb.reading import TableReading
from remit.stores.dynamodb.record_cache import Versioned
from remit.stores.dynamodb.versions import Versions
from remit.stores.units import RecordId

_AT_ONCE = 80
"""Parts in one transaction, which takes 100 items and 4 MB: of accounts they have some thousand characters each."""


def versioned_whole(table: Table, item: Item | None) -> Versioned:
    """`versioned`, and of bounds that are stored in parts the whole, for which parts not read yet are."""
    for _ in range(TRIES):
        if item is None or not _is_head(item):
            return versioned(item)
        _, tenant_id, _ = place = place_of(item)
        try:
            bounds = KNOWN_BOUNDS.whole(tenant_id, item[BODY]["S"], partial(_fetched, table, tenant_id))
            return Versioned(bounds, version_of(item))
        except PartsGone:
            item = table.each([record_key(place)]).get(record_key(place))
    raise RemitError("a part of bounds is named and is not there")


def _is_head(item: Item) -> bool:
    return is_head(item[BODY].get("S", "")) and place_of(item)[0] == BOUNDS.name


def _fetched(table: Table, tenant_id: str, names: Sequence[str]) -> Mapping[str, str]:
    keys = {record_key((BOUNDS_PARTS, tenant_id, name)): name for name in names}
    return {keys[key]: item[BODY]["S"] for key, item in table.each(list(keys)).items()}


def altered_parts(reading: TableReading, tenant_id: str) -> Iterator[str]:
    """As `KnownBounds.altered`."""
    items = (item for part in partitions(BOUNDS_PARTS, tenant_id) for item in reading.whole(part))
    yield from KNOWN_BOUNDS.altered(tenant_id, {place_of(item)[2]: item[BODY]["S"] for item in items})


class PartsWriter:
    """
    Writes parts, and deletes them.

    They are there before the head that names them is written, and are deleted when none does any more: at no moment
    does a head name what is not there. What dies in between leaves parts that nobody reads.
    """

    def __init__(self, table: Table, versions: Versions) -> None:
        self._table, self._versions = table, versions

    def put(self, parts: Mapping[RecordId, str]) -> None:
        """Raises `RemitError`."""
        version = self._versions.next([])
        self._carry_out([{"Put": {"Item": body_item(place, body, version)}} for place, body in parts.items()])

    def drop(self, parts: Collection[RecordId]) -> None:
        with suppress(RemitError):
            self._carry_out([{"Delete": {"Key": key_item(record_key(place))}} for place in parts])

    def _carry_out(self, actions: Sequence[dict[str, dict[str, Any]]]) -> None:
        for action in actions:
            next(iter(action.values()))["TableName"] = self._table.name
        for first in range(0, len(actions), _AT_ONCE):
            self._send(actions[first : first + _AT_ONCE])

    def _send(self, actions: Sequence[dict[str, Any]]) -> None:
        """Done twice it is done once, so that an answer that was lost does not matter."""
        for attempt in range(TRIES):
            try:
                return self._table.write(actions)
            except Exception as error:
                fault, last = fault_of(error), error
            if fault in (None, ServiceFault.REFUSED):
                break
            pause(attempt)
        if fault is None:
            raise last
        raise ours(last, self._table.name) from last
