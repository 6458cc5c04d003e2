"""
Positions in the ledger as a tenant's readers are told them, on SQL: segments by the names of their first entries.

The database's own positions count what all tenants write, and are others in a copy of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from remit.core.errors import InvalidInput
from remit.ports import LedgerPage, ReaderPage
from remit.stores.segments import kinds_of, unpack
from remit.stores.sql.ledger_order import Fetch, LedgerOrder, OrderedSegment
from remit.stores.sql.rows import cursor_us, moment
from remit.stores.units import FIRST_POSITION, after_each, position_of, segment_name, told_after_each


def reader_page(
    fetch: Fetch, order: LedgerOrder, tenant_id: str, event_types: Sequence[str], after: str, limit: int
) -> ReaderPage | None:
    """As `Store.reader_page`."""
    name, passed = position_of(after)
    last = _named(fetch, order, tenant_id, name)
    if last is None and after != FIRST_POSITION:
        return None
    start = last.position if last else ""
    following = order.after(fetch, tenant_id, kinds_of(event_types), start, limit)
    # Of a segment that was left half told, the rest comes first.
    rows = [last, *following] if last and passed else following
    segments = [unpack(row.body) if row.body is not None else [] for row in rows]
    positions, names = [row.position for row in rows], [_name(row) for row in rows]
    before = f"#{passed}" if passed else start
    entries = after_each(zip(positions, segments, strict=True), before, event_types)
    told = told_after_each(zip(names, segments, strict=True), passed, event_types)
    behind = LedgerPage(entries, rows[-1].position if rows else start, len(following) >= limit)
    return ReaderPage(behind, told, names[-1] if names else after)


def reader_position(fetch: Fetch, order: LedgerOrder, tenant_id: str, upto: str) -> str:
    """The tenant's last segment up to one of the database's own positions, as readers are told it."""
    found = order.last(fetch, tenant_id, upto)
    return segment_name(moment(found[1]), found[2]) if found else FIRST_POSITION


def _named(fetch: Fetch, order: LedgerOrder, tenant_id: str, name: str) -> OrderedSegment | None:
    try:
        at_us, entry_id = cursor_us(name)
    except InvalidInput:
        return None
    return order.named(fetch, tenant_id, at_us, entry_id)


def _name(row: OrderedSegment) -> str:
    return segment_name(moment(row.at_us), row.entry_id)
