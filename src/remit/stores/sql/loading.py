"""Rows that were looked up by key, as the records and chains they hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from remit.core.errors import RemitError
from remit.core.ledger.entries import LedgerEntry
from remit.core.ledger.history import IntentHistory
from remit.core.lifecycle import Case
from remit.core.records import BOUNDS, CASE, CHAIN
from remit.stores.bounds_parts import BOUNDS_PARTS, KNOWN_BOUNDS, PartsGone, is_head
from remit.stores.segments import unpack
from remit.stores.sql.dialect import Dialect
from remit.stores.sql.rows import Row
from remit.stores.units import RecordId, Shown, parse_record

_TRIES = 8
"""How often bounds are read anew that somebody changes just then."""


def cases_of(rows: Iterable[Row]) -> list[Case]:
    """The cases whose bodies these are."""
    return [cast(Case, parse_record(CASE.name, body)) for (body,) in rows]


def loaded(dialect: Dialect, driver: Any, places: Iterable[RecordId], *, lock: bool) -> dict[RecordId, Shown]:
    """The records at these places; `None` where nothing is."""
    found: dict[RecordId, Shown] = dict.fromkeys(places)
    chains: dict[RecordId, list[LedgerEntry]] = {}
    for kind, tenant_id, id, body in dialect.load(driver, found, lock=lock):
        if kind == CHAIN.name:
            chains.setdefault((kind, tenant_id, id), []).extend(unpack(body))
        elif kind == BOUNDS.name and is_head(body):
            found[kind, tenant_id, id] = _bounds_in_parts(dialect, driver, (kind, tenant_id, id), body)
        else:
            found[kind, tenant_id, id] = parse_record(kind, body)
    return found | {place: IntentHistory(entries) for place, entries in chains.items()}


def _bounds_in_parts(dialect: Dialect, driver: Any, place: RecordId, body: str) -> Shown:
    """Raises `RemitError` for parts that are not there although nobody changes these bounds."""
    _, tenant_id, _ = place

    def fetch(names: Sequence[str]) -> Mapping[str, str]:
        parts = [(BOUNDS_PARTS, tenant_id, name) for name in names]
        return {name: part for _, _, name, part in dialect.load(driver, parts, lock=False)}

    for _ in range(_TRIES):
        try:
            return KNOWN_BOUNDS.whole(tenant_id, body, fetch)
        except PartsGone:
            rows = dialect.load(driver, [place], lock=False)
        if not rows or not is_head(rows[0][3]):
            return parse_record(BOUNDS.name, rows[0][3]) if rows else None
        body = rows[0][3]
    raise RemitError(f"a part of the bounds of tenant {tenant_id!r} is named and is not there")
