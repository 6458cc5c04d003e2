"""Arrays that are sent in PostgreSQL's binary form say there what they say here."""

import psycopg
import pytest

from remit.stores.sql.postgres_arrays import ARRAY_OF, BinaryArray, BinaryArrayDumper


@pytest.fixture(scope="module")
def connection(postgres_server):
    with psycopg.connect(postgres_server, autocommit=True) as driver:
        driver.adapters.register_dumper(BinaryArray, BinaryArrayDumper)
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
@pytest.mark.parametrize("prepare", [False, True])
def test_the_server_reads_the_values_that_were_sent(connection, kind, values, prepare):
    array = ARRAY_OF[kind](tuple(values))

    found = connection.execute(f"SELECT * FROM unnest(%b::{kind}[])", (array,), prepare=prepare).fetchall()

    assert [value for (value,) in found] == values


@pytest.mark.parametrize(("kind", "values"), [("text", ["\ud800"]), ("bigint", [2**63])])
def test_what_no_column_can_hold_is_an_error_before_anything_is_sent(kind, values):
    with pytest.raises(psycopg.DataError):
        ARRAY_OF[kind](values)
