"""The store: writing goes through one `SqlWriter`, reading through connections of its own."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from msgspec import Struct
from msgspec.structs import replace

from remit.core.errors import InvalidInput, NoDatabase, RemitError
from remit.core.ledger.entries import LedgerEntry
from remit.core.lifecycle import Case, Status
from remit.core.records import BOUNDS, THE_ONE, Key, Kind
from remit.core.values import Stored
from remit.core.waiting_counts import ANYBODY, CountKind, WaitingCount
from remit.ports import (
    CaseFilter,
    ChangedTenants,
    Claim,
    LedgerPage,
    QueueLine,
    QueuePlace,
    ReaderPage,
    Runnable,
    Snapshot,
    UnitOfWork,
)
from remit.stores.bounds_parts import is_head
from remit.stores.group_commit import GroupCommit
from remit.stores.segments import kinds_of, unpack, unpack_some
from remit.stores.sql import queries
from remit.stores.sql.begun_at_issuer import holding
from remit.stores.sql.dialect import Dialect, raise_ours
from remit.stores.sql.due import DueCases
from remit.stores.sql.exporting import exported
from remit.stores.sql.ledger_order import OrderedSegment
from remit.stores.sql.lineage import Lineage
from remit.stores.sql.loading import cases_of, loaded
from remit.stores.sql.migrations import migrate_with
from remit.stores.sql.misfiled import PAGE, misfiled
from remit.stores.sql.queue import Queue, busy_query
from remit.stores.sql.reader_positions import reader_page, reader_position
from remit.stores.sql.readers import Readers
from remit.stores.sql.recent_entries import recent_entries
from remit.stores.sql.rows import Row, chain_name, cursor_us, microseconds, moment
from remit.stores.sql.sqlite import Sqlite
from remit.stores.sql.status_counts import CountedStatuses
from remit.stores.sql.waiting_counts import kept_counts, recount, refile
from remit.stores.sql.watching import in_thread
from remit.stores.sql.writer import Begun, SqlWriter
from remit.stores.units import RecordSnapshot, after_each, first_of_each, parse_record, record_id

if TYPE_CHECKING:
    from remit.core.identity.session import IssuerLogout

T = TypeVar("T")
S = TypeVar("S", bound=Stored)

_FILE = re.compile(r"sqlite://(?P<host>[^/?]*)(/(?P<path>[^?]*))?(\?(?P<options>.*))?", re.DOTALL)
_BEFORE_ALL = -(2**62)
_PAGE = 500


class _DropDue(Struct):
    """A call of the group commit that deletes in the open transaction by itself, and brings no units."""

    dialect: Dialect
    table: str
    now_us: int
    limit: int
    dropped: int = 0

    def find(self, begun: Begun) -> Sequence[UnitOfWork[Any]]:
        self.dropped = self.dialect.drop_due(begun.driver, self.table, self.now_us, self.limit)
        begun.batch.wrote_directly |= self.dropped > 0
        return ()


class SqlStore:
    """A store in SQLite or PostgreSQL. Open it with `SqlStore.open`; share it between threads."""

    one_at_a_time = True

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._writer = SqlWriter(dialect.writer(), dialect)
        self._queue = Queue(dialect)
        self._due = DueCases()
        self._lineage = Lineage(dialect.order)
        self._statuses = CountedStatuses(dialect, self._lineage)
        self._group_commit = GroupCommit(self._writer.carry_out)
        self._readers = Readers(dialect.readers(), dialect)
        # Of its own: however many exports are read, a look at one record waits for none of them.
        self._export_readers = Readers(dialect.readers(), dialect)

    @classmethod
    def open(cls, url: str, *, create: bool = True) -> Self:
        """
        `url` is `sqlite:///FILE` or `postgresql://user:password@host/database`.

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

    def claim(self, wanted: Claim, unit_for: Callable[[Case], UnitOfWork[T]]) -> list[T | RemitError]:
        self._writer.expect_claims()

        def find(begun: Begun) -> list[UnitOfWork[T]]:
            return list(map(unit_for, self._queue.take(begun.driver, wanted, begun.batch)))

        return self._group_commit.submit((), find)

    def has_queued(self, wanted: Claim) -> bool:
        return self._readers.borrow(lambda driver: self._queue.has(driver, wanted))

    def watch(self, queued: Callable[[], None]) -> AbstractContextManager[None]:
        return in_thread("remit-watcher", partial(self._dialect.watch, queued))

    def read(self, keys: Sequence[Key[Any]]) -> Snapshot:
        places = list(map(record_id, keys))
        if not places:
            return RecordSnapshot({})
        return RecordSnapshot(self._readers.borrow(lambda driver: loaded(self._dialect, driver, places, lock=False)))

    def scan(self, kind: Kind[S], tenant_id: str, prefix: str = "", limit: int | None = None) -> list[S]:
        sql, given = queries.scan(kind.name, tenant_id, prefix, limit)
        return [self._parsed(kind, tenant_id, body) for (body,) in self._fetch(sql, **given)]

    def each(self, kind: Kind[S], tenant_id: str) -> Iterator[S]:
        after = ""
        while rows := self._fetch(queries.page(kind.name), tenant=tenant_id, after=after, limit=PAGE):
            for _, body in rows:
                with suppress(RemitError):
                    yield self._parsed(kind, tenant_id, body)
            after = rows[-1][0]

    def misfiled(self, tenant_id: str) -> Iterator[str]:
        return misfiled(self._fetch, tenant_id)

    def records(self, kind: Kind[S], tenant_id: str) -> Iterator[tuple[str, S]]:
        after = ""
        while rows := self._fetch(queries.page(kind.name), tenant=tenant_id, after=after, limit=_PAGE):
            for id, body in rows:
                yield id, self._parsed(kind, tenant_id, body)
            after = rows[-1][0]

    def _parsed(self, kind: Kind[S], tenant_id: str, body: str) -> S:
        if kind is BOUNDS and is_head(body):
            # Put together by whoever looks them up by their key.
            at = Key(kind, tenant_id, THE_ONE)
            return cast(S, self.read([at]).get(at))
        return cast(S, parse_record(kind.name, body))

    def due(self, now: datetime, limit: int) -> list[Case]:
        def find(driver: Any) -> list[Case]:
            places = self._due.places(partial(self._dialect.fetch, driver), microseconds(now), limit)
            found = loaded(self._dialect, driver, places, lock=False)
            return [case for place in places if isinstance(case := found[place], Case)]

        return self._readers.borrow(find)

    def due_records(self, kind: Kind[S], now: datetime, limit: int) -> list[tuple[str, S]]:
        rows = self._fetch(queries.due_records(kind.name), now=microseconds(now), limit=limit)
        return [(tenant_id, cast(S, parse_record(kind.name, body))) for tenant_id, body in rows]

    def drop_due(self, kind: Kind[Any], now: datetime, limit: int) -> int:
        dropping = _DropDue(self._dialect, kind.name, microseconds(now), limit)
        self._group_commit.submit((), dropping.find)
        return dropping.dropped

    def busy(self, runnable: Runnable | None = None) -> bool:
        sql, given = busy_query(runnable)
        return bool(self._fetch(sql, **given)[0][0])

    def waiting(self, tenant_id: str, account_id: str | None, after: str | None, limit: int) -> list[Case]:
        at, id = (None, None) if after is None else cursor_us(after)
        sql, given = queries.waiting(tenant=tenant_id, account=account_id, at=at, id=id)
        return cases_of(self._fetch(sql, **given, limit=limit))

    def oldest_waiting(self, tenant_id: str) -> datetime | None:
        found = [us for (us,) in self._fetch(queries.OLDEST_WAITING, tenant=tenant_id) if us is not None]
        return moment(min(found)) if found else None

    def queue_lines(
        self,
        tenant_id: str,
        proposed_by: str | None,
        after: Mapping[str, QueuePlace],
        limit: int,
        assigned_to: Sequence[str] | None = None,
    ) -> list[QueueLine]:
        if assigned_to is not None:
            return first_of_each(self._assigned_lines(tenant_id, assigned_to), proposed_by, after, limit)

        def lines(driver: Any) -> list[QueueLine]:
            proposers = [(proposed_by,)] if proposed_by else self._dialect.fetch(driver, queries.PROPOSERS, of_tenant)
            return [line for (name,) in proposers for line in of_one(driver, name)]

        def of_one(driver: Any, name: str) -> list[QueueLine]:
            at, id = after.get(name, (None, ""))
            at_us = _BEFORE_ALL if at is None else microseconds(at)
            given = {**of_tenant, "proposer": name, "at": at_us, "id": id, "limit": limit}
            return list(map(_line, self._dialect.fetch(driver, queries.QUEUE_LINES, given)))

        of_tenant = {"tenant": tenant_id}
        return self._readers.borrow(lines)

    def _assigned_lines(self, tenant_id: str, people: Sequence[str]) -> list[QueueLine]:
        def lines(driver: Any) -> list[QueueLine]:
            given = [{"tenant": tenant_id, "person": person} for person in dict.fromkeys(people)]
            rows = (row for each in given for row in self._dialect.fetch(driver, queries.ASSIGNED_LINES, each))
            return sorted(map(_line, rows), key=lambda line: line.place)

        return self._readers.borrow(lines)

    def waiting_counts(
        self,
        tenant_id: str,
        kinds: Sequence[CountKind],
        people: Sequence[str] = (ANYBODY,),
        voters: Sequence[str] = (ANYBODY,),
    ) -> Counter[WaitingCount]:
        given = {"people": list(people), "voters": list(voters), "kinds": list(kinds)}
        return kept_counts(self._fetch(queries.KEPT_COUNTS, tenant=tenant_id, **given))

    def recount(self, tenant_id: str) -> int:
        engine = self._dialect.engine()
        try:
            with engine.begin() as connection:
                self._dialect.lock_for_migration(connection)
                driver = connection.connection.driver_connection
                return refile(self._dialect, driver, tenant_id) + recount(self._dialect, driver, tenant_id)
        except Exception as error:
            raise_ours(error, self._dialect)
        finally:
            engine.dispose()

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
        return cases_of(self._fetch(sql, **given, limit=limit))

    def chain(self, tenant_id: str, action_intent_id: str | None) -> list[LedgerEntry]:
        chain = chain_name(action_intent_id)
        return list(_entries(self._fetch(queries.SEGMENTS_OF_CHAIN, tenant=tenant_id, chain=chain)))

    def recent(
        self, tenant_id: str, event_types: Sequence[str], account_id: str | None, after: str | None, limit: int
    ) -> list[LedgerEntry]:
        if not event_types:
            return []
        return recent_entries(self._fetched, tenant_id, event_types, account_id, after, limit)

    def ledger_after(self, tenant_id: str, event_types: Sequence[str], after: str, limit: int) -> LedgerPage:
        def read(driver: Any) -> tuple[list[OrderedSegment], str]:
            fetch = partial(self._dialect.fetch, driver)
            # First: what is committed in between is not behind it.
            head = self._dialect.order.head(fetch)
            return self._dialect.order.after(fetch, tenant_id, kinds_of(event_types), after, limit), head

        rows, head = self._readers.borrow(read)
        wanted = frozenset(event_types)
        segments = [(row.position, unpack_some(row.body, wanted) if row.body is not None else []) for row in rows]
        more, last = len(rows) >= limit, rows[-1].position if rows else after
        return LedgerPage(after_each(segments, after, wanted), last if more else max(last, head), more)

    def ledger_position(self, tenant_id: str, since: datetime | None = None) -> str:
        order = self._dialect.order
        if since is None:
            return self._readers.borrow(self._head)
        since_us = microseconds(since)
        return self._readers.borrow(
            lambda driver: order.before(partial(self._dialect.fetch, driver), tenant_id, since_us)
        )

    def _head(self, driver: Any) -> str:
        fetch = partial(self._dialect.fetch, driver)
        # Whoever goes on from here is to hear of a restore that comes between.
        self._lineage.number(fetch)
        return self._dialect.order.head(fetch)

    def reader_page(self, tenant_id: str, event_types: Sequence[str], after: str, limit: int) -> ReaderPage | None:
        def read(driver: Any) -> ReaderPage | None:
            fetch = partial(self._dialect.fetch, driver)
            return reader_page(fetch, self._dialect.order, tenant_id, event_types, after, limit)

        return self._readers.borrow(read)

    def reader_position(self, tenant_id: str, since: datetime | None = None) -> str:
        upto = self.ledger_position(tenant_id, since)

        def read(driver: Any) -> str:
            return reader_position(partial(self._dialect.fetch, driver), self._dialect.order, tenant_id, upto)

        return self._readers.borrow(read)

    def tenants_after(self, after: str, limit: int) -> ChangedTenants:
        def look(driver: Any) -> ChangedTenants:
            fetch = partial(self._dialect.fetch, driver)
            history = self._lineage.number(fetch)
            return replace(self._dialect.order.tenants(fetch, after, limit), history=history)

        return self._readers.borrow(look)

    def export(self, tenant_id: str) -> Iterator[LedgerEntry]:
        return exported(self._dialect, self._export_readers, tenant_id)

    def counts(self, tenant_id: str, statuses: Sequence[Status] | None = None) -> dict[str, int]:
        if statuses is not None and queries.PLAIN not in statuses:
            return self._readers.borrow(lambda driver: self._statuses.some(driver, tenant_id, statuses))
        found = self._readers.borrow(lambda driver: self._statuses.all(driver, tenant_id))
        return {status: n for status, n in found.items() if statuses is None or status in statuses}

    def begun_at_issuer(self, kind: Kind[S], logout: IssuerLogout) -> list[tuple[str, S]]:
        rows = self._fetched(*holding(kind.name, logout))
        return logout.ended((tenant_id, self._parsed(kind, tenant_id, body)) for tenant_id, body in rows)

    def has_tenant(self, tenant_id: str) -> bool:
        return bool(self._fetch(queries.HAS_TENANT, tenant=tenant_id)[0][0])

    def tenants(self) -> list[str]:
        return [tenant_id for (tenant_id,) in self._fetch(queries.TENANTS)]

    def close(self) -> None:
        self._writer.close()
        self._readers.close()
        self._export_readers.close()

    def _fetch(self, sql: str, **parameters: Any) -> list[Row]:
        return self._fetched(sql, parameters)

    def _fetched(self, sql: str, parameters: dict[str, Any]) -> list[Row]:
        return self._readers.borrow(lambda driver: self._dialect.fetch(driver, sql, parameters))


def dialect_of(url: str) -> Dialect:
    """Raises `InvalidInput` if the URL is not understood."""
    if (file := _FILE.fullmatch(url)) is not None:
        if file["options"]:
            # `mode=ro`, say: it would be opened for writing.
            raise InvalidInput(
                "database", "has options, and a file has none", "write sqlite:///FILE and nothing behind it"
            )
        # With two slashes the first directory is a host, and what is behind it another file.
        return Sqlite("" if file["host"] else file["path"] or "")
    if url.startswith("postgresql:"):
        # Imported here: a file needs no server's driver, and no pool of its connections.
        from remit.stores.sql.postgres import Postgres, parsed_url

        parsed = parsed_url(url)
        if parsed is not None:
            return Postgres(parsed)
    way_out = "write sqlite:///FILE or postgresql://user:password@host:port/database (%40 for an @ in the password)"
    raise InvalidInput("database", "is not understood", way_out)


def _line(row: Row) -> QueueLine:
    expires_at_us, id, account_id, proposed_by, reason = row
    return QueueLine(moment(expires_at_us), id, account_id, proposed_by, reason or "")


def _entries(rows: Iterable[Row]) -> Iterator[LedgerEntry]:
    for row in rows:
        yield from unpack(row[0])
