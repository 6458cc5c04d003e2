"""Entries newest first, found by the moments of their segments."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from remit.core.ledger.entries import LedgerEntry
from remit.ports import cursor_of
from remit.stores.segments import Segment, kinds_of, unpack
from remit.stores.sql import queries
from remit.stores.sql.ledger_order import Fetch
from remit.stores.sql.rows import microseconds, segment_at_us
from remit.stores.units import by_time

_EVERY = 2**62


def recent_entries(
    fetch: Fetch, tenant_id: str, event_types: Sequence[str], account_id: str | None, after: str | None, limit: int
) -> list[LedgerEntry]:
    """As `Store.recent`, of at least one type."""
    start = None if after is None else cursor_of(after)

    def read(most: int, **of: int | None) -> list[Segment]:
        sql, given = queries.recent(event_types, kinds_of(event_types), tenant=tenant_id, account=account_id, **of)
        return [Segment(unpack(body)) for body, *_ in fetch(sql, {**given, "limit": most})]

    def asked_for(entry: LedgerEntry) -> bool:
        return entry.event_type in event_types and (start is None or by_time(entry) < start)

    upto = None if start is None else microseconds(start[0])
    found: list[LedgerEntry] = []
    while len(found) < limit:
        moments, older = _whole_moments(read, upto, limit)
        entries = (entry for segment in moments for entry in segment.entries)
        found += sorted(filter(asked_for, entries), key=by_time, reverse=True)
        if older is None:
            break
        upto = older
    return found[:limit]


def _whole_moments(
    read: Callable[..., list[Segment]], upto: int | None, limit: int
) -> tuple[list[Segment], int | None]:
    """
    The newest segments of what `read` reads, and up to where older ones may be left.

    Of a moment all or none: a segment may hold an entry that comes before another's first, and one after.
    """
    segments = read(limit + 1, at=upto)
    if len(segments) <= limit:
        return segments, None
    oldest = segment_at_us(segments[-1])
    newer = [segment for segment in segments if segment_at_us(segment) != oldest]
    return newer + read(_EVERY, moment=oldest), oldest - 1
