"""What becomes of a store whose database changes under it or cannot be used: nothing stays broken, and it says why."""

import os
import sqlite3
from contextlib import closing

import psycopg
import pytest
import sqlalchemy
from msgspec.structs import replace

from remit.core.errors import InvalidInput, TryLater
from remit.stores.sql import SqlStore, migrate
from remit.stores.sql.dialect import DriverFault, raise_ours
from remit.stores.sql.store import dialect_of
from remit.testing.samples import counted, counting, make_object, putting

ANYWHERE = "postgresql://ann:secret@db.example.com/remit"


def execute(url, statement):
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def writer_of(there):
    """The driver's connection that writes."""
    return there._writer._connected().driver_connection


# A server that became a reader, and sessions that it ends.


def test_a_session_that_was_left_on_a_reader_is_replaced(open_store):
    there = open_store("postgres")
    driver = writer_of(there)
    driver.execute("SET default_transaction_read_only = on")
    driver.commit()

    assert there.transact([counting()]) == [1]
    assert driver.closed


def test_a_server_that_only_reads_is_try_later_until_it_writes_again(open_store, postgres_server, postgres_url):
    there = open_store("postgres")
    name = sqlalchemy.make_url(postgres_url).database
    execute(postgres_server, f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    writer_of(there).close()

    with pytest.raises(TryLater):
        there.transact([counting()])
    assert counted(there) == 0

    execute(postgres_server, f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
    assert there.transact([counting()]) == [1]


@pytest.mark.parametrize("setting", ["idle_in_transaction_session_timeout", "transaction_timeout"])
def test_a_session_that_the_server_ends_for_its_time_is_replaced_and_its_unit_asked_again(
    open_store, postgres_url, setting
):
    there = open_store("postgres")
    driver = writer_of(there)
    try:
        driver.execute(f"SET {setting} = '20ms'")
    except psycopg.errors.UndefinedObject:
        pytest.skip(f"this PostgreSQL has no {setting}")
    driver.commit()
    unit, session, asked = counting(), driver.info.backend_pid, []

    def decide(snapshot):
        asked.append(1)
        if len(asked) == 1:
            # PostgreSQL does not take the end of a pipeline for the beginning of idleness.
            driver.execute("SELECT 1")
        while execute(postgres_url, f"SELECT 1 FROM pg_stat_activity WHERE pid = {session}"):
            pass
        return unit.decide(snapshot)

    assert there.transact([replace(unit, decide=decide)]) == [1]
    assert len(asked) == 2


STATES = {
    DriverFault.LOST: [
        "08000",
        "08003",
        "08006",
        "25006",
        "25P03",
        "25P04",
        "40003",
        "57P01",
        "57P02",
        "57P03",
        "57P05",
    ],
    DriverFault.AGAIN: ["40001", "40P01", "55P03", "23505"],
    DriverFault.REFUSED: ["25P02", "42P01", "42501", "53100", "53300", "XX000"],
}


@pytest.mark.parametrize(("state", "fault"), [(state, fault) for fault, states in STATES.items() for state in states])
def test_what_postgresql_says_is_told_apart_by_its_code(state, fault):
    error = psycopg.errors.lookup(state)("the server's words")

    assert dialect_of(ANYWHERE).fault(error) is fault
    if fault is DriverFault.LOST:
        with pytest.raises(TryLater):
            raise_ours(error, dialect_of(ANYWHERE))


# Databases that cannot be used, said when they are opened.


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1", "WIN1252", "EUC_JP"])
def test_a_database_whose_text_is_not_utf8_is_refused_when_it_is_opened(postgres_server, encoding):
    name = f"remit_{encoding.lower()}"
    execute(postgres_server, f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")
    url = sqlalchemy.make_url(postgres_server).set(database=name).render_as_string(hide_password=False)
    try:
        with pytest.raises(InvalidInput, match=f"as {encoding}, not as UTF8.*--encoding=UTF8"):
            SqlStore.open(url)
        assert execute(url, "SELECT 1 FROM pg_tables WHERE schemaname = 'public'") == []
    finally:
        execute(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


def test_what_the_machine_says_of_encodings_changes_nothing(open_store, monkeypatch):
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    there = open_store("postgres")
    key, record = make_object(text="100 \u20ac")

    there.transact([putting((key, record))])

    assert there.read([key]).get(key) == record


def test_a_database_that_is_not_there_is_named(postgres_server):
    url = sqlalchemy.make_url(postgres_server).set(database="nowhere").render_as_string(hide_password=False)

    with pytest.raises(InvalidInput, match=r'database "nowhere" does not exist; create it \(createdb nowhere\)'):
        SqlStore.open(url)


def test_a_role_that_is_not_there_is_named_and_its_password_is_not(postgres_server):
    given = sqlalchemy.make_url(postgres_server).set(username="nobody_here", password="secret")

    with pytest.raises(InvalidInput, match=r"create it \(createuser nobody_here\)") as raised:
        SqlStore.open(given.render_as_string(hide_password=False))

    assert "secret" not in str(raised.value)


def test_a_role_that_may_make_no_tables_is_told_what_it_lacks(postgres_server, empty_postgres_url):
    execute(postgres_server, "CREATE ROLE remit_guest LOGIN")
    url = sqlalchemy.make_url(empty_postgres_url).set(username="remit_guest").render_as_string(hide_password=False)
    try:
        with pytest.raises(InvalidInput, match="GRANT CREATE ON SCHEMA public"):
            migrate(url)
    finally:
        execute(postgres_server, "DROP ROLE remit_guest")


@pytest.mark.parametrize(
    ("said", "way_out"),
    [
        ('FATAL:  password authentication failed for user "ann"', "correct the user and its password"),
        ('FATAL:  Peer authentication failed for user "ann"', "correct the user and its password"),
        ("fe_sendauth: no password supplied", "correct the user and its password"),
        ('FATAL:  no pg_hba.conf entry for host "192.0.2.1", user "ann"', "pg_hba.conf"),
        ('FATAL:  permission denied for database "remit"\nDETAIL:  no CONNECT', "GRANT CONNECT"),
    ],
)
def test_a_server_that_lets_nobody_in_is_not_asked_again(said, way_out):
    refusal = dialect_of(ANYWHERE).refusal(psycopg.OperationalError(f"connection failed: {said}"))

    assert refusal is not None and way_out in refusal.way_out
    assert "secret" not in str(refusal)


@pytest.mark.parametrize("said", ["FATAL:  the database system is starting up", "connection refused"])
def test_a_server_that_is_not_there_yet_is_asked_again(said):
    assert dialect_of(ANYWHERE).refusal(psycopg.OperationalError(said)) is None


def test_a_password_among_the_options_is_not_shown():
    dialect = dialect_of("postgresql:///remit?host=db.example.com&user=ann&password=secret&sslpassword=secret")

    assert "secret" not in dialect.name and "db.example.com" in dialect.name


@pytest.mark.parametrize("url", ["postgresql://ann@host:port/remit", "postgresql://ann@[::1/remit"])
def test_a_url_with_a_port_or_address_that_is_none_is_not_understood(url):
    with pytest.raises(InvalidInput, match="is not understood"):
        SqlStore.open(url)


def test_an_option_that_postgresql_does_not_have_is_the_urls_fault(postgres_server):
    with pytest.raises(InvalidInput, match='invalid connection option "surprise"'):
        SqlStore.open(f"{postgres_server}{'&' if '?' in postgres_server else '?'}surprise=1")


# SQLite's files.


def test_a_directory_is_no_database(tmp_path):
    with pytest.raises(InvalidInput, match="is a directory; name a file in it"):
        SqlStore.open(f"sqlite:///{tmp_path}")


def test_a_file_that_cannot_be_opened_says_what_to_change(tmp_path):
    (tmp_path / "remit.db").symlink_to(tmp_path / "nowhere" / "remit.db")

    with pytest.raises(InvalidInput, match=r"unable to open database file; let this user read and write"):
        SqlStore.open(f"sqlite:///{tmp_path}/remit.db")


def test_a_damaged_file_says_so_when_it_is_opened(tmp_path):
    url = f"sqlite:///{tmp_path}/remit.db"
    SqlStore.open(url).close()
    with (tmp_path / "remit.db").open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 8000)

    with pytest.raises(InvalidInput, match=r"put back the file from a backup"):
        SqlStore.open(url)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write every file")
def test_a_file_that_may_not_be_written_says_so_when_it_is_opened(tmp_path):
    with closing(sqlite3.connect(tmp_path / "remit.db")) as file:
        file.execute("CREATE TABLE something (id)")
    (tmp_path / "remit.db").chmod(0o444)

    with pytest.raises(InvalidInput, match=r"let this user write the file and its directory"):
        SqlStore.open(f"sqlite:///{tmp_path}/remit.db")


def test_a_connection_that_can_only_read_its_file_is_replaced(open_store):
    there = open_store("sqlite")
    writer_of(there).execute("PRAGMA query_only = ON")

    assert there.transact([counting()]) == [1]


def test_a_full_disk_is_try_later_and_then_it_goes_on(open_store):
    there = open_store("sqlite")
    there.transact([counting()])
    driver = writer_of(there)
    (pages,) = driver.execute("PRAGMA page_count").fetchone()
    driver.execute(f"PRAGMA max_page_count = {pages}")
    bulk = [putting(make_object(f"o-{number}", text="x" * 4000)) for number in range(2000)]

    with pytest.raises(TryLater, match="full"):
        there.transact([counting(), *bulk])
    driver.execute("PRAGMA max_page_count = 1000000")

    assert there.transact([counting()]) == [2]
