"""
The loop to compare with: the bare driver commits, one decision at a time, the very rows that the gate
committed for each decision. No rule, no hashing, no JSON: the rows are ready before the clock starts.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import psycopg

from bench.world import TENANT

Row = tuple[Any, ...]
INSERTED = ("decisions", "approvals", "auto_exec_states")
GATED = 2
"""The gate's entries follow the proposal's on an intent's chain."""


class GateRows:
    """The rows that deciding `ids` wrote, read back from a database that the gate has just written."""

    def __init__(self, query: Callable[[str, Sequence[Any]], list[Row]], ids: Sequence[str], mark: str) -> None:
        self.ids = list(ids)
        self.columns: dict[str, list[str]] = {}
        self.rows: dict[str, dict[str, list[Row]]] = {name: {} for name in (*INSERTED, "ledger_entries", "cases")}
        own = f"tenant_id = '{TENANT}' AND "
        for id in ids:
            self._read(query, "cases", id, f"{own}id = {mark}", (id,))
            self._read(query, "decisions", id, f"{own}id = {mark}", (id,))
            self._read(query, "auto_exec_states", id, f"{own}id = {mark}", (f"AUTO_EXEC_STATE#{id}",))
            approval = self._approval_id(query, id, mark)
            self._read(query, "approvals", id, f"{own}id = {mark}", (approval,))
            self._read(query, "ledger_entries", id, f"{own}chain = {mark} AND sequence >= {GATED}", (id,))
        self.usage = query("SELECT tenant_id, id, body FROM usages", ())[0]

    def _read(self, query: Any, table: str, id: str, where: str, values: Sequence[Any]) -> None:
        if table not in self.columns:
            self.columns[table] = query(f"COLUMNS {table}", ())
        names = ", ".join(self.columns[table])
        self.rows[table][id] = query(f"SELECT {names} FROM {table} WHERE {where}", values)

    def _approval_id(self, query: Any, id: str, mark: str) -> str:
        where = f"tenant_id = '{TENANT}' AND id = {mark}"
        (row,) = query(f"SELECT body FROM auto_exec_states WHERE {where}", (f"AUTO_EXEC_STATE#{id}",))
        return str(json.loads(row[0])["approval_id"])

    def statements(self, mark: str) -> Callable[[str], list[tuple[str, Row]]]:
        """What one decision's transaction executes, after BEGIN and before COMMIT."""
        insert = {
            table: f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join(mark for _ in names)})"
            for table, names in self.columns.items()
        }
        cases = self.columns["cases"]
        moved = [name for name in ("body", "status", "reason", "due_at_us") if name in cases]
        update = (
            f"UPDATE cases SET {', '.join(f'{n} = {mark}' for n in moved)} WHERE tenant_id = {mark} AND id = {mark}"
        )
        count = f"UPDATE usages SET body = {mark} WHERE tenant_id = {mark} AND id = {mark}"

        def of(id: str) -> list[tuple[str, Row]]:
            case = dict(zip(cases, self.rows["cases"][id][0], strict=True))
            found = [(update, (*(case[name] for name in moved), case["tenant_id"], case["id"]))]
            found += [(insert[table], self.rows[table][id][0]) for table in INSERTED]
            found += [(insert["ledger_entries"], row) for row in self.rows["ledger_entries"][id]]
            return [*found, (count, (self.usage[2], self.usage[0], self.usage[1]))]

        return of


def sqlite_query(path: str) -> Callable[[str, Sequence[Any]], list[Any]]:
    connection = sqlite3.connect(path)

    def query(text: str, values: Sequence[Any]) -> list[Any]:
        if text.startswith("COLUMNS "):
            return [row[1] for row in connection.execute(f"PRAGMA table_info({text.split()[1]})")]
        return connection.execute(text, values).fetchall()

    return query


def postgres_query(url: str) -> Callable[[str, Sequence[Any]], list[Any]]:
    connection = psycopg.connect(url, autocommit=True)

    def query(text: str, values: Sequence[Any]) -> list[Any]:
        if text.startswith("COLUMNS "):
            return [
                row[0]
                for row in connection.execute(
                    "SELECT column_name FROM information_schema.columns WHERE table_name = %s"
                    " AND table_schema = 'public' ORDER BY ordinal_position",
                    (text.split()[1],),
                )
            ]
        return connection.execute(text, values).fetchall()

    return query


def _undone(execute: Callable[[str, Row], Any], rows: GateRows, mark: str) -> None:
    """Take the decisions' rows out again, so that the raw loop writes them into the same database."""
    own = f"tenant_id = '{TENANT}' AND "
    for id in rows.ids:
        execute(f"DELETE FROM decisions WHERE {own}id = {mark}", (id,))
        execute(f"DELETE FROM auto_exec_states WHERE {own}id = {mark}", (f"AUTO_EXEC_STATE#{id}",))
        execute(f"DELETE FROM ledger_entries WHERE {own}chain = {mark} AND sequence >= {GATED}", (id,))
    execute("DELETE FROM approvals", ())


def sqlite_loop(path: str, ids: Sequence[str]) -> float:
    """Decisions a second of the raw loop, over the decisions `ids` of the database at `path`."""
    rows = GateRows(sqlite_query(path), ids, "?")
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("BEGIN IMMEDIATE")
    _undone(connection.execute, rows, "?")
    connection.execute("COMMIT")
    work = [rows.statements("?")(id) for id in ids]
    start = time.perf_counter()
    for statements in work:
        connection.execute("BEGIN IMMEDIATE")
        for text, values in statements:
            connection.execute(text, values)
        connection.execute("COMMIT")
    seconds = time.perf_counter() - start
    connection.close()
    return len(ids) / seconds


def postgres_loop(url: str, ids: Sequence[str], connections: int) -> float:
    """The same on bare psycopg, shared out over `connections` threads with a connection each."""
    rows = GateRows(postgres_query(url), ids, "%s")
    with psycopg.connect(url) as connection:
        _undone(connection.execute, rows, "%s")
    work = [rows.statements("%s")(id) for id in ids]

    def loop(mine: list[list[tuple[str, Row]]], ready: threading.Barrier) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            ready.wait()
            for statements in mine:
                connection.execute("BEGIN")
                for text, values in statements:
                    connection.execute(text, values)
                connection.execute("COMMIT")

    return len(ids) / in_threads(loop, [work[n::connections] for n in range(connections)])


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
