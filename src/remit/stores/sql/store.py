"""The store: writing goes through one `SqlWriter`, reading through connections of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import datetime
from typing import Any, Self, TypeVar, cast

import sqlalchemy

from remit.core.errors import InvalidInput, NoDatabase, RemitError, TryLater
from remit.core.ledger.entries import LedgerEntry
from remit.core.lifecycle import Case
from remit.core.records import CASE, Key, Kind
from remit.core.values import Stored
from remit.ports import CaseFilter, Snapshot, UnitOfWork
from remit.stores.group_commit import GroupCommit
from remit.stores.sql import queries
from remit.stores.sql.dialect import Dialect, DriverFault, raise_ours
from remit.stores.sql.migrations import migrate_with
from remit.stores.sql.postgres import Postgres
from remit.stores.sql.rows import Row, cursor_of, entry_of, microseconds, place
from remit.stores.sql.sqlite import Sqlite
from remit.stores.sql.writer import EnlistInTransaction, SqlWriter
from remit.stores.units import RecordId, RecordSnapshot, parse_record

T = TypeVar("T")
R = TypeVar("R", bound=Stored)

_READ_TRIES = 3


class SqlStore:
    """A store in SQLite or PostgreSQL. Open it with `SqlStore.open`; share it between threads."""

    def __init__(self, dialect: Dialect, enlist: EnlistInTransaction | None = None) -> None:
        self._dialect = dialect
        self._writer = SqlWriter(dialect.writer(), dialect, enlist)
        self._group_commit = GroupCommit(self._writer.carry_out)
        self._readers = dialect.readers()

    @classmethod
    def open(cls, url: str, enlist: EnlistInTransaction | None = None, *, create: bool = True) -> Self:
        """
        `url` is `sqlite:///path.db` or `postgresql://user:password@host/database`.

        Creates or upgrades what is in there first. `enlist` is given the open transaction and the
        messages that go out with it. Raises `InvalidInput` if the URL means nothing, or names what is
        not there or cannot be used, `TryLater` if the database cannot be reached, and, where it is not
        to `create` one, `NoDatabase`.
        """
        dialect = dialect_of(url)
        if not create and not dialect.exists():
            raise NoDatabase(dialect.name)
        migrate_with(dialect)
        return cls(dialect, enlist)

    def transact(self, units: Sequence[UnitOfWork[T]]) -> list[T | RemitError]:
        return self._group_commit.submit(units) if units else []

    def read(self, keys: Sequence[Key[Any]]) -> Snapshot:
        records: dict[RecordId, Stored | None] = dict.fromkeys(map(place, keys))

        def look(driver: Any) -> None:
            for kind, tenant_id, id, body in self._dialect.load(driver, records, lock=False):
                records[kind, tenant_id, id] = parse_record(kind, body)

        if records:
            self._with_reader(look)
        return RecordSnapshot(records)

    def scan(self, kind: Kind[R], tenant_id: str, prefix: str = "") -> list[R]:
        rows = self._fetch(queries.scan(kind.name), tenant=tenant_id, first=prefix, last=prefix + chr(0x10FFFF))
        return [cast(R, parse_record(kind.name, body)) for (body,) in rows]

    def due(self, now: datetime, limit: int) -> list[Case]:
        return _cases(self._fetch(queries.DUE, now=microseconds(now), limit=limit))

    def busy(self) -> bool:
        return bool(self._fetch(queries.BUSY)[0][0])

    def waiting(self, tenant_id: str, account_id: str | None, after: str | None, limit: int) -> list[Case]:
        at, id = (None, None) if after is None else cursor_of(after)
        sql, given = queries.waiting(tenant=tenant_id, account=account_id, at=at, id=id)
        return _cases(self._fetch(sql, **given, limit=limit))

    def cases(self, tenant_id: str, which: CaseFilter, after: str | None, limit: int) -> list[Case]:
        at, id = (None, None) if after is None else cursor_of(after)
        sql, given = queries.cases(
            tenant=tenant_id,
            account=which.account_id,
            action_type=which.action_type,
            reason=which.reason,
            **_statuses(which),
            created_from=None if which.created_from is None else microseconds(which.created_from),
            created_before=None if which.created_before is None else microseconds(which.created_before),
            at=at,
            id=id,
        )
        return _cases(self._fetch(sql, **given, limit=limit))

    def chain(self, tenant_id: str, action_intent_id: str | None) -> list[LedgerEntry]:
        chain = queries.chain_name(action_intent_id)
        return list(map(entry_of, self._fetch(queries.CHAIN, tenant=tenant_id, chain=chain)))

    def recent(
        self, tenant_id: str, event_types: Sequence[str], account_id: str | None, after: str | None, limit: int
    ) -> list[LedgerEntry]:
        at, id = (None, None) if after is None else cursor_of(after)
        sql, given = queries.recent(tenant=tenant_id, event_types=list(event_types), account=account_id, at=at, id=id)
        return list(map(entry_of, self._fetch(sql, **given, limit=limit)))

    def export(self, tenant_id: str) -> Iterator[LedgerEntry]:
        try:
            with closing(self._readers.raw_connection()) as connection:
                driver: Any = connection.driver_connection
                with closing(self._dialect.stream(driver, queries.EXPORT, {"tenant": tenant_id})) as rows:
                    yield from map(entry_of, rows)
        except Exception as error:
            raise_ours(error, self._dialect.name)

    def counts(self, tenant_id: str) -> dict[str, int]:
        return dict(self._fetch(queries.COUNTS, tenant=tenant_id))

    def tenants(self) -> list[str]:
        return [tenant_id for (tenant_id,) in self._fetch(queries.TENANTS)]

    def close(self) -> None:
        self._writer.close()
        self._readers.dispose()

    def _fetch(self, sql: str, **parameters: Any) -> list[Row]:
        return self._with_reader(lambda driver: self._dialect.fetch(driver, sql, parameters))

    def _with_reader(self, work: Callable[[Any], T]) -> T:
        for attempt in range(_READ_TRIES):
            try:
                with closing(self._readers.raw_connection()) as connection:
                    return work(connection.driver_connection)
            except Exception as error:
                fault = self._dialect.fault(error)
                if fault is None or fault is DriverFault.REFUSED:
                    raise_ours(error, self._dialect.name)
                last = error
            # The pool may hold more connections to a server that has gone.
            self._readers.dispose()
            time.sleep(0.05 * attempt)
        raise TryLater(f"{self._dialect.name} cannot be read: {last}")


def dialect_of(url: str) -> Dialect:
    """Raises `InvalidInput` if the URL is not understood."""
    try:
        parsed = sqlalchemy.make_url(url)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        parsed = None
    if parsed is not None and parsed.drivername == "sqlite":
        return Sqlite(parsed)
    if parsed is not None and parsed.drivername == "postgresql":
        return Postgres(parsed)
    raise InvalidInput(
        "url", "is not understood", "send sqlite:///path.db or postgresql://user:password@host:port/database"
    )


def _cases(rows: Sequence[Row]) -> list[Case]:
    return [cast(Case, parse_record(CASE.name, body)) for (body,) in rows]


def _statuses(which: CaseFilter) -> dict[str, Any]:
    if which.statuses is None:
        return {}
    return {"status": which.statuses[0]} if len(which.statuses) == 1 else {"statuses": list(which.statuses)}
