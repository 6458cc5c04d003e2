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


class GateRows:
    """The rows that deciding `ids` wrote, read back from a database that the gate has just written."""

    def __init__(self, execute: Execute, ids: Sequence[str], mark: str) -> None:
        self._execute = execute
        self._mark = mark
        ((day,),) = execute(f"SELECT max(id) FROM usages WHERE tenant_id = {mark}", (TENANT,)).fetchall()
        counted = self._moved("usages", day)
        self.work = [[self._moved("cases", id), counted, self._moved(STATES, id), self._added(id)] for id in ids]
        """What each decision's transaction executes, after BEGIN and before COMMIT."""

    def undo(self) -> None:
        """As it was before the decisions, as far as keys and indexes tell, so that the raw loop writes here too."""
        mark = self._mark
        own = f"tenant_id = {mark}"
        for _, _, (_, state), (_, segment) in self.work:
            back = f"UPDATE {STATES} SET status = 'PROPOSED', due_at_us = created_at_us"
            self._execute(f"{back} WHERE {own} AND id = {mark}", state[-2:])
            self._execute(f"DELETE FROM {SEGMENTS} WHERE {own} AND chain = {mark} AND first = {mark}", segment[:3])

    def _moved(self, table: str, id: str) -> Statement:
        columns = MOVED[table]
        changed = ", ".join(f"{name} = {self._mark}" for name in columns[:-2])
        text = f"UPDATE {table} SET {changed} WHERE tenant_id = {self._mark} AND id = {self._mark}"
        return text, self._last(table, columns, "id", id)

    def _added(self, id: str) -> Statement:
        """The last segment of the intent's chain: its second, or its only one if one call proposed and gated."""
        columns = TABLES[SEGMENTS]
        marks = ", ".join(self._mark for _ in columns)
        text = f"INSERT INTO {SEGMENTS} ({', '.join(columns)}) VALUES ({marks})"
        return text, self._last(SEGMENTS, columns, "chain", id, "ORDER BY first")

    def _last(self, table: str, columns: Sequence[str], key: str, value: str, order: str = "") -> Row:
        where = f"tenant_id = {self._mark} AND {key} = {self._mark} {order}"
        found = self._execute(f"SELECT {', '.join(columns)} FROM {table} WHERE {where}", (TENANT, value)).fetchall()
        return tuple(found[-1])


def sqlite_loop(path: str, ids: Sequence[str]) -> float:
    """Decisions a second of the raw loop, over the decisions `ids` of the database at `path`."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = FULL")
    rows = GateRows(connection.execute, ids, "?")
    connection.execute("BEGIN IMMEDIATE")
    rows.undo()
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
        rows.undo()

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
