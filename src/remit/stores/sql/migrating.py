"""
The two ends of a migration in SQLite and PostgreSQL.

In place of its schema's revision a database says that it is being filled, or was moved; so opening one that is neither
asks nothing more than before. A database that was moved refuses every write by triggers: whoever has it open already
learns of it there.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import Any

import sqlalchemy
from msgspec import Struct

from remit.core.errors import Conflict, InvalidInput, NoDatabase, TryLater
from remit.ports import ReadableStore, Store
from remit.stores.first_format import FirstFormat
from remit.stores.sql.dialect import WAS_MOVED, Dialect, raise_ours
from remit.stores.sql.first_format import LEDGER, SqlFirstFormatRows
from remit.stores.sql.first_format import TABLES as FIRST_TABLES
from remit.stores.sql.migrations import FILLING, HEAD, MOVED, VERSION_TABLE, current_revision, migrate_with, upgrade
from remit.stores.sql.migrations import FIRST_FORMAT as FIRST_REVISIONS
from remit.stores.sql.queries import TENANTS
from remit.stores.sql.readers import Readers
from remit.stores.sql.rows import EVENTS, KEYED, SEGMENTS, STATES, WAITING_COUNTS
from remit.stores.sql.store import SqlStore, dialect_of

_SETTLED_WITHIN_S, _LOOK_AGAIN_S = 30.0, 0.1
_HELD_BACK = "a transaction that began before the last write is open, in this or another database of the server"
_MIGRATIONS = "remit_migrations"
FILLED_BY, MOVED_BY = "filled_by", "moved_by"
_TABLES = (*KEYED, STATES, SEGMENTS, EVENTS, WAITING_COUNTS)
_MAKE_TABLE = f"CREATE TABLE IF NOT EXISTS {_MIGRATIONS} (role TEXT PRIMARY KEY, id TEXT, revision TEXT)"
_SET_REVISION = f"UPDATE {VERSION_TABLE} SET version_num = "


class SqlSource:
    """A `MigrationSource`, of this format or of the first."""

    def __init__(self, url: str) -> None:
        """Raises `InvalidInput`, and `NoDatabase`."""
        self._dialect = dialect_of(url)
        self.name = self._dialect.name
        if not self._dialect.exists():
            raise NoDatabase(self.name)
        state = _state(self._dialect)
        if state.revision != MOVED and not state.first_format:
            migrate_with(self._dialect)
        self._open = SqlFirstFormatRows(self._dialect) if state.first_format else SqlStore(self._dialect)
        self.followed: Store | None = None if isinstance(self._open, SqlFirstFormatRows) else self._open
        self.store: ReadableStore = (
            FirstFormat(self._open) if isinstance(self._open, SqlFirstFormatRows) else self._open
        )

    @property
    def moved_to(self) -> str | None:
        return _state(self._dialect).migrations.get(MOVED_BY)

    @contextmanager
    def frozen(self) -> Iterator[_FrozenSql]:
        tables = self._tables()
        with _transaction(self._dialect) as connection:
            self._dialect.freeze(connection, tables)
            if _state_of(self._dialect, connection).revision == MOVED:
                raise Conflict(f"{self.name} was moved meanwhile by another run; run it again to see that it is done")
            if self.followed is not None:
                _settle(self._dialect)
            yield _FrozenSql(self._dialect, connection, tables)

    def _tables(self) -> list[str]:
        """Those that this database has, of either format."""
        with _transaction(self._dialect) as connection:
            driver = connection.connection.driver_connection
            return [table for table in (*_TABLES, *FIRST_TABLES) if self._dialect.has_table(driver, table)]

    def close(self) -> None:
        self._open.close()


class _FrozenSql:
    """A `Frozen`: all in the one transaction that holds the lock."""

    def __init__(self, dialect: Dialect, connection: sqlalchemy.Connection, tables: list[str]) -> None:
        self._dialect, self._connection, self._tables = dialect, connection, tables

    def move_to(self, migration_id: str, name: str) -> None:
        self._dialect.refuse_writes(self._connection, self._tables, f"{self._dialect.name} {WAS_MOVED} {name}")
        _note(self._connection, MOVED_BY, migration_id)
        self._connection.exec_driver_sql(f"{_SET_REVISION}'{MOVED}'")
        self._connection.commit()


class SqlTarget:
    """A `MigrationTarget`: a database that holds nothing yet, or one that a migration has begun to fill."""

    is_queue = True

    def __init__(self, url: str) -> None:
        """Raises `InvalidInput`."""
        self._dialect = dialect_of(url)
        self.name = self._dialect.name
        state = _begin(self._dialect)
        self.migration_id = state.migrations.get(FILLED_BY, "")
        self.complete = state.revision != FILLING
        self.store: Store = SqlStore(self._dialect)

    def settle(self) -> None:
        _settle(self._dialect)

    def finish(self) -> None:
        with _transaction(self._dialect) as connection:
            connection.exec_driver_sql(f"{_SET_REVISION}'{HEAD}' WHERE version_num = '{FILLING}'")
            connection.commit()

    def close(self) -> None:
        self.store.close()


class _State(Struct, frozen=True):
    """The database's word on itself; `migrations` are the ids by role."""

    revision: str | None
    first_format: bool
    migrations: dict[str, str]


def _begin(dialect: Dialect) -> _State:
    """An empty database is filled from here on; one that holds something is left as it is."""
    with _transaction(dialect) as connection:
        dialect.lock_for_migration(connection)
        state = _state_of(dialect, connection)
        if state.revision not in (FILLING, MOVED) and not state.first_format:
            upgrade(dialect, connection)
            if not connection.exec_driver_sql(TENANTS).fetchall():
                _note(connection, FILLED_BY, uuid.uuid4().hex)
                connection.exec_driver_sql(f"{_SET_REVISION}'{FILLING}'")
            connection.commit()
            state = _state_of(dialect, connection)
        elif state.revision == FILLING and _revision_filled(connection) != HEAD:
            raise InvalidInput("TO", f"{dialect.name} was begun by another version of Remit", "name an empty one")
        return state


def _state(dialect: Dialect) -> _State:
    with _transaction(dialect) as connection:
        return _state_of(dialect, connection)


def _state_of(dialect: Dialect, connection: sqlalchemy.Connection) -> _State:
    driver: Any = connection.connection.driver_connection
    known = dialect.has_table(driver, _MIGRATIONS)
    rows = connection.exec_driver_sql(f"SELECT role, id FROM {_MIGRATIONS}").fetchall() if known else []
    found = current_revision(dialect, connection)
    first = found in FIRST_REVISIONS or dialect.has_table(driver, LEDGER)
    return _State(found, first, dict(map(tuple, rows)))


def _revision_filled(connection: sqlalchemy.Connection) -> str | None:
    sql = f"SELECT revision FROM {_MIGRATIONS} WHERE role = '{FILLED_BY}'"
    found: str | None = connection.exec_driver_sql(sql).scalar()
    return found


def _settle(dialect: Dialect) -> None:
    """Wait until positions are behind all segments. Raises `TryLater`."""
    until = time.monotonic() + _SETTLED_WITHIN_S
    with closing(Readers(dialect.readers(), dialect)) as readers:
        while not readers.borrow(lambda driver: dialect.order.is_settled(partial(dialect.fetch, driver))):
            if time.monotonic() > until:
                raise TryLater(f"{dialect.name}: {_HELD_BACK}; end it, and run this again")
            time.sleep(_LOOK_AGAIN_S)


def _note(connection: sqlalchemy.Connection, role: str, migration_id: str) -> None:
    connection.exec_driver_sql(_MAKE_TABLE)
    table = sqlalchemy.table(_MIGRATIONS, *map(sqlalchemy.column, ("role", "id", "revision")))
    connection.execute(table.delete().where(table.c.role == role))
    connection.execute(table.insert().values(role=role, id=migration_id, revision=HEAD))


@contextmanager
def _transaction(dialect: Dialect) -> Iterator[sqlalchemy.Connection]:
    """A writer's transaction, undone unless committed. Raises our errors for the driver's."""
    engine = dialect.engine()
    try:
        with closing(engine.connect()) as connection:
            connection.begin()
            yield connection
    except Exception as error:
        refusal = dialect.refusal(error)
        if refusal is not None:
            raise refusal from error
        raise_ours(error, dialect)
    finally:
        engine.dispose()
