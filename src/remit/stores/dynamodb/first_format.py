"""The table of the first format, which held one item an entry, read for a migration."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from remit.core.ledger.entries import LedgerEntry
from remit.stores.dynamodb.client import Table
from remit.stores.dynamodb.items import BODY, Item, key_of
from remit.stores.dynamodb.layout import LEDGER, chain_key, partitions, record_key
from remit.stores.dynamodb.reading import TableReading
from remit.stores.dynamodb.store import DynamoStore
from remit.stores.first_format import entry_of


class DynamoFirstFormatRows:
    """A `FirstFormatRows`. `store` is over the same table: tenants and indexes are as they were."""

    def __init__(self, store: DynamoStore, table: Table, reading: TableReading) -> None:
        self._table, self._reading = table, reading
        self.tenants, self.counts = store.tenants, store.counts

    def page(self, kind: str, tenant_id: str) -> Iterator[tuple[str, str]]:
        parts = [self._reading.whole(part) for part in partitions(kind, tenant_id)]
        return ((key_of(item)[1], item[BODY]["S"]) for item in heapq.merge(*parts, key=_sort_key))

    def bodies(self, kind: str, tenant_id: str, ids: Sequence[str]) -> dict[str, str]:
        keys = {record_key((kind, tenant_id, id)): id for id in ids}
        return {keys[key]: item[BODY]["S"] for key, item in self._table.each(list(keys)).items()}

    def chain(self, tenant_id: str, action_intent_id: str | None) -> list[LedgerEntry]:
        return list(map(_entry, self._reading.whole(*chain_key(tenant_id, action_intent_id))))

    def export(self, tenant_id: str) -> Iterator[LedgerEntry]:
        parts = [self._reading.whole(part) for part in partitions(LEDGER, tenant_id)]
        return map(_entry, heapq.merge(*parts, key=_sort_key))


def _entry(item: Mapping[str, Any]) -> LedgerEntry:
    return entry_of(orjson.loads(item[BODY]["S"]))


def _sort_key(item: Item) -> str:
    return key_of(item)[1]
