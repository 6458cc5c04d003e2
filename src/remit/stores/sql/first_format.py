"""The tables of the first format in SQLite and PostgreSQL, read for a migration."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any, TypeVar

import orjson

from remit.core.ledger.entries import ENTRY_FIELDS, LedgerEntry
from remit.stores.first_format import entry_of
from remit.stores.sql.dialect import Dialect, raise_ours
from remit.stores.sql.queries import page, tenants_of
from remit.stores.sql.rows import TENANT_CHAIN, Row

T = TypeVar("T")

LEDGER = "ledger_entries"
_COLUMNS = tuple("chain" if name == "action_intent_id" else name for name in ENTRY_FIELDS)
_ENTRIES = f"SELECT {', '.join(_COLUMNS)} FROM {LEDGER} WHERE tenant_id = :tenant"
_CHAIN = f"{_ENTRIES} AND chain = :chain ORDER BY sequence"
_EXPORT = f"{_ENTRIES} AND chain > '{TENANT_CHAIN}' ORDER BY chain, sequence"
_COUNTS = "SELECT status, count(*) FROM cases WHERE tenant_id = :tenant GROUP BY status"
_KINDS = ("chain_heads", "cases", "usages", "bounds", "stops", "action_types", "policy_versions", "internal_objects")
# Later revisions of that schema added these.
_LATER = ("api_keys", "sessions", "sign_in_links", "followers", "tallies", "tellers", "subscriptions")
TABLES = (
    *("attempts", "auto_exec_states", "intents", "decisions", "approvals", "outcomes", "resolutions", "votes"),
    *("followers", "tallies", "tellers", LEDGER),
)
"""Those that no longer are."""
_PAGE = 500


class SqlFirstFormatRows:
    """A `FirstFormatRows`."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._readers = dialect.readers()

    def tenants(self) -> list[str]:
        tables = [table for table in (*_KINDS, *_LATER, LEDGER) if self._has(table)]
        sql = " UNION ".join(map(tenants_of, tables)) + " ORDER BY tenant_id"
        return [tenant_id for (tenant_id,) in self._fetch(sql)]

    def counts(self, tenant_id: str) -> dict[str, int]:
        return dict(self._fetch(_COUNTS, tenant=tenant_id))

    def page(self, kind: str, tenant_id: str) -> Iterator[tuple[str, str]]:
        if not self._has(kind):
            return
        after = ""
        while rows := self._fetch(page(kind), tenant=tenant_id, after=after, limit=_PAGE):
            yield from rows
            after = rows[-1][0]

    def bodies(self, kind: str, tenant_id: str, ids: Sequence[str]) -> dict[str, str]:
        sql = f"SELECT id, body FROM {kind} WHERE tenant_id = :tenant AND id = ANY_OF(:ids)"
        return dict(self._fetch(sql, tenant=tenant_id, ids=list(ids))) if ids else {}

    def chain(self, tenant_id: str, action_intent_id: str | None) -> list[LedgerEntry]:
        return [_entry(row) for row in self._fetch(_CHAIN, tenant=tenant_id, chain=action_intent_id or TENANT_CHAIN)]

    def export(self, tenant_id: str) -> Iterator[LedgerEntry]:
        try:
            with closing(self._readers.raw_connection()) as connection:
                driver: Any = connection.driver_connection
                with closing(self._dialect.stream(driver, _EXPORT, {"tenant": tenant_id})) as rows:
                    yield from map(_entry, rows)
        except Exception as error:
            raise_ours(error, self._dialect)

    def close(self) -> None:
        self._readers.dispose()

    def _has(self, table: str) -> bool:
        return self._with(lambda driver: self._dialect.has_table(driver, table))

    def _fetch(self, sql: str, **parameters: Any) -> list[Row]:
        return self._with(lambda driver: self._dialect.fetch(driver, sql, parameters))

    def _with(self, work: Callable[[Any], T]) -> T:
        try:
            with closing(self._readers.raw_connection()) as connection:
                return work(connection.driver_connection)
        except Exception as error:
            raise_ours(error, self._dialect)


def _entry(row: Row) -> LedgerEntry:
    fields = dict(zip(ENTRY_FIELDS, row, strict=True))
    chain = fields["action_intent_id"]
    return entry_of(
        {**fields, "action_intent_id": None if chain == TENANT_CHAIN else chain, "data": orjson.loads(fields["data"])}
    )
