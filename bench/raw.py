"""
The loop to compare with: the bare driver commits, one decision at a time, the very rows that the gate
committed for each decision. No rule, no hashing, no JSON, no packing: the rows are ready before the clock starts.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import psycopg

from bench.world import TENANT
from remit.stores.sql.rows import MOVED_COLUMNS, SEGMENTS, STATES, TABLES

Row = tuple[Any, ...]
Statement = tuple[str, Row]
Execute = Callable[[str, Row], Any]
MOVED = {"cases": MOVED_COLUMNS, STATES: TABLES[STATES], "usages": TABLES["usages"]}
"""The rows that a decision changes; the key comes last. Beside them it adds one segment, and a clean yes no more."""
GATED = 2
"""The gate's segment follows the proposal's on an intent's chain."""


class GateRows:
    """The rows that deciding `ids` wrote, read back from a database that the gate has just written."""

    def __init__(self, execute: Execute, ids: Sequence[str], mark: str) -> None:
        self._execute = execute
        self._mark = mark
        self._usage = self._moved("usages", self._row("usages", ("id",), "id >= ", "")[0])
        self.work = [self._statements(id) for id in ids]
        """What each decision's transaction executes, after BEGIN and before COMMIT."""

    def undo(self, ids: Sequence[str]) -> None:
        """As it was before the decisions, as far as keys and indexes tell, so that the raw loop writes here too."""
        for id in ids:
            self._execute(f"DELETE FROM {SEGMENTS} WHERE {_own('chain = ', self._mark)} AND first >= {GATED}", (id,))
            back = f"UPDATE {STATES} SET status = 'PROPOSED', due_at_us = created_at_us"
            self._execute(f"{back} WHERE {_own('id = ', self._mark)}", (id,))

    def _statements(self, id: str) -> list[Statement]:
        return [self._moved("cases", id), self._usage, self._moved(STATES, id), self._added(id)]

    def _moved(self, table: str, id: str) -> Statement:
        columns = MOVED[table]
        changed = ", ".join(f"{name} = {self._mark}" for name in columns[:-2])
        text = f"UPDATE {table} SET {changed} WHERE tenant_id = {self._mark} AND id = {self._mark}"
        return text, self._row(table, columns, "id = ", id)

    def _added(self, id: str) -> Statement:
        columns = TABLES[SEGMENTS]
        marks = ", ".join(self._mark for _ in columns)
        row = self._row(SEGMENTS, columns, f"first >= {GATED} AND chain = ", id)
        return f"INSERT INTO {SEGMENTS} ({', '.join(columns)}) VALUES ({marks})", row

    def _row(self, table: str, columns: Sequence[str], where: str, value: str) -> Row:
        (row,) = self._execute(
            f"SELECT {', '.join(columns)} FROM {table} WHERE {_own(where, self._mark)}", (value,)
        ).fetchall()
        return tuple(row)


def _own(where: str, mark: str) -> str:
    return f"tenant_id = '{TENANT}' AND {where}{mark}"


def sqlite_loop(path: str, ids: Sequence[str]) -> float:
    """Decisions a second of the raw loop, over the decisions `ids` of the database at `path`."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = FULL")
    rows = GateRows(connection.execute, ids, "?")
    connection.execute("BEGIN IMMEDIATE")
    rows.undo(ids)
    connection.execute("COMMIT")
    start = time.perf_counter()
    for statements in rows.work:
        connection.execute("BEGIN IMMEDIATE")
        for text, values in statements:
            connection.execute(text, values)
        connection.execute("COMMIT")
    seconds = time.perf_counter() - start
    connection.close()
    return len(ids) / seconds


def postgres_loop(url: str, ids: Sequence[str], connections: int) -> float:
    """The same on bare psycopg, shared out over `connections` threads with a connection each."""
    with psycopg.connect(url) as connection:
        rows = GateRows(connection.execute, ids, "%s")
        rows.undo(ids)

    def loop(mine: list[list[Statement]], ready: threading.Barrier) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            ready.wait()
            for statements in mine:
                connection.execute("BEGIN")
                for text, values in statements:
                    connection.execute(text, values)
                connection.execute("COMMIT")

    return len(ids) / in_threads(loop, [rows.work[n::connections] for n in range(connections)])


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
