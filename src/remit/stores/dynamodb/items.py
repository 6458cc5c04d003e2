"""
How records and ledger entries become items, and items become them again.

An item holds its keys, its version and the exact text of what it keeps, as JSON; beside that only what
an index is sorted or filtered by.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from remit.core.ledger.entries import LedgerEntry
from remit.core.lifecycle import MOVING, WAITING, Case
from remit.core.records import CASE
from remit.core.values import Stored
from remit.stores.dynamodb.layout import (
    NEVER,
    ItemKey,
    at_place,
    due_part,
    entry_key,
    moment,
    record_key,
    time_partition,
)
from remit.stores.dynamodb.table import BY_STATUS, BY_TIME, DUE, PARTITION, QUEUE, SORT
from remit.stores.units import RecordId, parse_record

Item = dict[str, Any]
"""As the low-level client takes and gives it: every value under its type's letter."""

VERSION, BODY = "v", "body"


def key_item(key: ItemKey) -> Item:
    return {PARTITION: {"S": key[0]}, SORT: {"S": key[1]}}


def key_of(item: Mapping[str, Any]) -> ItemKey:
    return item[PARTITION]["S"], item[SORT]["S"]


def version_of(item: Mapping[str, Any]) -> str:
    version: str = item[VERSION]["S"]
    return version


def record_item(place: RecordId, record: Stored, version: str) -> Item:
    item = {
        **key_item(record_key(place)),
        VERSION: {"S": version},
        BODY: {"S": record.to_json()},
    }
    if isinstance(record, Case):
        item |= _texts(_case_attributes(record))
    return item


def _case_attributes(case: Case) -> dict[str, str | None]:
    tenant_id, id = case.tenant_id, case.action_intent_id
    moving = case.status in MOVING
    found: dict[str, str | None] = {
        "account_id": case.account_id,
        "action_type": case.action_type,
        "reason": case.reason,
        BY_STATUS.partition: status_partition(tenant_id, case.status),
        BY_STATUS.sort: at_place(case.created_at, id),
    }
    if moving or case.due_at is not None:
        found[DUE.partition] = due_part(tenant_id, id, moving=moving)
        found[DUE.sort] = "#".join((moment(case.due_at) if case.due_at else NEVER, tenant_id, id))
    if case.status in WAITING:
        found[QUEUE.partition] = queue_partition(tenant_id)
        found[QUEUE.sort] = at_place(case.expires_at, id)
    return found


def status_partition(tenant_id: str, status: str) -> str:
    return f"{tenant_id}#{CASE.name}#{status}"


def queue_partition(tenant_id: str) -> str:
    return f"{tenant_id}#{CASE.name}#waiting"


def entry_item(entry: LedgerEntry, version: str) -> Item:
    at = datetime.fromisoformat(entry.at)
    return {
        **key_item(entry_key(entry.tenant_id, entry.action_intent_id, entry.sequence)),
        VERSION: {"S": version},
        BODY: {"S": entry.line.decode()},
        **_texts(
            {
                "account_id": entry.account_id,
                "event_type": entry.event_type,
                BY_TIME.partition: time_partition(entry.tenant_id, entry.entry_id),
                BY_TIME.sort: at_place(at, entry.entry_id),
            }
        ),
    }


def _texts(values: Mapping[str, str | None]) -> Item:
    return {name: {"S": value} for name, value in values.items() if value is not None}


def entry_of(item: Mapping[str, Any]) -> LedgerEntry:
    return LedgerEntry.parse(item[BODY]["S"].encode())


def place_of(item: Mapping[str, Any]) -> RecordId:
    """Of a record's item."""
    partition, id = key_of(item)
    tenant_id, kind, _ = partition.split("#")
    return kind, tenant_id, id


def record_of(item: Mapping[str, Any]) -> Stored:
    """
    The record an item holds.

    Raises `RemitError` if this version of Remit cannot read it.
    """
    return parse_record(place_of(item)[0], item[BODY]["S"])
