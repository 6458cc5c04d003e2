"""Statements of `postgres` about records: a statement for each table, over an array for each column."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import count

from remit.core.records import CHAIN, KINDS
from remit.stores.sql.batch import Operation, RowChange
from remit.stores.sql.postgres_arrays import ARRAY_OF, bigint, text, texts
from remit.stores.sql.postgres_pipeline import Statement
from remit.stores.sql.rows import (
    BIGINTS,
    BLOBS,
    COUNT_KEY,
    EVENTS,
    KEYED,
    MOVED_COLUMNS,
    SEGMENTS,
    STATES,
    TABLES,
    WAITING_COUNTS,
)

_NUMBER = "pg_current_xact_id()::text::bigint"
# The default is evaluated for every row, so it holds the base itself; readers look it up.
COUNT_ON = f"""
DO $$
DECLARE
    last bigint := (SELECT max(position) FROM {SEGMENTS});
    base bigint := (SELECT coalesce(max(known.base), 0) FROM ledger_base AS known);
BEGIN
    IF last >= base + pg_snapshot_xmax(pg_current_snapshot())::text::bigint THEN
        DELETE FROM ledger_base;
        INSERT INTO ledger_base VALUES (last);
        EXECUTE 'ALTER TABLE {SEGMENTS} ALTER COLUMN position SET DEFAULT {_NUMBER} + ' || last;
    END IF;
END $$"""


@lru_cache
def translated(sql: str) -> str:
    return re.sub(r":(\w+)", r"%(\1)s", sql.replace("ANY_OF(", "ANY("))


_LOAD = {
    kind: f"SELECT id, body FROM {kind} WHERE tenant_id = %s AND id = ANY(%s::text[]) ORDER BY id" for kind in KEYED
}
_LOAD[CHAIN.name] = (
    f"SELECT chain, body FROM {SEGMENTS} WHERE tenant_id = %s AND chain = ANY(%s::text[]) ORDER BY chain, first"
)
_CONTENDED = {name: f"{_LOAD[name]} FOR UPDATE" for name, kind in KINDS.items() if kind.contended}


def _numbered(sql: str) -> bytes:
    """A statement as the server takes it, `$1` for the first `%s`."""
    numbers = count(1)
    return re.sub("%s", lambda _: f"${next(numbers)}", sql).encode()


LOAD = {kind: _numbered(sql) for kind, sql in _LOAD.items()}
LOAD_AND_LOCK = {kind: _numbered(sql) for kind, sql in (_LOAD | _CONTENDED).items()}


def _arrays(table: str, columns: Sequence[str]) -> str:
    """One row a position, from one array a column."""
    types = (_type_of(table, column) for column in columns)
    return f"unnest({', '.join(f'%s::{type}[]' for type in types)}) AS given ({', '.join(columns)})"


def _type_of(table: str, column: str) -> str:
    if (table, column) in BLOBS:
        return "bytea"
    return "bigint" if column.endswith("_us") or column in BIGINTS else "text"


def _insert(table: str) -> str:
    columns = TABLES[table]
    return f"INSERT INTO {table} ({', '.join(columns)}) SELECT * FROM {_arrays(table, columns)}"


_SAME = "target.tenant_id = given.tenant_id AND target.id = given.id"


def _update(table: str, columns: Sequence[str]) -> str:
    changed = ", ".join(f"{column} = given.{column}" for column in columns[:-2])
    # The server itself looks whether all were there, and fails: by the time its answer is read it would have committed.
    update = f"UPDATE {table} AS target SET {changed} FROM {_arrays(table, columns)} WHERE {_SAME}"
    return f"WITH done AS ({update} RETURNING 1) SELECT 1 / (count(*) = %s::bigint)::int FROM done"


def _upsert(table: str) -> str:
    changed = ", ".join(f"{column} = excluded.{column}" for column in TABLES[table][:-2])
    return f"{_insert(table)} ON CONFLICT (tenant_id, id) DO UPDATE SET {changed}"


_WRITE: dict[tuple[str, Operation], str] = {
    (SEGMENTS, "insert"): _insert(SEGMENTS),
    (EVENTS, "insert"): _insert(EVENTS),
    (WAITING_COUNTS, "add"): (
        f"{_insert(WAITING_COUNTS)} ON CONFLICT ({', '.join(COUNT_KEY)}) "
        f"DO UPDATE SET n = {WAITING_COUNTS}.n + excluded.n"
    ),
    (WAITING_COUNTS, "drop_empty"): (
        f"DELETE FROM {WAITING_COUNTS} AS target USING {_arrays(WAITING_COUNTS, COUNT_KEY)} "
        f"WHERE {' AND '.join(f'target.{name} = given.{name}' for name in COUNT_KEY)} AND target.n = 0"
    ),
}
for _table in [*KEYED, STATES]:
    _WRITE[_table, "insert"] = _insert(_table)
    _WRITE[_table, "update"] = _update(_table, TABLES[_table])
    _WRITE[_table, "move"] = _update(_table, MOVED_COLUMNS)
    _WRITE[_table, "upsert"] = _upsert(_table)
    _WRITE[_table, "delete"] = (
        f"DELETE FROM {_table} AS target USING {_arrays(_table, ('tenant_id', 'id'))} WHERE {_SAME}"
    )
WRITE = {of: _numbered(sql) for of, sql in _WRITE.items()}


def _columns_of(table: str, operation: Operation) -> Sequence[str]:
    if operation == "delete":
        return ("tenant_id", "id")
    if operation == "drop_empty":
        return COUNT_KEY
    return MOVED_COLUMNS if operation == "move" else TABLES[table]


_ARRAYS = {of: [ARRAY_OF[_type_of(of[0], column)] for column in _columns_of(*of)] for of in WRITE}


def writing(change: RowChange) -> Statement:
    """The statement that `WRITE` has for it. Raises `DataError` for what no column holds."""
    columns = zip(*change.rows, strict=True)
    arrays = _ARRAYS[change.table, change.operation]
    given = [array(column) for array, column in zip(arrays, columns, strict=True)]
    if change.operation in ("update", "move"):
        given.append(bigint(len(change.rows)))
    return Statement(WRITE[change.table, change.operation], given)


def loading(kind: str, tenant_id: str, ids: Sequence[str], *, lock: bool) -> Statement:
    return Statement((LOAD_AND_LOCK if lock else LOAD)[kind], (text(tenant_id), texts(ids)))
