"""
The schema's history. `migrate` brings a database to this version's schema, whoever else starts at the
same time; only Remit's own tables are touched, never those of others beside them.
"""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from remit.core.errors import InvalidInput
from remit.stores.sql.dialect import Dialect, raise_ours

if TYPE_CHECKING:
    # For annotations alone: a start that has nothing to do loads no SQLAlchemy either.
    import sqlalchemy

HEAD = "2017"
"""The newest revision, known here so that a start that has nothing to do need not load Alembic."""
FIRST_FORMAT = ("0001", "0002", "0003", "0004")
VERSION_TABLE = "remit_schema_version"
_REVISION = f"SELECT version_num FROM {VERSION_TABLE}"
WAITING_FROM = "2014"
"""Before it what stands beside waiting cases was not what it is now: it is made from them (`recount`)."""
FILLING, MOVED = "filling", "moved"
"""Stand in place of a revision in a database that `remit migrate` fills, or has moved into another."""
_WAYS_OUT = {
    FILLING: ("is being filled by remit migrate, and is not complete", "run 'remit migrate FROM TO' again"),
    MOVED: ("was moved into another database by remit migrate", "open that one"),
    **dict.fromkeys(
        FIRST_FORMAT, ("is of the first format", "run 'remit migrate FROM TO' to copy it into a new database")
    ),
}
# Alembic keeps the connection it migrates in a global: two threads at once would migrate each other's database.
_one_at_a_time = threading.Lock()


def migrate(url: str, revision: str = HEAD) -> None:
    """
    Create or upgrade the schema, in one transaction; hardly does anything if it is there already.

    Raises `InvalidInput` if a newer version of Remit has been at work in this database, or if it is not one that
    can be used as it is.
    """
    from remit.stores.sql.store import dialect_of

    migrate_with(dialect_of(url), revision)


def migrate_with(dialect: Dialect, revision: str = HEAD) -> None:
    try:
        if dialect.prepares or _stands_at(dialect) != revision:
            _migrate(dialect, revision)
    except Exception as error:
        refusal = dialect.refusal(error)
        if refusal is not None:
            raise refusal from error
        raise_ours(error, dialect)


def _migrate(dialect: Dialect, revision: str) -> None:
    engine = dialect.engine()
    try:
        with engine.begin() as connection:
            if current_revision(dialect, connection) != revision:
                dialect.lock_for_migration(connection)
                before = current_revision(dialect, connection)
                dialect.make_indexes(connection, indexes_ahead(before, revision))
                upgrade(dialect, connection, revision)
                if revision == HEAD and before is not None and before < WAITING_FROM:
                    _recount_all(dialect, connection)
            if revision == HEAD:
                dialect.prepare(connection)
    finally:
        engine.dispose()


def _stands_at(dialect: Dialect) -> str | None:
    """`current_revision`, as a reader sees it."""
    pool = dialect.readers()
    try:
        with closing(pool.raw_connection()) as connection:
            driver = connection.driver_connection
            rows = dialect.fetch(driver, _REVISION, {}) if dialect.has_table(driver, VERSION_TABLE) else []
            return str(rows[0][0]) if rows else None
    finally:
        pool.dispose()


def _recount_all(dialect: Dialect, connection: sqlalchemy.Connection) -> None:
    from remit.stores.sql.queries import TENANTS
    from remit.stores.sql.waiting_counts import recount, refile

    driver = connection.connection.driver_connection
    tenants = [tenant_id for (tenant_id,) in dialect.fetch(driver, TENANTS, {})]
    # Every case before any count: in this order everybody locks.
    for step in (refile, recount):
        for tenant_id in tenants:
            step(dialect, driver, tenant_id)


def upgrade(dialect: Dialect, connection: sqlalchemy.Connection, revision: str = HEAD) -> None:
    """In the open transaction, which holds the lock for migrations. Raises `InvalidInput`."""
    # Last, so that whoever holds it waits for no database.
    with _one_at_a_time:
        _upgrade(dialect, connection, revision)


def _upgrade(dialect: Dialect, connection: sqlalchemy.Connection, revision: str) -> None:
    from alembic import command
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    config = _config(connection)
    current = current_revision(dialect, connection)
    if current in _WAYS_OUT:
        raise InvalidInput("url", f"{dialect.name} {_WAYS_OUT[current][0]}", _WAYS_OUT[current][1])
    if current is not None:
        try:
            ScriptDirectory.from_config(config).get_revision(current)
        except CommandError:
            raise InvalidInput(
                "url", f"{dialect.name} is at revision {current}, newer than this version's {HEAD}", "upgrade Remit"
            ) from None
    command.upgrade(config, revision)


def indexes_ahead(current: str | None, revision: str) -> dict[str, str]:
    """
    The indexes that a database at revision `current` lacks and that are made before it is upgraded.

    None for one that cannot be upgraded: whoever tries says what is wrong with it.
    """
    from alembic.script import ScriptDirectory

    scripts = {each.revision: each for each in ScriptDirectory(str(Path(__file__).parent)).walk_revisions()}
    if current not in scripts or revision not in scripts:
        return {}
    newest_first = list(scripts)
    missing = newest_first[newest_first.index(revision) : newest_first.index(current)]
    return {
        name: each for found in reversed(missing) for name, each in getattr(scripts[found].module, "AHEAD", {}).items()
    }


def current_revision(dialect: Dialect, connection: sqlalchemy.Connection) -> str | None:
    """The version of the schema now; `None` before its first."""
    if not dialect.has_table(connection.connection.driver_connection, VERSION_TABLE):
        return None
    found: str | None = connection.exec_driver_sql(_REVISION).scalar()
    return found


def _config(connection: sqlalchemy.Connection) -> Any:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
