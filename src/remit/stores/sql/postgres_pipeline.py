"""
Statements that go to PostgreSQL together, and whose answers come together: one round trip, however many they are.

The driver's own pipeline makes a cursor for each statement, looks at the type of each value, and turns to the socket
between any two. Values and answers here are in PostgreSQL's binary form.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import psycopg
from psycopg import generators
from psycopg.abc import PQGen
from psycopg.pq import ConnStatus, ExecStatus, Format, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult

from remit.stores.sql.dialect import NotCommitted

_GOOD = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)
_CANCELLED = psycopg.errors.QueryCanceled.sqlstate


class Statement(NamedTuple):
    """One with `$1` for its first value; without any, and so `None`, it is not prepared."""

    sql: bytes
    values: Sequence[bytes | None] | None = None


_FORGET = Statement(b"DEALLOCATE ALL")


class Connection(psycopg.Connection[Any]):
    """The driver's own, and the names of the statements that are prepared here."""

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self.prepared: dict[bytes, bytes] = {}
        self._names = 0

    def new_name(self) -> bytes:
        self._names += 1
        return b"remit_%d" % self._names

    def rollback(self) -> None:
        had_begun = self.pgconn.transaction_status != TransactionStatus.IDLE
        super().rollback()
        if had_begun and self.prepared:
            # If the driver had prepared something as well, it has had the server forget everything.
            self.prepared.clear()
            ask(self, [_FORGET])


def ask(
    driver: Connection, statements: Sequence[Statement], *, before_last: Callable[[], None] | None = None
) -> list[PGresult]:
    """
    The answers, in order. `before_last` is called when all but the last statement are on their way.

    Raises what the first one failed with: the rest was not carried out. What breaks it off ends the connection. With
    `before_last` it raises `NotCommitted` where the server has said that the last one was not come to.
    """
    with driver.lock:
        try:
            sent, answers = _exchanged(driver, statements, before_last)
        except BaseException:
            driver.close()
            raise
    for number, answer in enumerate(answers, start=1):
        if answer.status not in _GOOD:
            for prepared in filter(None, sent):
                del driver.prepared[prepared]
            error = psycopg.errors.error_from_result(answer, encoding="utf-8")
            if before_last is not None and number < len(sent) and _is_of_the_server(error, driver):
                raise NotCommitted(error)
            raise error
    return [answer for prepared, answer in zip(sent, answers, strict=True) if prepared is None]


def _is_of_the_server(error: psycopg.Error, driver: Connection) -> bool:
    # A pooler speaks for a server that has gone, and cannot know how far that one had come.
    return error.sqlstate is not None and (driver.prepare_threshold is not None or error.sqlstate == _CANCELLED)


def _exchanged(
    driver: Connection, statements: Sequence[Statement], before_last: Callable[[], None] | None
) -> tuple[list[bytes | None], list[PGresult]]:
    """The statements that were prepared, `None` for each one that was carried out, and the answer to each of both."""
    connection = driver.pgconn
    sent: list[bytes | None] = []
    connection.enter_pipeline_mode()
    for statement in statements[:-1]:
        _send(driver, statement, sent)
    if before_last is not None:
        connection.flush()
        # If the server has gone meanwhile, the last one is not asked: its last words come first, and then the end.
        connection.consume_input()
        connection.consume_input()
        before_last()
    _send(driver, statements[-1], sent)
    connection.pipeline_sync()
    answers = driver.wait(_answers(connection, len(sent)))
    if connection.status == ConnStatus.OK:
        connection.exit_pipeline_mode()
    return sent, answers


def _send(driver: Connection, statement: Statement, sent: list[bytes | None]) -> None:
    sql, values = statement
    connection = driver.pgconn
    if values is None:
        connection.send_query_params(sql, None)
    elif driver.prepare_threshold is None:
        formats = [Format.BINARY] * len(values)
        connection.send_query_params(sql, values, param_formats=formats, result_format=Format.BINARY)
    else:
        name = driver.prepared.get(sql)
        if name is None:
            name = driver.prepared[sql] = driver.new_name()
            connection.send_prepare(name, sql)
            sent.append(sql)
        connection.send_query_prepared(
            name, values, param_formats=[Format.BINARY] * len(values), result_format=Format.BINARY
        )
    sent.append(None)


def _answers(connection: PGconn, count: int) -> PQGen[list[PGresult]]:
    yield from generators.send(connection)
    answers: list[PGresult] = []
    try:
        for _ in range(count):
            answers += yield from generators.fetch_many(connection)
        # What tells that all was carried out.
        yield from generators.fetch_many(connection)
    except psycopg.DatabaseError:
        # The server has said why before it ended the connection.
        if all(answer.status in _GOOD for answer in answers):
            raise
        connection.finish()
    return answers
