"""Statements that go to PostgreSQL together are answered in order, or fail as one, and leave the connection usable."""

from contextlib import closing

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from remit.stores.sql.postgres_arrays import bigint, text
from remit.stores.sql.postgres_pipeline import Connection, Statement, ask

ONE = Statement(b"SELECT $1::text", [text("one")])
BROKEN = Statement(b"SELECT 1 / $1::bigint", [bigint(0)])
BEGIN, COMMIT = Statement(b"BEGIN"), Statement(b"COMMIT")


@pytest.fixture(params=[0, None], ids=["prepares", "behind a pooler"])
def driver(postgres_server, request):
    with closing(Connection.connect(postgres_server, autocommit=True, prepare_threshold=request.param)) as made:
        yield made


def said(driver, *statements):
    return [answer.get_value(0, 0) for answer in ask(driver, statements) if answer.ntuples]


def ended(postgres_server, driver):
    with psycopg.connect(postgres_server, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 10000)", (driver.info.backend_pid,))


def test_answers_come_in_order_also_of_what_was_not_prepared_yet(driver):
    two = Statement(b"SELECT $1::text || 'o'", [text("tw")])

    assert said(driver, ONE, BEGIN, two, ONE, COMMIT) == [b"one", b"two", b"one"]
    assert said(driver, two, ONE) == [b"two", b"one"]


def test_the_first_failure_is_raised_and_nothing_behind_it_is_carried_out(driver):
    made = Statement(b"CREATE TEMP TABLE behind ()")

    with pytest.raises(psycopg.errors.DivisionByZero):
        ask(driver, [BEGIN, BROKEN, made, ONE, COMMIT])

    assert driver.info.transaction_status is TransactionStatus.INERROR
    driver.rollback()
    assert said(driver, ONE) == [b"one"]
    assert driver.execute("SELECT to_regclass('behind')").fetchone() == (None,)


def test_what_the_driver_has_forgotten_at_a_rollback_is_prepared_anew(driver):
    assert said(driver, ONE) == [b"one"]
    driver.execute("SELECT 1 + 1")

    ask(driver, [BEGIN, ONE])
    driver.rollback()

    assert said(driver, ONE) == [b"one"]


def test_a_rollback_leaves_no_transaction_open(driver):
    driver.autocommit = False
    assert said(driver, ONE) == [b"one"]
    driver.execute("SELECT 1 + 1")

    driver.rollback()

    assert driver.info.transaction_status is TransactionStatus.IDLE
    assert said(driver, ONE) == [b"one"]


def test_a_session_that_was_ended_says_why_and_its_connection_is_closed(driver, postgres_server):
    ended(postgres_server, driver)

    with pytest.raises(psycopg.OperationalError):
        ask(driver, [ONE])

    assert driver.closed


def test_the_last_statement_is_not_asked_of_a_server_that_has_gone(driver, postgres_server):
    ended(postgres_server, driver)
    asked = []

    with pytest.raises(psycopg.OperationalError):
        ask(driver, [BEGIN, ONE, COMMIT], before_last=lambda: asked.append(True))

    assert not asked


def test_what_breaks_off_in_between_ends_the_connection(driver):
    def broken():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ask(driver, [BEGIN, ONE, COMMIT], before_last=broken)

    assert driver.closed
