"""
Rows: how records and segments become them, and are read from them again.

Every kind of record has one table with its key and its body, the record's own JSON. Cases have a few columns more that
lists are filtered and sorted by and that hardly ever change. What does change as a case moves on, and is looked for by
it, stands in a row of `case_states`; a case that is done and went well has none.
Times in columns are whole microseconds since 1970 (`…_us`): they sort as the moments do.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from remit.core.lifecycle import UNANSWERED, WAITING, Case
from remit.core.records import CASE, INTERNAL_OBJECT, KINDS, PRIVATE_VALUES, RESULT, SAMPLE, TIMED, due_at
from remit.core.values import Stored
from remit.core.waiting_counts import count_changes, holder_of
from remit.ports import cursor_of
from remit.stores.bounds_parts import BOUNDS_PARTS
from remit.stores.packing import RECORDS, packed
from remit.stores.segments import Segment

Row = tuple[Any, ...]

KEYED = (*KINDS, BOUNDS_PARTS)
"""Tables of a key and a body, which are looked up by the key."""
TABLES: dict[str, tuple[str, ...]] = dict.fromkeys(KEYED, ("body", "tenant_id", "id"))
TABLES |= dict.fromkeys(TIMED, ("body", "due_at_us", "tenant_id", "id"))
# The key comes last, so that one row serves INSERT and UPDATE alike.
TABLES[CASE.name] = ("body", "status", "reason", "account_id", "action_type", "created_at_us", "tenant_id", "id")
# No index names these but that of rare reasons: where the rest stays, PostgreSQL can change a row in its place.
MOVED_COLUMNS = ("body", "status", "reason", "tenant_id", "id")

PACKED = frozenset({CASE.name, RESULT.name, INTERNAL_OBJECT.name, PRIVATE_VALUES.name, SAMPLE.name})
"""Tables in which every intent may have a row: where the database can, their bodies are packed (`packed_rows`)."""

STATES = "case_states"
TABLES[STATES] = (
    "status",
    "due_at_us",
    "expires_at_us",
    "created_at_us",
    "account_id",
    "queue",
    "proposed_by",
    "assigned_to",
    "tenant_id",
    "id",
)
SEGMENTS = "segments"
TABLES[SEGMENTS] = ("tenant_id", "chain", "first", "entry_id", "account_id", "at_us", "kinds", "body")
EVENTS = "rare_events"
TABLES[EVENTS] = ("tenant_id", "event_type", "at_us", "entry_id", "account_id", "chain", "first")
WAITING_COUNTS = "waiting_counts"
COUNT_KEY = ("tenant_id", "assigned_to", "voted_by", "kind", "name", "slot")
TABLES[WAITING_COUNTS] = ("n", *COUNT_KEY)
TENANT_CHAIN = ""
"""Stands in the column `chain` for the tenant's own; an intent's chain has the intent's id there."""
BIGINTS = frozenset({"first", "kinds", "n", "slot"})
BLOBS = frozenset({(SEGMENTS, "body")})

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


# What one write says is mostly of a few moments, asked for by each of its rows.
@lru_cache(maxsize=1024)
def microseconds(moment: datetime) -> int:
    """Since 1970; `moment` is aware."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(us: int) -> datetime:
    """The moment that `microseconds` made of it."""
    return _EPOCH + us * _MICROSECOND


def record_row(kind: str, tenant_id: str, id: str, record: Stored) -> Row:
    """In the order of the `TABLES` entry of its kind."""
    body = record.to_json()
    if kind in TIMED:
        due = due_at(record)
        return body, None if due is None else microseconds(due), tenant_id, id
    if isinstance(record, Case):
        created_at_us = microseconds(record.created_at)
        return body, record.status, record.reason, record.account_id, record.action_type, created_at_us, tenant_id, id
    return body, tenant_id, id


def packed_rows(rows: Iterable[Row]) -> list[Row]:
    """Rows of a table among `PACKED`, whose bodies come first, for a database that takes bytes in a column of text."""
    return [(packed(row[0].encode(), RECORDS), *row[1:]) for row in rows]


def moved_row(row: Row) -> Row:
    """The columns of a case's row that `MOVED_COLUMNS` names."""
    return *row[:3], *row[-2:]


def only_moved(before: Stored, after: Stored) -> bool:
    """May the row of this case be changed through `MOVED_COLUMNS` alone?"""
    return (
        isinstance(before, Case)
        and isinstance(after, Case)
        and before.account_id == after.account_id
        and before.action_type == after.action_type
        and before.created_at == after.created_at
    )


def state_row(case: Case) -> Row | None:
    """In the order of `TABLES[STATES]`; `None` for a case that nobody has to look for by its state."""
    if case.status == "SUCCEEDED" and case.due_at is None:
        return None
    return (
        case.status,
        None if case.due_at is None else microseconds(case.due_at),
        microseconds(case.expires_at),
        microseconds(case.created_at),
        case.account_id,
        queue_name(case.connector, case.action_type) if case.queued else None,
        case.proposed_by if case.status in UNANSWERED else None,
        holder_of(case) or None,
        case.tenant_id,
        case.action_intent_id,
    )


def waits(record: Stored | None) -> bool:
    """Does it count in what waits?"""
    return isinstance(record, Case) and record.status in WAITING


def count_rows(before: Stored | None, after: Case, slots: int) -> dict[Row, int]:
    """
    By how much each count of what waits changes, by `COUNT_KEY`.

    A count is the sum of so many rows, so that writers who are at it at once hardly ever meet: one case is always
    counted in the same of them.
    """
    slot = zlib.crc32(after.action_intent_id.encode()) % slots
    return {(after.tenant_id, *count, slot): more for count, more in count_changes(before, after).items()}


def queue_name(connector: str, action_type: str) -> str:
    """Stands in the column `queue`: a worker takes what it has a connector for, of one action type at a time."""
    return f"{connector} {action_type}"


def queue_span(connector: str, action_type: str | None) -> tuple[str, str]:
    """The first and the last name that a queue of this connector can have, or of this action type alone."""
    name = queue_name(connector, action_type or "")
    # An action type is in UPPER_SNAKE, all of which sorts before this.
    return (name, name) if action_type else (name, f"{name}~")


def chain_name(action_intent_id: str | None) -> str:
    return TENANT_CHAIN if action_intent_id is None else action_intent_id


def segment_row(segment: Segment) -> Row:
    """In the order of `TABLES[SEGMENTS]`."""
    first = segment.first
    return (
        first.tenant_id,
        chain_name(first.action_intent_id),
        first.sequence,
        first.entry_id,
        first.account_id,
        segment_at_us(segment),
        segment.kinds,
        segment.packed(),
    )


def event_rows(segment: Segment) -> list[Row]:
    """In the order of `TABLES[EVENTS]`: one for each rare type of event in the segment."""
    first = segment.first
    chain = chain_name(first.action_intent_id)
    place = segment_at_us(segment), first.entry_id, first.account_id, chain, first.sequence
    return [(first.tenant_id, event_type, *place) for event_type in sorted(segment.rare)]


def segment_at_us(segment: Segment) -> int:
    """The one moment of its entries."""
    return _microseconds_of(segment.first.at)


@lru_cache(maxsize=1024)
def _microseconds_of(at: str) -> int:
    return microseconds(datetime.fromisoformat(at))


def cursor_us(text: str) -> tuple[int, str]:
    """The moment in microseconds and the id that a cursor names. Raises `InvalidInput` if it is none."""
    at, id = cursor_of(text)
    return microseconds(at), id
