"""SQLite: one writer at a time, taken at BEGIN; readers see the last commit and never wait."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from remit.core.errors import InvalidInput
from remit.core.records import CHAIN
from remit.stores.sql.batch import Operation, RowChange
from remit.stores.sql.dialect import DriverErrors, DriverFault, Stale, driver_error, grouped
from remit.stores.sql.ledger_order import RowOrder
from remit.stores.sql.pool import SqlitePool
from remit.stores.sql.rows import (
    COUNT_KEY,
    EVENTS,
    KEYED,
    MOVED_COLUMNS,
    PACKED,
    SEGMENTS,
    STATES,
    TABLES,
    WAITING_COUNTS,
    Row,
    packed_rows,
)
from remit.stores.sql.sqlite_file import FileConnection, SqliteFile
from remit.stores.units import RecordId

if TYPE_CHECKING:
    # For annotations alone: who migrates imports it, and nobody else waits for it.
    import sqlalchemy

BUSY_TIMEOUT_S = 30.0
WATCH_S, QUIET_WATCH_S = 0.003, 0.02
"""How often a worker asks whether another process has written, which reads no page; and after `QUIET_LOOKS` in vain."""
QUIET_LOOKS = 300
_CACHE_KIB = 16 * 1024
PAGE_BYTES = 8192
_CANNOT_BE_OPENED = {
    sqlite3.SQLITE_READONLY: "let this user write the file and its directory",
    sqlite3.SQLITE_CANTOPEN: "let this user read and write the file and its directory",
    sqlite3.SQLITE_PERM: "let this user read and write the file and its directory",
    sqlite3.SQLITE_NOTADB: "name another file, or put back the database that stood there",
    sqlite3.SQLITE_CORRUPT: "put back the file from a backup",
}
_IS_NOT_THERE = re.compile("no such (table|column|index): |table [^ ]+ has no column named ")
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class Sqlite:
    """A `Dialect`."""

    order = RowOrder()
    count_slots = 1
    errors = DriverErrors((sqlite3.Error,), sqlite3.DataError, (sqlite3.OperationalError,))
    prepares = False

    def __init__(self, path: str) -> None:
        if not path or path == ":memory:":
            raise InvalidInput(
                "database", "names no file", "write sqlite:///FILE, with three slashes; in memory it is memory://"
            )
        self._path = Path(path)
        if self._path.is_dir():
            raise InvalidInput("url", f"{self._path} is a directory", "name a file in it")
        directory = InvalidInput("url", f"the directory {self._path.parent} does not exist", "create it first")
        if not self._path.parent.is_dir():
            raise directory
        try:
            # Whoever changes this process's directory later means no other file.
            self._file = SqliteFile(self._path.absolute())
        except FileNotFoundError:
            raise directory from None
        self.name = f"SQLite {path}"

    def exists(self) -> bool:
        return self._path.exists()

    def writer(self) -> SqlitePool[FileConnection]:
        return SqlitePool(self._connected, self._file.is_current)

    def readers(self) -> SqlitePool[FileConnection]:
        return SqlitePool(self._connected, self._file.is_current)

    def engine(self) -> sqlalchemy.Engine:
        import sqlalchemy
        from sqlalchemy import event

        engine = sqlalchemy.create_engine("sqlite://", creator=self._connected, poolclass=sqlalchemy.QueuePool)
        event.listen(engine, "begin", lambda connection: self.begin(connection.connection.driver_connection))
        return engine

    def lock_for_migration(self, connection: sqlalchemy.Connection) -> None:
        """BEGIN IMMEDIATE has done it."""

    def make_indexes(self, connection: sqlalchemy.Connection, wanted: Mapping[str, str]) -> None:
        """Nobody else writes anyway: the migration makes them."""

    def freeze(self, connection: sqlalchemy.Connection, tables: Sequence[str]) -> None:
        """BEGIN IMMEDIATE has done it."""

    def refuse_writes(self, connection: sqlalchemy.Connection, tables: Sequence[str], said: str) -> None:
        quoted = said.replace("'", "''")
        for table in tables:
            for change in ("INSERT", "UPDATE", "DELETE"):
                connection.exec_driver_sql(
                    f"CREATE TRIGGER remit_moved_{table}_{change} BEFORE {change} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, '{quoted}'); END"
                )

    def prepare(self, connection: sqlalchemy.Connection) -> None:
        """The numbers of rows come along with them."""

    def has_table(self, driver: sqlite3.Connection, table: str) -> bool:
        found = driver.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (table,))
        return found.fetchone() is not None

    def begin(self, driver: FileConnection) -> None:
        driver.execute("BEGIN IMMEDIATE")
        self._file.check(driver)

    def see_one_moment(self, driver: sqlite3.Connection) -> None:
        driver.execute("BEGIN")

    def data_version(self, driver: sqlite3.Connection) -> object:
        return driver.execute("PRAGMA data_version").fetchone()[0]

    def load(
        self, driver: sqlite3.Connection, places: Iterable[RecordId], *, lock: bool
    ) -> list[tuple[str, str, str, Any]]:
        groups = grouped(places)
        # Several statements see one moment only inside a transaction; a writer is in one.
        if not lock and len(groups) > 1:
            self.see_one_moment(driver)
        found = []
        for kind, tenant_id, ids in groups:
            one = len(ids) == 1
            rows = driver.execute((_LOAD_ONE if one else _LOAD)[kind], (tenant_id, ids[0] if one else _json(ids)))
            found += [(kind, tenant_id, id, body) for id, body in rows]
        return found

    def write(self, driver: sqlite3.Connection, changes: Sequence[RowChange]) -> None:
        for change in changes:
            # A fifth of the bytes: a case is a page of its own otherwise.
            rows = packed_rows(change.table, change.rows) if _holds_bodies(change) else change.rows
            done = driver.executemany(_WRITE[change.table, change.operation], rows)
            if change.operation in ("update", "move") and done.rowcount != len(change.rows):
                raise Stale(change.table)

    def commit(self, driver: sqlite3.Connection, changes: Sequence[RowChange], asked: Callable[[], None]) -> None:
        self.write(driver, changes)
        asked()
        driver.commit()

    def fetch(self, driver: sqlite3.Connection, sql: str, parameters: dict[str, Any]) -> list[Row]:
        return driver.execute(_translated(sql), _sent(parameters)).fetchall()

    def take(self, driver: sqlite3.Connection, sql: str, parameters: dict[str, Any]) -> list[Row]:
        # Who writes is alone from BEGIN on.
        return self.fetch(driver, sql, parameters)

    def drop_due(self, driver: sqlite3.Connection, table: str, now_us: int, limit: int) -> int:
        return driver.execute(_drop_due(table), (now_us, limit)).rowcount

    def stream(self, driver: sqlite3.Connection, sql: str, parameters: dict[str, Any]) -> sqlite3.Cursor:
        return driver.execute(_translated(sql), _sent(parameters))

    def watch(self, queued: Callable[[], None], stopped: Callable[[float], bool]) -> None:
        """By the number that SQLite changes with every commit of another connection, this process's among them."""
        driver = self._file.connected(isolation_level=None)
        try:
            seen, looks = _data_version(driver), 0
            while not stopped(WATCH_S if looks < QUIET_LOOKS else QUIET_WATCH_S):
                looks += 1
                if not self._file.is_current(driver):
                    with suppress(sqlite3.Error):
                        another = self._file.connected(isolation_level=None)
                        driver.close()
                        driver, seen = another, -1
                if (now := _data_version(driver)) != seen:
                    seen, looks = now, 0
                    queued()
        finally:
            driver.close()

    def announcing(self) -> None:
        """Nothing to tell: who watches sees the commit."""

    def fault(self, error: BaseException) -> DriverFault | None:
        cause = driver_error(error)
        if getattr(cause, "sqlite_errorcode", 0) == sqlite3.SQLITE_CONSTRAINT_TRIGGER:
            return DriverFault.REFUSED
        if isinstance(cause, Stale | sqlite3.IntegrityError):
            return DriverFault.AGAIN
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
        if code in _BUSY:
            return DriverFault.AGAIN
        # A commit whose flush failed may or may not be found in the log when it is read again. A connection that
        # cannot write (the file was read-only, or was moved) never can; another one may.
        if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
            return DriverFault.LOST
        return DriverFault.REFUSED if isinstance(cause, sqlite3.Error) else None

    def is_of_another_schema(self, cause: BaseException) -> bool:
        # No number of its own comes with it: its words are all there is.
        return isinstance(cause, sqlite3.OperationalError) and _IS_NOT_THERE.match(str(cause)) is not None

    def refusal(self, error: BaseException) -> InvalidInput | None:
        cause = driver_error(error)
        way_out = _CANNOT_BE_OPENED.get(getattr(cause, "sqlite_errorcode", 0) & 0xFF)
        return InvalidInput("url", f"cannot be opened: {self.name}: {cause}", way_out) if way_out else None

    def _connected(self) -> FileConnection:
        # Transactions are begun by us: the driver's own way begins too late, at the first write.
        driver = self._file.connected(
            timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        try:
            _prepare(driver)
        except BaseException:
            driver.close()
            raise
        return driver


def _holds_bodies(change: RowChange) -> bool:
    """Have its rows a body that is packed?"""
    return change.table in PACKED and change.operation != "delete"


def _data_version(driver: sqlite3.Connection) -> int:
    try:
        (version,) = driver.execute("PRAGMA data_version").fetchone()
    except sqlite3.Error:
        # Another process changes the schema, say: it is asked again in a moment.
        return -1
    return int(version)


def _prepare(driver: sqlite3.Connection) -> None:
    # Of a new file: an intent's segments leave less of a page unused.
    driver.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    _use_wal(driver)
    driver.execute("PRAGMA synchronous = FULL")
    driver.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")


def _use_wal(driver: sqlite3.Connection) -> None:
    # While another process makes the same change SQLite answers "locked" at once, without waiting.
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            driver.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in _BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _json(values: Sequence[Any]) -> str:
    return orjson.dumps(values).decode()


def _sent(parameters: dict[str, Any]) -> dict[str, Any]:
    return {name: _json(value) if isinstance(value, list) else value for name, value in parameters.items()}


@lru_cache
def _translated(sql: str) -> str:
    return re.sub(r"= ANY_OF\((:\w+)\)", r"IN (SELECT value FROM json_each(\1))", sql)


_LOAD = {
    kind: f"SELECT id, body FROM {kind} WHERE tenant_id = ? AND id IN (SELECT value FROM json_each(?))"
    for kind in KEYED
}
_LOAD[CHAIN.name] = (
    f"SELECT chain, body FROM {SEGMENTS} WHERE tenant_id = ? AND chain IN (SELECT value FROM json_each(?)) "
    "ORDER BY chain, first"
)
_LOAD_ONE = {kind: f"SELECT id, body FROM {kind} WHERE tenant_id = ? AND id = ?" for kind in KEYED}
_LOAD_ONE[CHAIN.name] = f"SELECT chain, body FROM {SEGMENTS} WHERE tenant_id = ? AND chain = ? ORDER BY first"


def _insert(table: str) -> str:
    columns = TABLES[table]
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


def _update(table: str, columns: Sequence[str]) -> str:
    changed = ", ".join(f"{column} = ?" for column in columns[:-2])
    return f"UPDATE {table} SET {changed} WHERE tenant_id = ? AND id = ?"


def _upsert(table: str) -> str:
    changed = ", ".join(f"{column} = excluded.{column}" for column in TABLES[table][:-2])
    return f"{_insert(table)} ON CONFLICT (tenant_id, id) DO UPDATE SET {changed}"


@cache
def _drop_due(table: str) -> str:
    due = f"SELECT tenant_id, id FROM {table} WHERE due_at_us <= ? ORDER BY due_at_us LIMIT ?"
    return f"DELETE FROM {table} WHERE (tenant_id, id) IN ({due})"


_WRITE: dict[tuple[str, Operation], str] = {
    (SEGMENTS, "insert"): _insert(SEGMENTS),
    (EVENTS, "insert"): _insert(EVENTS),
    (WAITING_COUNTS, "add"): (
        f"{_insert(WAITING_COUNTS)} ON CONFLICT ({', '.join(COUNT_KEY)}) DO UPDATE SET n = n + excluded.n"
    ),
    (WAITING_COUNTS, "drop_empty"): (
        f"DELETE FROM {WAITING_COUNTS} WHERE {' AND '.join(f'{name} = ?' for name in COUNT_KEY)} AND n = 0"
    ),
}
for _table in [*KEYED, STATES]:
    _WRITE[_table, "insert"] = _insert(_table)
    _WRITE[_table, "update"] = _update(_table, TABLES[_table])
    _WRITE[_table, "move"] = _update(_table, MOVED_COLUMNS)
    _WRITE[_table, "upsert"] = _upsert(_table)
    _WRITE[_table, "delete"] = f"DELETE FROM {_table} WHERE tenant_id = ? AND id = ?"
