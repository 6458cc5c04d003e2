"""
PostgreSQL: contended rows are locked from read to write, in one order for everybody.

A whole batch is a few statements over arrays, sent in pipelines: one round trip to begin and to read, one to write and
to commit.

A pooler such as PgBouncer may give each transaction another session. Behind one nothing is prepared and nothing is
set beyond a transaction; locks are a transaction's everywhere.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any

import psycopg
import sqlalchemy
from psycopg import sql as compose
from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from remit.core.errors import InvalidInput, TryLater
from remit.core.records import CHAIN
from remit.stores.sql.batch import RowChange
from remit.stores.sql.dialect import DriverErrors, DriverFault, driver_error, grouped
from remit.stores.sql.ledger_order import TransactionOrder
from remit.stores.sql.postgres_pipeline import Connection, ask
from remit.stores.sql.postgres_sessions import (
    COMMIT,
    LOCK_TIMEOUT,
    SET_TRANSACTION,
    begin_along,
    beginning,
    begins_along,
    is_pooled,
    prepare_reader,
    prepare_writer,
)
from remit.stores.sql.postgres_statements import COUNT_ON, loading, translated, writing
from remit.stores.sql.rows import Row
from remit.stores.units import RecordId

_AGAIN = (
    psycopg.errors.UniqueViolation,
    psycopg.errors.SerializationFailure,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.LockNotAvailable,
    # Rows that were read are gone (`postgres_statements`).
    psycopg.errors.DivisionByZero,
    # Said of what stands behind a statement that failed, COMMIT among it.
    psycopg.errors.PipelineAborted,
)
_MIGRATION_LOCK = 0x72656D6974  # "remit"
_LOCKED_WITHIN_S, _LOCK_AGAIN_S = 30.0, 0.05
_IS_VALID = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)"
_QUEUED = "remit_queued"
"""The channel on which a process says that it has queued something."""
_TELL = f"NOTIFY {_QUEUED}".encode()
_LISTENED_S = 0.5
_STREAMED_ROWS = 1000
_READERS_LIVE_S = 300
"""After a failover, readers whose sessions lived on follow the address to the primary in this time."""
_CANNOT_BE_OPENED = {
    r'database "(?P<name>.*)" does not exist': "create it (createdb {name}), or name another in the URL",
    r'role "(?P<name>.*)" does not exist': "create it (createuser {name}), or name another in the URL",
    r"no password supplied|(password|\w+) authentication failed": "correct the user and its password in the URL",
    r"no pg_hba\.conf entry": "let this machine in: the server's pg_hba.conf says who may connect",
    r"permission denied for database": "GRANT CONNECT on it to this role",
    r"permission denied for schema (?P<name>\S+)": "GRANT CREATE ON SCHEMA {name} to this role",
    r"invalid connection option|invalid port|invalid sslmode": "correct the URL's options",
}


log = logging.getLogger(__name__)


def parsed_url(url: str) -> sqlalchemy.URL | None:
    """`None` for one that is not understood."""
    try:
        parsed = sqlalchemy.make_url(url)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        return None
    # With an @ in the password the rest of it would be taken for the host, and shown as that.
    return parsed if parsed.drivername == "postgresql" and "@" not in (parsed.host or "") else None


class Postgres:
    """A `Dialect`."""

    order = TransactionOrder()
    count_slots = 16
    errors = DriverErrors((psycopg.Error, SQLAlchemyError), psycopg.DataError, (psycopg.OperationalError, PoolTimeout))
    prepares = True

    def __init__(self, url: sqlalchemy.URL) -> None:
        self._url = url.set(drivername="postgresql+psycopg")
        # A password may stand among the options as well.
        shown = url.set(query={name: url.query[name] for name in ("host", "port") if name in url.query})
        self.name = f"PostgreSQL {shown.render_as_string(hide_password=True)}"

    def exists(self) -> bool:
        """Nobody makes one by opening it."""
        return True

    def writer(self) -> sqlalchemy.Engine:
        engine = self._engine()
        event.listen(engine, "connect", prepare_writer)
        event.listen(engine, "connect", begins_along)
        return engine

    def engine(self) -> sqlalchemy.Engine:
        engine = self._engine()
        event.listen(engine, "connect", prepare_writer)
        event.listen(engine, "begin", lambda connection: self.begin(connection.connection.driver_connection))
        return engine

    def readers(self) -> sqlalchemy.Engine:
        # After a rollback the driver forgets every statement that it has prepared, and has the server forget it.
        engine = self._engine(pool_recycle=_READERS_LIVE_S, pool_reset_on_return="commit")
        event.listen(engine, "connect", prepare_reader)
        return engine

    def lock_for_migration(self, connection: sqlalchemy.Connection) -> None:
        # Asked for again and again: an index that is made while others write waits for every transaction that has read,
        # one that waits for this lock among them.
        driver: Any = connection.connection.driver_connection
        until = time.monotonic() + _LOCKED_WITHIN_S
        while not driver.execute(f"SELECT pg_try_advisory_xact_lock({_MIGRATION_LOCK})").fetchone()[0]:
            driver.rollback()
            if time.monotonic() > until:
                raise TryLater(f"{self.name} is being upgraded by another process")
            time.sleep(_LOCK_AGAIN_S)

    def make_indexes(self, connection: sqlalchemy.Connection, wanted: Mapping[str, str]) -> None:
        if not wanted:
            return
        # What it read last it would hold on to, and an index waits for that as well.
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
        with closing(self._alone()) as driver:
            for name, described in wanted.items():
                row = driver.execute(_IS_VALID, (name,)).fetchone()
                if row is not None and not row[0]:
                    # Whoever made it died over it: it is kept up to date, and used by nobody.
                    driver.execute(f"DROP INDEX CONCURRENTLY {name}")
                driver.execute(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {described}")

    def freeze(self, connection: sqlalchemy.Connection, tables: Sequence[str]) -> None:
        # In this mode nobody may lock a row either: who waits for it has read nothing yet.
        connection.exec_driver_sql(f"LOCK TABLE {', '.join(tables)} IN EXCLUSIVE MODE")

    def refuse_writes(self, connection: sqlalchemy.Connection, tables: Sequence[str], said: str) -> None:
        driver: Any = connection.connection.driver_connection
        refuses = compose.SQL("CREATE FUNCTION remit_moved() RETURNS trigger LANGUAGE plpgsql AS {}")
        body = f"BEGIN RAISE EXCEPTION USING MESSAGE = {_quoted(said)}; END"
        driver.execute(refuses.format(compose.Literal(body)))
        for table in tables:
            driver.execute(
                f"CREATE TRIGGER remit_moved BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION remit_moved()"
            )

    def prepare(self, connection: sqlalchemy.Connection) -> None:
        """A dump that was restored counts on from the numbers that its transactions had where it came from."""
        connection.exec_driver_sql(COUNT_ON)

    def has_table(self, driver: psycopg.Connection, table: str) -> bool:
        row = driver.execute("SELECT to_regclass(%s)", (table,)).fetchone()
        return row is not None and row[0] is not None

    def begin(self, driver: psycopg.Connection) -> None:
        """
        Begun with the first statement: by the driver, or by `begin_along`. A session that a pooler lends has to be
        told how, each time.
        """
        if is_pooled(driver) and not driver.autocommit:
            driver.execute(SET_TRANSACTION)

    def see_one_moment(self, driver: psycopg.Connection) -> None:
        """A reader's transaction does, and begins with its first statement."""

    def data_version(self, _: psycopg.Connection) -> None:
        """Others write while a transaction is open."""

    def load(self, driver: Connection, places: Iterable[RecordId], *, lock: bool) -> list[tuple[str, str, str, Any]]:
        groups = grouped(places)
        statements = [loading(kind, tenant_id, ids, lock=lock) for kind, tenant_id, ids in groups]
        answers = ask(driver, [*beginning(driver), *statements])[-len(groups) :] if groups else []
        found = []
        for (kind, tenant_id, _), answer in zip(groups, answers, strict=True):
            is_blob = kind == CHAIN.name
            for number in range(answer.ntuples):
                id, body = answer.get_value(number, 0), answer.get_value(number, 1)
                assert id is not None
                assert body is not None
                found.append((kind, tenant_id, id.decode(), body if is_blob else body.decode()))
        return found

    def write(self, driver: Connection, changes: Sequence[RowChange]) -> None:
        if changes:
            ask(driver, [*beginning(driver), *map(writing, changes)])

    def commit(self, driver: Connection, changes: Sequence[RowChange], asked: Callable[[], None]) -> None:
        # Behind a statement that fails the last one is not carried out either.
        ask(driver, [*beginning(driver), *map(writing, changes), COMMIT], before_last=asked)

    def fetch(self, driver: psycopg.Connection, sql: str, parameters: dict[str, Any]) -> list[Row]:
        begin_along(driver)
        return driver.execute(translated(sql), parameters).fetchall()

    def take(self, driver: psycopg.Connection, sql: str, parameters: dict[str, Any]) -> list[Row]:
        return self.fetch(driver, f"{sql} FOR UPDATE OF cases SKIP LOCKED", parameters)

    def drop_due(self, driver: psycopg.Connection, table: str, now_us: int, limit: int) -> int:
        begin_along(driver)
        # By their places, which the lock keeps: whoever changes one of them waits, and finds it gone.
        due = f"SELECT ctid FROM {table} WHERE due_at_us <= %s ORDER BY due_at_us LIMIT %s FOR UPDATE SKIP LOCKED"
        return driver.execute(f"DELETE FROM {table} WHERE ctid = ANY (ARRAY({due}))", (now_us, limit)).rowcount

    def stream(self, driver: psycopg.Connection, sql: str, parameters: dict[str, Any]) -> Generator[Row, None, None]:
        with driver.cursor(name="remit_stream") as cursor:
            cursor.itersize = _STREAMED_ROWS
            cursor.execute(translated(sql), parameters)
            yield from cursor

    def watch(self, queued: Callable[[], None], stopped: Callable[[float], bool]) -> None:
        """Listens. A pooler that gives each transaction another session lets nobody hear; then workers look instead."""
        while not stopped(0):
            try:
                with closing(self._alone()) as driver:
                    driver.execute(f"LISTEN {_QUEUED}")
                    while not stopped(0):
                        for _ in driver.notifies(timeout=_LISTENED_S, stop_after=1):
                            queued()
            except Exception as error:
                log.info("not told of what others queue: %s: %s", self.name, error)
                stopped(_LISTENED_S)

    @contextmanager
    def announcing(self) -> Iterator[Callable[[], None]]:
        """By a connection of its own: commits that notify wait for each other."""
        alone: list[psycopg.Connection] = []

        def tell() -> None:
            try:
                alone[:] = alone or [self._alone()]
                # One call, in which the interpreter is let go of once: deciding goes on meanwhile.
                answer = alone[0].pgconn.exec_(_TELL)
                if answer.status != psycopg.pq.ExecStatus.COMMAND_OK:
                    raise psycopg.errors.error_from_result(answer)
            except Exception as error:
                log.info("others are not told of what is queued, and find it by looking: %s: %s", self.name, error)
                _close(alone)

        try:
            yield tell
        finally:
            _close(alone)

    def _alone(self) -> psycopg.Connection:
        """A connection outside every pool, that is in no transaction."""
        dialect = self._engine().dialect
        arguments, named = dialect.create_connect_args(self._url)
        driver = self._connect(dialect, None, arguments, named)
        driver.autocommit = True
        return driver

    def fault(self, error: BaseException) -> DriverFault | None:
        cause = driver_error(error)
        if isinstance(cause, _AGAIN):
            return DriverFault.AGAIN
        if _is_lost(cause):
            return DriverFault.LOST
        return DriverFault.REFUSED if isinstance(cause, psycopg.Error) else None

    def is_of_another_schema(self, cause: BaseException) -> bool:
        return isinstance(cause, psycopg.errors.UndefinedTable | psycopg.errors.UndefinedColumn)

    def refusal(self, error: BaseException) -> InvalidInput | None:
        cause = driver_error(error)
        if not isinstance(cause, psycopg.Error):
            return None
        # No SQLSTATE comes with a connection that was refused: its words are all there is.
        said = str(cause).strip()
        for pattern, way_out in _CANNOT_BE_OPENED.items():
            if found := re.search(pattern, said):
                problem = f"cannot be opened: {self.name}: {said.rpartition('FATAL:')[2].strip()}"
                return InvalidInput("url", problem, way_out.format(**found.groupdict()))
        return None

    def _engine(self, **options: Any) -> sqlalchemy.Engine:
        asked = {"prepare_threshold": None, "client_encoding": "utf8"}
        engine = sqlalchemy.create_engine(self._url, connect_args=asked, **options)
        event.listen(engine, "do_connect", self._connect)
        return engine

    def _connect(self, dialect: sqlalchemy.Dialect, _record: Any, arguments: Any, named: Any) -> Connection:
        del dialect
        driver = Connection.connect(*arguments, **named)
        try:
            session, encoding = _greet(driver)
            if encoding != "UTF8":
                raise InvalidInput(
                    "url",
                    f"cannot be used: the database of {self.name} holds text as {encoding}, not as UTF8",
                    "create one that does: createdb --encoding=UTF8 --template=template0 NAME",
                )
            if session == driver.info.backend_pid:
                driver.prepare_threshold = 0
        except BaseException:
            driver.close()
            raise
        return driver


def _quoted(text: str) -> str:
    return compose.Literal(text).as_string()


# A server that only reads, as the primary does that a failover has left behind; a session that was ended for its
# idling or its length; a commit of which the server itself does not know what became.
_ENDS_A_CONNECTION = ("25006", "25P03", "25P04", "40003")


def _is_lost(cause: BaseException) -> bool:
    """Does PostgreSQL say that nothing more comes of this connection, and that another one may serve?"""
    if not isinstance(cause, psycopg.Error):
        return False
    if cause.sqlstate is None:
        # The server did not say it: the connection broke, or could not be made.
        return isinstance(cause, psycopg.OperationalError)
    return cause.sqlstate[:2] in ("08", "57") or cause.sqlstate in _ENDS_A_CONNECTION


def _greet(driver: psycopg.Connection) -> tuple[int, str]:
    """The number of the server's session, and the database's encoding."""
    driver.autocommit = True
    row = driver.execute("SELECT pg_backend_pid(), current_setting('server_encoding')").fetchone()
    driver.autocommit = False
    assert row is not None
    return row[0], row[1]


def _close(connections: list[psycopg.Connection]) -> None:
    while connections:
        connections.pop().close()
