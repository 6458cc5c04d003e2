"""
How records and ledger entries become rows, and rows become them again.

Every kind of record has one table with its key and its body, the record's own JSON. Cases have a few
columns more, and ledger entries columns only, because those are what lists are filtered and sorted by.
Times in columns are whole microseconds since 1970 (`…_us`): they sort as the moments do, where the
wire form (with or without a fraction) would not. What is handed out comes from the exact original text.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from remit.core.errors import InvalidInput
from remit.core.ledger.entries import LedgerEntry
from remit.core.lifecycle import Case
from remit.core.records import CASE, KINDS, Key
from remit.core.values import Stored, parse_moment
from remit.stores.units import RecordId

Row = tuple[Any, ...]

TABLES: dict[str, tuple[str, ...]] = dict.fromkeys(KINDS, ("body", "tenant_id", "id"))
# The key comes last, so that one row serves INSERT and UPDATE alike.
TABLES[CASE.name] = (
    "body",
    "status",
    "reason",
    "due_at_us",
    "account_id",
    "action_type",
    "created_at_us",
    "expires_at_us",
    "tenant_id",
    "id",
)
# What changes when a case moves on: leaving the rest alone spares three of its indexes.
MOVED_COLUMNS = ("body", "status", "reason", "due_at_us", "tenant_id", "id")

LEDGER = "ledger_entries"
TABLES[LEDGER] = (
    "tenant_id",
    "chain",
    "sequence",
    "entry_id",
    "account_id",
    "event_type",
    "actor",
    "at",
    "at_us",
    "data",
    "previous_hash",
    "hash",
)
TENANT_CHAIN = ""
"""Stands in the column `chain` for the tenant's own; an intent's chain has the intent's id there."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def place(key: Key[Any]) -> RecordId:
    return key.kind.name, key.tenant_id, key.id


def microseconds(moment: datetime) -> int:
    """Since 1970; `moment` is aware."""
    return (moment - _EPOCH) // _MICROSECOND


def record_row(tenant_id: str, id: str, record: Stored) -> Row:
    """In the order of the `TABLES` entry of its kind."""
    body = record.to_json()
    if isinstance(record, Case):
        return (
            body,
            record.status,
            record.reason,
            None if record.due_at is None else microseconds(record.due_at),
            record.account_id,
            record.action_type,
            microseconds(record.created_at),
            microseconds(record.expires_at),
            tenant_id,
            id,
        )
    return body, tenant_id, id


def moved_row(row: Row) -> Row:
    """What `MOVED_COLUMNS` holds of a case's row."""
    return *row[:4], *row[-2:]


def only_moved(before: Stored, after: Stored) -> bool:
    """May the row of this case be changed through `MOVED_COLUMNS` alone?"""
    return (
        isinstance(before, Case)
        and isinstance(after, Case)
        and before.account_id == after.account_id
        and before.action_type == after.action_type
        and before.created_at == after.created_at
        and before.expires_at == after.expires_at
    )


def entry_row(entry: LedgerEntry) -> Row:
    """In the order of `TABLES[LEDGER]`."""
    return (
        entry.tenant_id,
        TENANT_CHAIN if entry.action_intent_id is None else entry.action_intent_id,
        entry.sequence,
        entry.entry_id,
        entry.account_id,
        entry.event_type,
        entry.actor,
        entry.at,
        microseconds(datetime.fromisoformat(entry.at)),
        orjson.dumps(entry.data).decode(),
        entry.previous_hash,
        entry.hash,
    )


ENTRY_COLUMNS = ", ".join(column for column in TABLES[LEDGER] if column != "at_us")


def entry_of(row: Row) -> LedgerEntry:
    """From a row of `ENTRY_COLUMNS`."""
    tenant_id, chain, sequence, entry_id, account_id, event_type, actor, at, data, previous_hash, own_hash = row
    return LedgerEntry(
        entry_id=entry_id,
        tenant_id=tenant_id,
        account_id=account_id,
        action_intent_id=None if chain == TENANT_CHAIN else chain,
        sequence=sequence,
        event_type=event_type,
        actor=actor,
        at=at,
        data=orjson.loads(data),
        previous_hash=previous_hash,
        hash=own_hash,
    )


def cursor_of(text: str) -> tuple[int, str]:
    """
    The moment in microseconds and the id that a cursor names.

    Raises `InvalidInput` if it is none.
    """
    moment, bar, id = text.partition("|")
    try:
        at = parse_moment(moment)
    except ValueError:
        at = None
    if not bar or at is None:
        raise InvalidInput("after", f"{text!r} is not a cursor", "send one that a page of this list ended with")
    return microseconds(at), id
