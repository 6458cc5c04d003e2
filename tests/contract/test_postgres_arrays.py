"""Arrays that are sent in PostgreSQL's binary form say there what they say here."""

from contextlib import closing

import psycopg
import pytest

from remit.stores.sql.postgres_arrays import ARRAY_OF
from remit.stores.sql.postgres_pipeline import Connection, Statement, ask


@pytest.fixture(scope="module")
def connection(postgres_server):
    with closing(Connection.connect(postgres_server, autocommit=True)) as driver:
        yield driver


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("text", []),
        ("text", [None]),
        ("text", ["", "a", None, "é\u2028😀", '{"quoted"}', "\\", "NULL", "x" * 100_000]),
        ("bytea", []),
        ("bytea", [b"", None, b"\x00\xff\\x", b"x" * 100_000]),
        ("bigint", []),
        ("bigint", [0, None, -1, 2**63 - 1, -(2**63), 1_772_000_000_000_000]),
    ],
)
@pytest.mark.parametrize("prepares", [False, True])
def test_the_server_reads_the_values_that_were_sent(connection, kind, values, prepares):
    connection.prepare_threshold = 0 if prepares else None
    array = ARRAY_OF[kind](tuple(values))

    ask(connection, [Statement(b"CREATE TEMP TABLE IF NOT EXISTS sent (of text, n bigint, value text)")])
    ask(connection, [Statement(b"DELETE FROM sent"), stored(kind, array)])

    shown = connection.execute("SELECT value FROM sent ORDER BY n").fetchall()
    assert [value for (value,) in shown] == [None if each is None else as_text(each) for each in values]


def stored(kind, array):
    as_text = "encode(value, 'hex')" if kind == "bytea" else "value::text"
    given = f"unnest($1::{kind}[]) WITH ORDINALITY AS given (value, n)"
    return Statement(f"INSERT INTO sent SELECT '{kind}', n, {as_text} FROM {given}".encode(), [array])


def as_text(value):
    return value.hex() if isinstance(value, bytes) else str(value)


@pytest.mark.parametrize(("kind", "values"), [("text", ["\ud800"]), ("bigint", [2**63])])
def test_what_no_column_can_hold_is_an_error_before_anything_is_sent(kind, values):
    with pytest.raises(psycopg.DataError):
        ARRAY_OF[kind](values)
