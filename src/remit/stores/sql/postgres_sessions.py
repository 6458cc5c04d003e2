"""Sessions with PostgreSQL: how each kind is set when it begins, and how its transactions begin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg

from remit.stores.sql.postgres_pipeline import Connection, Statement

_IDLE = psycopg.pq.TransactionStatus.IDLE
LOCK_TIMEOUT = "30s"
_WRITER_SETTINGS = {
    # Every statement here finds rows by primary key. A plan made while a table was small, and kept
    # as it grows, must never be one that reads it whole.
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
    # And so planning again for every execution, which costs more than they do, gains nothing.
    "plan_cache_mode": "force_generic_plan",
    "lock_timeout": LOCK_TIMEOUT,
}
# What is prepared is planned for each look, by how large tables are then.
_READER_SETTINGS = {"jit": "off", "plan_cache_mode": "force_custom_plan"}


def is_pooled(driver: psycopg.Connection) -> bool:
    """Is the session that answers another than the one that was connected to? See `Postgres._connect`."""
    return driver.prepare_threshold is None


def _settings(settings: Mapping[str, str], *, of_transaction: bool = False) -> str:
    asked = ", ".join(f"set_config('{name}', '{value}', {of_transaction})" for name, value in settings.items())
    return f"SELECT {asked}"


_SET_SESSION, SET_TRANSACTION = _settings(_WRITER_SETTINGS), _settings(_WRITER_SETTINGS, of_transaction=True)
_SET_READER = _settings(_READER_SETTINGS)


def prepare_writer(driver: psycopg.Connection, _record: Any) -> None:
    if not is_pooled(driver):
        driver.execute(_SET_SESSION)
        driver.commit()


def begins_along(driver: psycopg.Connection, _record: Any) -> None:
    # The driver would wait for the answer to its own BEGIN, also in a pipeline.
    driver.autocommit = True


def begin_along(driver: psycopg.Connection) -> None:
    """Begin the writer's transaction where it is not: in a pipeline, without waiting for an answer."""
    if driver.autocommit and driver.pgconn.transaction_status == _IDLE:
        driver.execute("BEGIN", prepare=False)
        if is_pooled(driver):
            driver.execute(SET_TRANSACTION)


def beginning(driver: Connection) -> list[Statement]:
    """The statements that begin a transaction where none has begun."""
    if driver.pgconn.transaction_status != _IDLE:
        return []
    if driver.read_only:
        return [_BEGIN_READING]
    return [_BEGIN, Statement(SET_TRANSACTION.encode())] if is_pooled(driver) else [_BEGIN]


_BEGIN, COMMIT = Statement(b"BEGIN"), Statement(b"COMMIT")
_BEGIN_READING = Statement(b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")


def prepare_reader(driver: psycopg.Connection, _record: Any) -> None:
    if not is_pooled(driver):
        driver.execute(_SET_READER)
        driver.commit()
    driver.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    driver.read_only = True
