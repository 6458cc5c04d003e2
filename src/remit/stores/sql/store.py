"""The store: writing goes through one `SqlWriter`, reading through connections of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from datetime import datetime
from typing import Any, Self, TypeVar, cast

import sqlalchemy

from remit.core.errors import InvalidInput, NoDatabase, RemitError, TryLater
from remit.core.ledger.entries import LedgerEntry
from remit.core.lifecycle import Case, Status
from remit.core.records import CASE, Key, Kind
from remit.core.values import Stored
from remit.ports import CaseFilter, QueueLine, QueuePlace, Snapshot, UnitOfWork
from remit.stores.group_commit import GroupCommit
from remit.stores.segments import Segment, kinds_of, unpack
from remit.stores.sql import queries
from remit.stores.sql.dialect import Dialect, DriverFault, raise_ours
from remit.stores.sql.loading import loaded
from remit.stores.sql.migrations import migrate_with
from remit.stores.sql.misfiled import PAGE, misfiled
from remit.stores.sql.postgres import Postgres
from remit.stores.sql.rows import Row, chain_name, cursor_us, microseconds, moment, segment_at_us
from remit.stores.sql.sqlite import Sqlite
from remit.stores.sql.writer import SqlWriter
from remit.stores.units import RecordSnapshot, by_time, cursor_of, parse_record, record_id

T = TypeVar("T")
S = TypeVar("S", bound=Stored)

_READ_TRIES = 3
_EVERY = 2**62
_BEFORE_ALL = -(2**62)
_PAGE = 500


class SqlStore:
    """A store in SQLite or PostgreSQL. Open it with `SqlStore.open`; share it between threads."""

    one_at_a_time = True

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._writer = SqlWriter(dialect.writer(), dialect)
        self._last_claimed = ""
        self._group_commit = GroupCommit(self._writer.carry_out)
        self._readers = dialect.readers()

    @classmethod
    def open(cls, url: str, *, create: bool = True) -> Self:
        """
        `url` is `sqlite:///path.db` or `postgresql://user:password@host/database`.

        Creates or upgrades what is in there first. Raises `InvalidInput` if the URL means nothing, or
        names what is not there or cannot be used, `TryLater` if the database cannot be reached, and,
        where it is not to `create` one, `NoDatabase`.
        """
        dialect = dialect_of(url)
        if not create and not dialect.exists():
            raise NoDatabase(dialect.name)
        migrate_with(dialect)
        return cls(dialect)

    def transact(self, units: Sequence[UnitOfWork[T]]) -> list[T | RemitError]:
        return self._group_commit.submit(units) if units else []

    def claim(
        self, now: datetime, connectors: Sequence[str], limit: int, unit_for: Callable[[Case], UnitOfWork[T]]
    ) -> list[T | RemitError]:
        def find(driver: Any) -> list[UnitOfWork[T]]:
            return [unit_for(case) for case in self._queued(driver, now, connectors, limit)]

        return self._group_commit.submit((), find)

    def has_queued(self, now: datetime, connectors: Sequence[str]) -> bool:
        return bool(self._fetch(queries.HAS_QUEUED, now=microseconds(now), queues=list(connectors))[0][0])

    def _queued(self, driver: Any, now: datetime, connectors: Sequence[str], limit: int) -> list[Case]:
        """In turns by tenant, from the tenant after the one that came last."""
        tenants = self._queued_tenants(driver, limit)
        found: list[Case] = []
        for place, tenant_id in enumerate(tenants):
            # The later ones share what the earlier have left.
            share = -(-(limit - len(found)) // (len(tenants) - place))
            given = {"tenant": tenant_id, "now": microseconds(now), "queues": list(connectors), "limit": share}
            rows = self._dialect.take(driver, queries.QUEUED, given)
            self._last_claimed = tenant_id if rows else self._last_claimed
            found += _cases(rows)
        return found

    def _queued_tenants(self, driver: Any, limit: int) -> list[str]:
        def after(tenant_id: str) -> list[str]:
            given = {"after": tenant_id, "limit": limit}
            return [name for (name,) in self._dialect.fetch(driver, queries.QUEUED_TENANTS, given)]

        behind = after(self._last_claimed)
        return behind if len(behind) >= limit else list(dict.fromkeys([*behind, *after("")]))[:limit]

    def read(self, keys: Sequence[Key[Any]]) -> Snapshot:
        places = list(map(record_id, keys))
        if not places:
            return RecordSnapshot({})
        return RecordSnapshot(self._with_reader(lambda driver: loaded(self._dialect, driver, places, lock=False)))

    def scan(self, kind: Kind[S], tenant_id: str, prefix: str = "") -> list[S]:
        rows = self._fetch(queries.scan(kind.name), tenant=tenant_id, first=prefix, last=prefix + chr(0x10FFFF))
        return [cast(S, parse_record(kind.name, body)) for (body,) in rows]

    def each(self, kind: Kind[S], tenant_id: str) -> Iterator[S]:
        after = ""
        while rows := self._fetch(queries.page(kind.name), tenant=tenant_id, after=after, limit=PAGE):
            for _, body in rows:
                with suppress(RemitError):
                    yield cast(S, parse_record(kind.name, body))
            after = rows[-1][0]

    def misfiled(self, tenant_id: str) -> Iterator[str]:
        return misfiled(self._fetch, tenant_id)

    def records(self, kind: Kind[S], tenant_id: str) -> Iterator[tuple[str, S]]:
        after = ""
        while rows := self._fetch(queries.page(kind.name), tenant=tenant_id, after=after, limit=_PAGE):
            for id, body in rows:
                yield id, cast(S, parse_record(kind.name, body))
            after = rows[-1][0]

    def due(self, now: datetime, limit: int) -> list[Case]:
        return _cases(self._fetch(queries.DUE, now=microseconds(now), limit=limit))

    def busy(self) -> bool:
        return bool(self._fetch(queries.BUSY)[0][0])

    def waiting(self, tenant_id: str, account_id: str | None, after: str | None, limit: int) -> list[Case]:
        at, id = (None, None) if after is None else cursor_us(after)
        sql, given = queries.waiting(tenant=tenant_id, account=account_id, at=at, id=id)
        return _cases(self._fetch(sql, **given, limit=limit))

    def queue_lines(
        self, tenant_id: str, proposed_by: str | None, after: Mapping[str, QueuePlace], limit: int
    ) -> list[QueueLine]:
        def lines(driver: Any) -> list[QueueLine]:
            proposers = [(proposed_by,)] if proposed_by else self._dialect.fetch(driver, queries.PROPOSERS, of_tenant)
            return [line for (name,) in proposers for line in of_one(driver, name)]

        def of_one(driver: Any, name: str) -> list[QueueLine]:
            at, id = after.get(name, (None, ""))
            at_us = _BEFORE_ALL if at is None else microseconds(at)
            given = {**of_tenant, "proposer": name, "at": at_us, "id": id, "limit": limit}
            rows = self._dialect.fetch(driver, queries.QUEUE_LINES, given)
            return [QueueLine(moment(us), id, account, name, reason or "") for us, id, account, _, reason in rows]

        of_tenant = {"tenant": tenant_id}
        return self._with_reader(lines)

    def unanswered(self, tenant_id: str, proposed_by: str) -> int:
        ((count,),) = self._fetch(queries.UNANSWERED, tenant=tenant_id, proposer=proposed_by)
        return int(count)

    def cases(self, tenant_id: str, which: CaseFilter, after: str | None, limit: int) -> list[Case]:
        if which.statuses is not None and not which.statuses:
            return []
        at, id = (None, None) if after is None else cursor_us(after)
        sql, given = queries.cases(
            which.statuses,
            tenant=tenant_id,
            account=which.account_id,
            action_type=which.action_type,
            reason=which.reason,
            created_from=None if which.created_from is None else microseconds(which.created_from),
            created_before=None if which.created_before is None else microseconds(which.created_before),
            at=at,
            id=id,
        )
        return _cases(self._fetch(sql, **given, limit=limit))

    def chain(self, tenant_id: str, action_intent_id: str | None) -> list[LedgerEntry]:
        chain = chain_name(action_intent_id)
        return list(_entries(self._fetch(queries.SEGMENTS_OF_CHAIN, tenant=tenant_id, chain=chain)))

    def recent(
        self, tenant_id: str, event_types: Sequence[str], account_id: str | None, after: str | None, limit: int
    ) -> list[LedgerEntry]:
        if not event_types:
            return []
        start = None if after is None else cursor_of(after)

        def read(most: int, **of: int | None) -> list[Segment]:
            sql, given = queries.recent(event_types, kinds_of(event_types), tenant=tenant_id, account=account_id, **of)
            return [Segment(unpack(body)) for body, *_ in self._fetch(sql, **given, limit=most)]

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

    def export(self, tenant_id: str) -> Iterator[LedgerEntry]:
        try:
            with closing(self._readers.raw_connection()) as connection:
                driver: Any = connection.driver_connection
                with closing(self._dialect.stream(driver, queries.EXPORT, {"tenant": tenant_id})) as rows:
                    yield from _entries(rows)
        except Exception as error:
            raise_ours(error, self._dialect.name)

    def counts(self, tenant_id: str, statuses: Sequence[Status] | None = None) -> dict[str, int]:
        if statuses is not None and queries.PLAIN not in statuses:
            return dict(self._fetch(queries.COUNTS_OF, tenant=tenant_id, statuses=list(statuses)))
        return self._count_all(tenant_id, statuses)

    def _count_all(self, tenant_id: str, statuses: Sequence[Status] | None) -> dict[str, int]:
        def count(driver: Any) -> dict[str, int]:
            by_state: dict[str, int] = dict(self._dialect.fetch(driver, queries.COUNTS, {"tenant": tenant_id}))
            ((every,),) = self._dialect.fetch(driver, queries.COUNT_ALL, {"tenant": tenant_id})
            plain = every - sum(by_state.values()) + by_state.pop(queries.PLAIN, 0)
            found = by_state | ({queries.PLAIN: plain} if plain else {})
            return {status: n for status, n in found.items() if statuses is None or status in statuses}

        return self._with_reader(count)

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


def _entries(rows: Iterable[Row]) -> Iterator[LedgerEntry]:
    for row in rows:
        yield from unpack(row[0])


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
