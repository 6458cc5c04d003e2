"""
The order in which a database took in segments of the ledger, whatever times they carry, and positions in it.

SQLite has one writer at a time: the order is that of the rows' numbers. On PostgreSQL several transactions write at
once, and one that began early may end late. There a segment carries the number of its transaction, and readers go no
further than all transactions have ended: what turns up later is always behind them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from remit.ports import ChangedTenants
from remit.stores.sql.rows import SEGMENTS, Row
from remit.stores.units import position_of

Fetch = Callable[[str, dict[str, Any]], list[Row]]
"""Reads over one connection; on PostgreSQL within one transaction, which sees one moment."""


class OrderedSegment(NamedTuple):
    """The position behind a segment, its first entry's moment and id, and its body if that holds what was asked for."""

    position: str
    at_us: int
    entry_id: str
    body: bytes | None


class LedgerOrder(Protocol):
    """Positions are text that sorts as the order does, over all tenants."""

    def head(self, fetch: Fetch) -> str:
        """The position of now."""
        ...

    def before(self, fetch: Fetch, tenant_id: str, since_us: int) -> str:
        """The last position that all segments of a tenant are behind that carry this moment or a later one."""
        ...

    def after(self, fetch: Fetch, tenant_id: str, kinds: int, after: str, limit: int) -> list[OrderedSegment]:
        """The next segments of a tenant."""
        ...

    def named(self, fetch: Fetch, tenant_id: str, at_us: int, entry_id: str) -> OrderedSegment | None:
        """A tenant's segment that begins with this entry."""
        ...

    def last(self, fetch: Fetch, tenant_id: str, upto: str) -> tuple[str, int, str] | None:
        """A tenant's last segment up to a position: its own, and its first entry's moment and id."""
        ...

    def tenants(self, fetch: Fetch, after: str, limit: int) -> ChangedTenants:
        """The tenants of the next segments; there may be more if these were `limit`."""
        ...

    def newest(self, fetch: Fetch, known: Row | None) -> tuple[bool, Row | None]:
        """
        Is the segment there that this answered before; and the last segment of now, for the next time.

        Of two the one with the larger first value is the later one.
        """
        ...

    def unsettled(self, fetch: Fetch, tenant_id: str, kinds: int) -> list[bytes]:
        """The bodies of a tenant's segments with such entries that are there, but behind the position of now."""
        ...

    def is_settled(self, fetch: Fetch) -> bool:
        """Is the position of now behind every segment that is there?"""
        ...


_BODY = "CASE WHEN kinds & :kinds <> 0 THEN body END"


class RowOrder:
    """By SQLite's own number of a row: rows are never deleted, so no number is given out twice."""

    _HEAD = f"SELECT coalesce(max(rowid), 0) FROM {SEGMENTS}"
    _SINCE = f"SELECT min(rowid) FROM {SEGMENTS} WHERE tenant_id = :tenant AND at_us >= :since"
    # Both carried by the index on tenants alone, in which rows of one tenant stand by their numbers.
    _AFTER = f"""SELECT rowid, at_us, entry_id, {_BODY} FROM {SEGMENTS} INDEXED BY segments_by_tenant
        WHERE tenant_id = :tenant AND rowid > :after ORDER BY rowid LIMIT :limit"""
    _LAST = f"""SELECT rowid, at_us, entry_id FROM {SEGMENTS} INDEXED BY segments_by_tenant
        WHERE tenant_id = :tenant AND rowid <= :upto ORDER BY rowid DESC LIMIT 1"""
    _NAMED = f"SELECT rowid, body FROM {SEGMENTS} WHERE tenant_id = :tenant AND at_us = :at AND entry_id = :id"
    _NEWEST = f"""SELECT EXISTS (SELECT 1 FROM {SEGMENTS} WHERE rowid = :number AND entry_id = :id), rowid, entry_id
        FROM {SEGMENTS} ORDER BY rowid DESC LIMIT 1"""
    _TENANTS = f"SELECT rowid, tenant_id FROM {SEGMENTS} WHERE rowid > :after ORDER BY rowid LIMIT :limit"

    def head(self, fetch: Fetch) -> str:
        return _numbered(fetch(self._HEAD, {})[0][0])

    def before(self, fetch: Fetch, tenant_id: str, since_us: int) -> str:
        # First, for on SQLite each statement may see a moment of its own: what comes in between is behind it.
        head = self.head(fetch)
        ((first,),) = fetch(self._SINCE, {"tenant": tenant_id, "since": since_us})
        return head if first is None else min(head, _numbered(first - 1))

    def after(self, fetch: Fetch, tenant_id: str, kinds: int, after: str, limit: int) -> list[OrderedSegment]:
        given = {"tenant": tenant_id, "kinds": kinds, "after": _number(after), "limit": limit}
        return [OrderedSegment(_numbered(number), *rest) for number, *rest in fetch(self._AFTER, given)]

    def named(self, fetch: Fetch, tenant_id: str, at_us: int, entry_id: str) -> OrderedSegment | None:
        found = fetch(self._NAMED, {"tenant": tenant_id, "at": at_us, "id": entry_id})
        return OrderedSegment(_numbered(found[0][0]), at_us, entry_id, found[0][1]) if found else None

    def last(self, fetch: Fetch, tenant_id: str, upto: str) -> tuple[str, int, str] | None:
        found = fetch(self._LAST, {"tenant": tenant_id, "upto": _number(upto)})
        return (_numbered(found[0][0]), found[0][1], found[0][2]) if found else None

    def tenants(self, fetch: Fetch, after: str, limit: int) -> ChangedTenants:
        rows = fetch(self._TENANTS, {"after": _number(after), "limit": limit})
        behind = _numbered(rows[-1][0]) if rows else after or _numbered(0)
        return ChangedTenants(list(dict.fromkeys(name for _, name in rows)), behind, len(rows) >= limit)

    def newest(self, fetch: Fetch, known: Row | None) -> tuple[bool, Row | None]:
        number, id = known or (0, "")
        return _still(known, fetch(self._NEWEST, {"number": number, "id": id}))

    def unsettled(self, fetch: Fetch, tenant_id: str, kinds: int) -> list[bytes]:  # noqa: ARG002 - the port's own
        return []

    def is_settled(self, fetch: Fetch) -> bool:  # noqa: ARG002 - the port's own
        return True


class TransactionOrder:
    """
    By PostgreSQL's number of the transaction, and within one by time and id.

    A database that was restored into another server meets smaller numbers there: `ledger_base` holds what is added to
    them, see `Postgres.prepare`. What an earlier release wrote has the number 0, and is in the order of its times.
    """

    _BASE = "(SELECT coalesce(max(base), 0) FROM ledger_base)"
    # Every transaction with a smaller number has ended, and this reader sees what it did.
    _HORIZON = f"{_BASE} + CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint)"
    _HEAD = f"SELECT {_HORIZON}"
    _SINCE = f"SELECT min(position) FROM {SEGMENTS} WHERE tenant_id = :tenant AND at_us >= :since"
    _AFTER = f"""SELECT position, at_us, entry_id, {_BODY} FROM {SEGMENTS}
        WHERE tenant_id = :tenant AND (position, at_us, entry_id) > (:position, :at, :id) AND position < {_HORIZON}
        ORDER BY position, at_us, entry_id LIMIT :limit"""
    _LAST = f"""SELECT position, at_us, entry_id FROM {SEGMENTS}
        WHERE tenant_id = :tenant AND (position, at_us, entry_id) <= (:position, :at, :id)
        ORDER BY position DESC, at_us DESC, entry_id DESC LIMIT 1"""
    _NAMED = f"SELECT position, body FROM {SEGMENTS} WHERE tenant_id = :tenant AND at_us = :at AND entry_id = :id"
    _TENANTS = f"""SELECT position, tenant_id FROM {SEGMENTS}
        WHERE position >= :position AND position < {_HORIZON} ORDER BY position LIMIT :limit"""
    # A transaction that is still open, in whatever database of the server, holds back what others have committed since.
    _HELD_BACK = f"SELECT 1 FROM {SEGMENTS} WHERE position >= {_HORIZON} LIMIT 1"
    _SETTLED = f"SELECT {_HORIZON}, EXISTS ({_HELD_BACK})"
    _UNSETTLED = f"""SELECT body FROM {SEGMENTS}
        WHERE tenant_id = :tenant AND position >= {_HORIZON} AND kinds & :kinds <> 0"""
    _NEWEST = f"""SELECT EXISTS (SELECT 1 FROM {SEGMENTS} AS known WHERE known.tenant_id = :tenant
            AND known.position = :position AND known.at_us = :at AND known.entry_id = :id),
        position, tenant_id, at_us, entry_id FROM {SEGMENTS} ORDER BY position DESC LIMIT 1"""
    _TENANTS_OF_ONE = f"SELECT DISTINCT tenant_id FROM {SEGMENTS} WHERE position = :position"

    def head(self, fetch: Fetch) -> str:
        return _before_transaction(fetch(self._HEAD, {})[0][0])

    def before(self, fetch: Fetch, tenant_id: str, since_us: int) -> str:
        ((first,),) = fetch(self._SINCE, {"tenant": tenant_id, "since": since_us})
        # Within a transaction, too, all of that time and later comes behind this.
        return self.head(fetch) if first is None else _within(first, since_us, "")

    def after(self, fetch: Fetch, tenant_id: str, kinds: int, after: str, limit: int) -> list[OrderedSegment]:
        position, at, id = _parts(after)
        given = {"tenant": tenant_id, "kinds": kinds, "position": position, "at": at, "id": id, "limit": limit}
        return [
            OrderedSegment(_within(number, at_us, entry_id), at_us, entry_id, body)
            for number, at_us, entry_id, body in fetch(self._AFTER, given)
        ]

    def named(self, fetch: Fetch, tenant_id: str, at_us: int, entry_id: str) -> OrderedSegment | None:
        found = fetch(self._NAMED, {"tenant": tenant_id, "at": at_us, "id": entry_id})
        if not found:
            return None
        return OrderedSegment(_within(found[0][0], at_us, entry_id), at_us, entry_id, found[0][1])

    def last(self, fetch: Fetch, tenant_id: str, upto: str) -> tuple[str, int, str] | None:
        position, at, id = _parts(upto)
        found = fetch(self._LAST, {"tenant": tenant_id, "position": position, "at": at, "id": id})
        return (_within(*found[0]), found[0][1], found[0][2]) if found else None

    def tenants(self, fetch: Fetch, after: str, limit: int) -> ChangedTenants:
        rows = fetch(self._TENANTS, {"position": _parts(after)[0], "limit": limit})
        if len(rows) < limit:
            ((horizon, held_back),) = fetch(self._SETTLED, {})
            found = list(dict.fromkeys(name for _, name in rows))
            return ChangedTenants(found, _before_transaction(horizon), more=False, settled=not held_back)
        # Of the last transaction some may be left.
        last = rows[-1][0]
        others = fetch(self._TENANTS_OF_ONE, {"position": last})
        names = dict.fromkeys([*(name for _, name in rows), *(name for (name,) in others)])
        return ChangedTenants(list(names), _before_transaction(last + 1), more=True)

    def newest(self, fetch: Fetch, known: Row | None) -> tuple[bool, Row | None]:
        position, tenant_id, at_us, entry_id = known or (0, "", 0, "")
        given = {"tenant": tenant_id, "position": position, "at": at_us, "id": entry_id}
        return _still(known, fetch(self._NEWEST, given))

    def unsettled(self, fetch: Fetch, tenant_id: str, kinds: int) -> list[bytes]:
        return [body for (body,) in fetch(self._UNSETTLED, {"tenant": tenant_id, "kinds": kinds})]

    def is_settled(self, fetch: Fetch) -> bool:
        return not fetch(self._HELD_BACK, {})


def _still(known: Row | None, found: list[Row]) -> tuple[bool, Row | None]:
    if not found:
        return known is None, None
    is_there, *last = found[0]
    return known is None or bool(is_there), tuple(last)


_FIRST_US = -(2**62)
"""Before every moment."""


def _numbered(number: int) -> str:
    return f"{number:016d}"


def _number(position: str) -> int:
    return int(position_of(position)[0] or 0)


def _before_transaction(number: int) -> str:
    return f"{number:020d}"


def _within(number: int, at_us: int, entry_id: str) -> str:
    return f"{number:020d}|{at_us - _FIRST_US:019d}|{entry_id}"


def _parts(position: str) -> tuple[int, int, str]:
    number, _, rest = position_of(position)[0].partition("|")
    at, _, entry_id = rest.partition("|")
    return int(number or 0), int(at) + _FIRST_US if at else _FIRST_US, entry_id
