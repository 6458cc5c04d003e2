"""
`./dev bench --profile`: the least that an intent takes on SQLite, whatever decides it, beside what its target allows.

That is the rows that this version keeps of it, committed by the bare driver in transactions of as many intents, and its
lines and its case hashed and packed. All of it is read back before the clock starts.
"""

from __future__ import annotations

import sqlite3
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from rich.table import Table

from bench.first_release import Row, Statement
from bench.measure import in_batches, warm
from bench.raw import OwnRows, sqlite_connection, sqlite_raw
from bench.world import open_world
from remit.core.canonical import sha256_hex
from remit.stores.packing import LINES, RECORDS, packed, unpacked

DECISIONS, ROUNDS = 2000, 5
_Bodies = tuple[bytes, list[bytes]]


class Floor(NamedTuple):
    """Microseconds an intent."""

    rows: float
    hashed_and_packed: float
    allowed: float


def floors(folder: Path, targets: dict[str, tuple[int, float]]) -> dict[str, Floor]:
    """Medians for each way of asking: how many intents share a transaction, and its target (times the raw loop)."""
    seen: dict[str, list[Floor]] = {what: [] for what in targets}
    for number in range(ROUNDS):
        path = folder / f"floor-{number}.db"
        with open_world(f"sqlite:///{path}") as remit:
            warm(remit)
            ids = in_batches(remit, DECISIONS, 200).ids
            allowed_us = 1e6 / sqlite_raw(remit, path, ids[:600]).first_release
        for what, (size, target) in targets.items():
            seen[what].append(_floor(path, ids, size, allowed_us / target))
    return {what: Floor(*map(statistics.median, zip(*each, strict=True))) for what, each in seen.items()}


def table(rows: dict[str, Floor]) -> Table:
    parts = "its rows, by the bare driver", "hashing and packing", "together"
    shown = Table("µs an intent", *parts, "the target allows")
    for what, each in rows.items():
        took = each.rows, each.hashed_and_packed, each.rows + each.hashed_and_packed, each.allowed
        shown.add_row(what, *(f"{us:.0f}" for us in took))
    return shown


def _floor(path: Path, ids: Sequence[str], size: int, allowed_us: float) -> Floor:
    with sqlite_connection(path) as driver:
        rows = OwnRows(driver.execute, ids, "?")
        driver.execute("BEGIN IMMEDIATE")
        rows.undo(ids)
        driver.execute("COMMIT")
        batches = [_by_statement(rows.work[first : first + size]) for first in range(0, len(ids), size)]
        start = time.perf_counter()
        for batch in batches:
            _commit(driver, batch)
        rows_s = time.perf_counter() - start
    bodies = [_bodies(work) for work in rows.work]
    start = time.perf_counter()
    for case, lines in bodies:
        _hash_and_pack(case, lines)
    packing_s = time.perf_counter() - start
    return Floor(1e6 * rows_s / len(ids), 1e6 * packing_s / len(ids), allowed_us)


def _by_statement(works: Sequence[Sequence[Statement]]) -> dict[str, list[Row]]:
    batch: dict[str, list[Row]] = {}
    for text, values in (statement for work in works for statement in work):
        batch.setdefault(text, []).append(values)
    # The counter is written once for all that share a transaction.
    return {text: rows[-1:] if text.startswith("UPDATE") else rows for text, rows in batch.items()}


def _commit(driver: sqlite3.Connection, batch: dict[str, list[Row]]) -> None:
    driver.execute("BEGIN IMMEDIATE")
    for text, rows in batch.items():
        driver.executemany(text, rows)
    driver.execute("COMMIT")


def _bodies(work: Sequence[Statement]) -> _Bodies:
    """The case, and the lines of its chain."""
    (_, case), _, (_, segment), _ = work
    return unpacked(case[0]), unpacked(segment[-1]).split(b"\n")


def _hash_and_pack(case: bytes, lines: Sequence[bytes]) -> None:
    for line in lines:
        sha256_hex(line)
    packed(case, RECORDS)
    packed(b"\n".join(lines), LINES)
