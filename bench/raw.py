"""
The loops to compare with: the bare driver commits rows one decision at a time. No rule, no hashing, no JSON, no
packing: the rows are ready before the clock starts.

Targets mean the rows of the first release (`bench.first_release`), so that they stay where they are as this version
changes what it writes. The rows that this version wrote are measured beside them, for what its own format costs.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from bench.first_release import SCHEMA, FirstReleaseRows, Row, Statement
from bench.world import TENANT
from remit import Remit
from remit.stores.sql.rows import SEGMENTS, STATES, TABLES

Execute = Callable[[str, Row], Any]


@dataclass(frozen=True, slots=True)
class Raw:
    """Decisions a second of the bare driver: with the first release's rows, and with this version's own."""

    first_release: float
    own: float


class OwnRows:
    """What proposing and deciding `ids` in one write added, read back from the database that holds it."""

    def __init__(self, execute: Execute, ids: Sequence[str], mark: str) -> None:
        self._execute, self._mark = execute, mark
        ((day,),) = execute(f"SELECT max(id) FROM usages WHERE tenant_id = {mark}", (TENANT,)).fetchall()
        usage = self._read("usages", "id", day)
        count = f"UPDATE usages SET body = {mark} WHERE tenant_id = {mark} AND id = {mark}", usage
        self.work = [[*(self._added(*table, id) for table in _ADDED), count] for id in ids]
        """What each decision's transaction executes, after BEGIN and before COMMIT."""

    def undo(self, ids: Sequence[str]) -> None:
        """As it was before, so that the loop writes here too."""
        for table, key in _ADDED:
            for id in ids:
                self._execute(
                    f"DELETE FROM {table} WHERE tenant_id = {self._mark} AND {key} = {self._mark}", (TENANT, id)
                )

    def _added(self, table: str, key: str, id: str) -> Statement:
        columns = TABLES[table]
        marks = ", ".join(self._mark for _ in columns)
        return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", self._read(table, key, id)

    def _read(self, table: str, key: str, value: str) -> Row:
        columns, mark = ", ".join(TABLES[table]), self._mark
        sql = f"SELECT {columns} FROM {table} WHERE tenant_id = {mark} AND {key} = {mark}"
        return tuple(self._execute(sql, (TENANT, value)).fetchall()[-1])


_ADDED = (("cases", "id"), (STATES, "id"), (SEGMENTS, "chain"))


def sqlite_raw(remit: Remit, path: Path, ids: Sequence[str]) -> Raw:
    """Both loops on SQLite, over the decisions `ids` that are in the database at `path`."""
    old = FirstReleaseRows(remit, ids)
    with sqlite_connection(path.with_suffix(".first")) as first:
        for text in SCHEMA:
            first.execute(text)
        _commit(first, old.before)
        first_rate = len(ids) / _sqlite_seconds(first, old.work)
    with sqlite_connection(path) as own:
        rows = OwnRows(own.execute, ids, "?")
        own.execute("BEGIN IMMEDIATE")
        rows.undo(ids)
        own.execute("COMMIT")
        return Raw(first_rate, len(ids) / _sqlite_seconds(own, rows.work))


def sqlite_connection(path: Path) -> Any:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _commit(connection: sqlite3.Connection, statements: Sequence[Statement]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for text, values in statements:
        connection.execute(text, values)
    connection.execute("COMMIT")


def _sqlite_seconds(connection: sqlite3.Connection, work: Sequence[Sequence[Statement]]) -> float:
    start = time.perf_counter()
    for statements in work:
        _commit(connection, statements)
    return time.perf_counter() - start


def postgres_raw(remit: Remit, url: str, ids: Sequence[str], connections: int) -> Raw:
    """Both on bare psycopg, shared out over `connections` threads with a connection each."""
    old = FirstReleaseRows(remit, ids, "%s")
    with psycopg.connect(url) as connection:
        connection.execute("CREATE SCHEMA first_release")
        connection.execute("SET search_path TO first_release")
        for text in SCHEMA:
            connection.execute(text)
        for text, values in old.before:
            connection.execute(text, values)
    first_rate = len(ids) / _postgres_seconds(url, old.work, connections, "first_release")
    with psycopg.connect(url) as connection:
        rows = OwnRows(connection.execute, ids, "%s")
        rows.undo(ids)
    return Raw(first_rate, len(ids) / _postgres_seconds(url, rows.work, connections, "public"))


def _postgres_seconds(url: str, work: Sequence[list[Statement]], connections: int, schema: str) -> float:
    def loop(mine: list[list[Statement]], ready: threading.Barrier) -> None:
        with psycopg.connect(url, autocommit=True, options=f"-c search_path={schema}") as connection:
            ready.wait()
            for statements in mine:
                connection.execute("BEGIN")
                for text, values in statements:
                    connection.execute(text, values)
                connection.execute("COMMIT")

    return in_threads(loop, [work[n::connections] for n in range(connections)])


def in_threads(loop: Callable[[Any, threading.Barrier], None], shares: Sequence[Any]) -> float:
    """Seconds from the moment all threads are ready to the last one's end."""
    ready = threading.Barrier(len(shares) + 1)
    threads = [threading.Thread(target=loop, args=(share, ready)) for share in shares]
    for thread in threads:
        thread.start()
    ready.wait()
    start = time.perf_counter()
    for thread in threads:
        thread.join()
    return time.perf_counter() - start
