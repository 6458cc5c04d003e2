"""
Columns and rows beside the records: what lists are found, filtered and sorted by, held against what the records say.

A page at a time, each as of one moment: a record and what stands beside it are written in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

from remit.core.errors import RemitError
from remit.core.lifecycle import WAITING, Case
from remit.core.records import CASE
from remit.stores.bounds_parts import BOUNDS_PARTS, KNOWN_BOUNDS
from remit.stores.segments import Segment, unpack
from remit.stores.sql import queries
from remit.stores.sql.rows import (
    EVENTS,
    SEGMENTS,
    STATES,
    TABLES,
    TENANT_CHAIN,
    WAITING_COUNTS,
    Row,
    event_rows,
    record_row,
    segment_row,
    state_row,
)
from remit.stores.sql.waiting_counts import wrong_counts
from remit.stores.units import parse_record

Fetch = Callable[..., list[Row]]
"""Fetches the rows of a statement, given its parameters by name."""
PAGE = 500
_CASE_COLUMNS, _STATE_COLUMNS = TABLES[CASE.name], TABLES[STATES]
_SEGMENT_COLUMNS, _EVENT_COLUMNS = TABLES[SEGMENTS], TABLES[EVENTS]


def _named(table: str, columns: Sequence[str]) -> str:
    return ", ".join(f"{table}.{column}" for column in columns)


_CASES = f"""
    SELECT {_named("cases", _CASE_COLUMNS)}, {_named("state", _STATE_COLUMNS)}
    FROM cases LEFT JOIN {STATES} AS state ON state.tenant_id = cases.tenant_id AND state.id = cases.id
    WHERE cases.tenant_id = :tenant AND cases.id > :after ORDER BY cases.id LIMIT :limit"""
_STATES_ALONE = f"""
    SELECT state.id FROM {STATES} AS state WHERE state.tenant_id = :tenant AND NOT EXISTS
    (SELECT 1 FROM cases WHERE cases.tenant_id = state.tenant_id AND cases.id = state.id) ORDER BY state.id"""
_SEGMENTS = f"""
    SELECT {_named("segment", _SEGMENT_COLUMNS)} FROM {SEGMENTS} AS segment
    WHERE tenant_id = :tenant AND (chain, first) > (:chain, :first) ORDER BY chain, first LIMIT :limit"""
_EVENT = f"""
    SELECT {_named("event", _EVENT_COLUMNS)} FROM {EVENTS} AS event
    WHERE tenant_id = :tenant AND event_type = :event_type AND at_us = :at AND entry_id = :entry_id"""
_EVENTS_ALONE = f"""
    SELECT event.event_type, event.entry_id FROM {EVENTS} AS event WHERE event.tenant_id = :tenant AND NOT EXISTS
    (SELECT 1 FROM {SEGMENTS} AS segment WHERE segment.tenant_id = event.tenant_id AND segment.chain = event.chain
    AND segment.first = event.first AND segment.entry_id = event.entry_id)"""

_PARTS = f"SELECT id, body FROM {BOUNDS_PARTS} WHERE tenant_id = :tenant"


def misfiled(fetch: Fetch, tenant_id: str) -> Iterator[str]:
    yield from _cases(fetch, tenant_id)
    for (id,) in fetch(_STATES_ALONE, tenant=tenant_id):
        yield f"{STATES} {id}: there is no such case"
    for count, kept, due in wrong_counts(fetch(queries.COUNTS_AND_CASES, tenant=tenant_id)):
        yield f"{WAITING_COUNTS} {' '.join(filter(None, count))}: {kept} are counted, and {due} wait; run remit recount"
    yield from _segments(fetch, tenant_id)
    for event_type, entry_id in fetch(_EVENTS_ALONE, tenant=tenant_id):
        yield f"{EVENTS} {event_type} {entry_id}: there is no such entry"
    yield from KNOWN_BOUNDS.altered(tenant_id, dict(fetch(_PARTS, tenant=tenant_id)))


def _cases(fetch: Fetch, tenant_id: str) -> Iterator[str]:
    after = ""
    while rows := fetch(_CASES, tenant=tenant_id, after=after, limit=PAGE):
        for row in rows:
            yield from _case(row[: len(_CASE_COLUMNS)], row[len(_CASE_COLUMNS) :])
        after = str(rows[-1][len(_CASE_COLUMNS) - 1])


def _case(row: Row, state: Row) -> Iterator[str]:
    where = f"cases {row[-1]}"
    try:
        case = cast(Case, parse_record(CASE.name, row[0]))
    except RemitError as error:
        yield f"{where}: {error}"
        return
    yield from _different(
        where, _CASE_COLUMNS[1:], row[1:], record_row(CASE.name, case.tenant_id, case.action_intent_id, case)[1:]
    )
    found = None if state[-1] is None else state
    way_out = "; run remit recount" if case.status in WAITING else ""
    yield from (problem + way_out for problem in _state(f"{STATES} {row[-1]}", found, state_row(case)))


def _state(where: str, found: Row | None, due: Row | None) -> Iterator[str]:
    if due is not None and found is not None:
        yield from _different(where, _STATE_COLUMNS, found, due)
    elif due != found:
        yield f"{where}: {'there is a row too many' if due is None else 'its row is missing'}"


def _segments(fetch: Fetch, tenant_id: str) -> Iterator[str]:
    chain, first = TENANT_CHAIN, 0
    while rows := fetch(_SEGMENTS, tenant=tenant_id, chain=chain, first=first, limit=PAGE):
        for row in rows:
            yield from _segment(fetch, tenant_id, row)
        chain, first = rows[-1][1:3]


def _segment(fetch: Fetch, tenant_id: str, row: Row) -> Iterator[str]:
    where = f"{SEGMENTS} {row[1] or TENANT_CHAIN!r} {row[2]}"
    try:
        segment = Segment(unpack(row[-1]))
    except (RemitError, ValueError) as error:
        yield f"{where}: {error}"
        return
    yield from _different(where, _SEGMENT_COLUMNS[:-1], row[:-1], segment_row(segment)[:-1])
    for due in event_rows(segment):
        _, event_type, at_us, entry_id, *_ = due
        found = fetch(_EVENT, tenant=tenant_id, event_type=event_type, at=at_us, entry_id=entry_id)
        if not found:
            yield f"{EVENTS} {event_type} {entry_id}: its row is missing"
        else:
            yield from _different(f"{EVENTS} {event_type} {entry_id}", _EVENT_COLUMNS, found[0], due)


def _different(where: str, columns: Sequence[str], found: Sequence[Any], due: Sequence[Any]) -> Iterator[str]:
    for column, is_now, should_be in zip(columns, found, due, strict=True):
        if is_now != should_be:
            yield f"{where}: its column {column} is {is_now!r}, what it holds says {should_be!r}"
