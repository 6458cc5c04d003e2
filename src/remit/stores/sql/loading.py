"""Rows that were looked up by key, as the records and chains they hold."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from remit.core.ledger.entries import LedgerEntry
from remit.core.ledger.history import IntentHistory
from remit.core.lifecycle import Case
from remit.core.records import CASE, CHAIN
from remit.stores.segments import unpack
from remit.stores.sql.dialect import Dialect
from remit.stores.sql.rows import Row
from remit.stores.units import RecordId, Shown, parse_record


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
        else:
            found[kind, tenant_id, id] = parse_record(kind, body)
    return found | {place: IntentHistory(entries) for place, entries in chains.items()}
