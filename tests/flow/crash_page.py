"""
The page of the crash matrix: its rows, and where they stand in `docs/crash-matrix.md`.

`python -m tests.flow.crash_page` makes its tables anew, from memory and SQLite and, where it differs, DynamoDB Local.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from infra.local.servers import LOCAL_CREDENTIALS, dynamodb_local
from remit.ports import Store
from remit.stores.memory import MemoryStore
from remit.stores.sql import SqlStore
from remit.testing.faults import Fault

from .crash_matrix import FAULTS, STEPS, Shared, Step, cell, writes_of

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "crash-matrix.md"
NODE_MODULES = ROOT / "requirements" / "npm" / "node_modules"
Table = Literal["every store", "DynamoDB"]
"""Of every store, and of the steps that have another number of writes on DynamoDB."""
_ROW = re.compile(r"^\| (?P<step>[^|]+) \| (?P<row>\d+ of .*) \|$", re.MULTILINE)


@dataclass(frozen=True)
class Row:
    """One write of one step: what came of each fault there, `ok` or what went wrong."""

    step: str
    write: int
    of: int
    results: dict[str, str]


def rows_of(step: Step, shared: Shared, *, both_ways: bool = True, faults: Sequence[Fault] = FAULTS) -> Iterator[Row]:
    """
    A row a write. With `both_ways` each fault is tried with and without the caller sending again; else
    once: who crashed is gone, and who got an error sends again.
    """
    writes = writes_of(step, shared)
    for at in range(1, writes + 1):
        results: dict[str, str] = {}
        for fault in faults:
            ways = (False, True) if both_ways else (not fault.startswith("crash"),)
            results[fault] = _tried(step, shared, at, fault, ways)
        yield Row(step.name, at, writes, results)


def _tried(step: Step, shared: Shared, at: int, fault: Fault, ways: Iterable[bool]) -> str:
    for again in ways:
        try:
            cell(step, shared, at=at, fault=fault, again=again)
        except Exception as error:
            return f"{'sent again: ' if again else ''}{type(error).__name__}: {error}"
    return "ok"


@contextmanager
def _opened(kind: str) -> Iterator[Shared]:
    if kind == "memory":
        yield Shared(MemoryStore)
        return
    if kind == "dynamodb":
        with dynamodb_local(NODE_MODULES) as endpoint:
            yield Shared(partial(_local_table, endpoint), queues=False)
        return
    with tempfile.TemporaryDirectory() as folder:
        shared = Shared(partial(SqlStore.open, f"sqlite:///{folder}/remit.db"))
        try:
            yield shared
        finally:
            shared.store.close()


def _local_table(endpoint: str) -> Store:
    # Imported here: the other stores need no boto3.
    from remit.stores.dynamodb import DynamoStore, create_table, open_client

    os.environ.update(LOCAL_CREDENTIALS)
    client = open_client(endpoint_url=endpoint, answer_within_s=30)
    create_table(client, "crash-matrix")
    return DynamoStore(client, "crash-matrix", settle_s=0)


def matrix(kinds: Iterable[str]) -> dict[str, list[Row]]:
    """Every row by kind of store: `memory` or `sqlite`."""
    table: dict[str, list[Row]] = {}
    for kind in kinds:
        with _opened(kind) as shared:
            table[kind] = [row for step in STEPS for row in rows_of(step, shared)]
    return table


def markdown(table: dict[str, list[Row]]) -> str:
    """One line a write: each cell names what failed, and on which store, or says `ok` for all of them."""
    names = list(table)
    lines = [
        f"| step | write | {' | '.join(fault.replace('_', ' ') for fault in FAULTS)} |",
        f"|---|---|{'---|' * len(FAULTS)}",
    ]
    for same in zip(*table.values(), strict=True):
        cells = [_cell_text(names, [row.results[fault] for row in same]) for fault in FAULTS]
        lines.append(f"| {same[0].step} | {same[0].write} of {same[0].of} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell_text(names: list[str], results: list[str]) -> str:
    wrong = [f"{name}: {result}" for name, result in zip(names, results, strict=True) if result != "ok"]
    return "; ".join(wrong).replace("|", "/").replace("\n", " ") or "ok"


# --- the page ---


def shown(where: Table) -> dict[str, list[str]]:
    """The rows of a table of the page by step, each from its write on."""
    found: dict[str, list[str]] = {}
    for row in _ROW.finditer(_between(PAGE.read_text(), where)[1]):
        found.setdefault(row["step"], []).append(row["row"])
    return found


def expected(rows: Sequence[Row]) -> list[str]:
    """The rows of one step as they stand on the page where nothing failed."""
    return [f"{row.write} of {row.of} | {' | '.join(['ok'] * len(FAULTS))}" for row in rows]


def _between(page: str, where: Table) -> tuple[str, str, str]:
    begin, end = f"<!-- {where} -->\n", f"<!-- end of {where} -->\n"
    before, rest = page.split(begin)
    inside, after = rest.split(end)
    return before + begin, inside, end + after


def with_table(page: str, where: Table, rows: str) -> str:
    """The page with that table in its place."""
    before, _, after = _between(page, where)
    return f"{before}\n{rows}\n{after}"


def made_anew(page: str) -> str:
    """The page with tables of what comes of every fault now."""
    table = matrix(("memory", "sqlite"))
    page = with_table(page, "every store", markdown(table))
    known = Counter(row.step for row in table["memory"])
    with _opened("dynamodb") as shared:
        steps = [step for step in STEPS if not step.takes and writes_of(step, shared) != known[step.name]]
        return with_table(
            page, "DynamoDB", markdown({"dynamodb": [row for step in steps for row in rows_of(step, shared)]})
        )


if __name__ == "__main__":
    PAGE.write_text(made_anew(PAGE.read_text()))
