"""Every database that an earlier version left behind comes up to date with what is in it."""

import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
import sqlalchemy
from alembic.script import ScriptDirectory

import remit.stores.sql.migrations as migrations
from remit.core.errors import InvalidInput, TryLater
from remit.core.waiting_counts import vote_name
from remit.stores.packing import unpacked
from remit.stores.sql import SqlStore, migrate, postgres
from remit.stores.sql.rows import EVENTS, PACKED, TABLES, queue_name
from remit.testing.samples import (
    TENANT,
    all_at_once,
    appending,
    counted,
    counting,
    make_case,
    make_entry,
    make_object,
    putting,
)

from ..flow.world import OTHER, TYPE, World, type_of

SCRIPTS = ScriptDirectory(str(Path(migrations.__file__).parent))
REVISIONS = [script.revision for script in reversed(list(SCRIPTS.walk_revisions()))]
BYTES = {"sqlite_url": "BLOB", "empty_postgres_url": "bytea"}
DATABASES = pytest.mark.parametrize("database", ["sqlite_url", "empty_postgres_url"])


def test_the_newest_revision_is_the_one_that_a_start_looks_for():
    assert migrations.HEAD == SCRIPTS.get_current_head() == REVISIONS[-1]


@DATABASES
@pytest.mark.parametrize("revision", REVISIONS)
def test_a_database_of_an_earlier_revision_is_upgraded_and_keeps_its_data(revision, database, request):
    url = request.getfixturevalue(database)
    migrate(url, revision)
    _put_directly(url, "bounds", "kept", '{"kept": true}')

    migrate(url)

    assert _revision(url) == migrations.HEAD
    assert _read_directly(url, "SELECT body FROM bounds WHERE id = 'kept'") == [('{"kept": true}',)]
    with closing(SqlStore.open(url)) as store:
        key, record = make_object()
        store.transact([putting((key, record)), counting(), appending(make_entry())])
        assert (store.read([key]).get(key), counted(store)) == (record, 1)
        assert len(store.chain(TENANT, "i-1")) == 1


@DATABASES
def test_what_is_queued_by_connector_is_queued_by_tool(database, request):
    url = request.getfixturevalue(database)
    migrate(url, "2001")
    for name, queue in (("i-1", "'http'"), ("i-2", "''"), ("i-3", "NULL")):
        _execute_directly(
            url,
            "INSERT INTO cases (tenant_id, id, account_id, action_type, status, created_at_us, body) "
            f"VALUES ('t', '{name}', 'a', 'SEND', 'APPROVED', 1, '-')",
            "INSERT INTO case_states "
            "(tenant_id, id, status, due_at_us, expires_at_us, created_at_us, account_id, queue) "
            f"VALUES ('t', '{name}', 'APPROVED', 1, 1, 1, 'a', {queue})",
        )

    migrate(url)

    queues = _read_directly(url, "SELECT queue FROM case_states ORDER BY id")
    assert queues == [(queue_name("http", "SEND"),), (queue_name("", "SEND"),), (None,)]


@DATABASES
def test_what_waited_before_it_was_counted_is_counted(database, request):
    url = request.getfixturevalue(database)
    migrate(url, "2010")
    for case in (make_case("i-1", status="BLOCKED", voted_by=["Bob"]), make_case("i-2", status="REJECTED")):
        body = case.to_json()
        _execute_directly(
            url,
            "INSERT INTO cases (tenant_id, id, account_id, action_type, status, created_at_us, body) "
            f"VALUES ('{TENANT}', '{case.action_intent_id}', 'a', 'SEND', '{case.status}', 1, '{body}')",
        )

    migrate(url)

    with closing(SqlStore.open(url)) as store:
        assert store.counts(TENANT, ["BLOCKED"]) == {"BLOCKED": 1}
        assert store.waiting_counts(TENANT, ["status"], voters=[vote_name("bob", case.action_type, 1)]).total() == 1
        assert store.recount(TENANT) == 0


@pytest.fixture(scope="module")
def lived_in(tmp_path_factory):
    """A database of this release in which something of everything happened that lists and counts go by."""
    url = f"sqlite:///{tmp_path_factory.mktemp('lived') / 'remit.db'}"
    world = World(lambda: SqlStore.open(url))
    world.apply(action_types={TYPE: {**type_of(), "approvals_required": 2}, OTHER: type_of()})
    world.far.script += ["yes", "no AUTH"]
    for name in ("done", "failed"):
        world.submit(name)
        world.work()
    for name in ("assigned", "voted", "rejected"):
        world.queued(name)
    world.app.assign(TENANT, "assigned", by="ann", to="Zoé")
    world.approve("voted", by="bob")
    world.app.reject(TENANT, "rejected", by="bob")
    # Of another type, and left where workers look for it.
    world.submit("queued", action_type=OTHER)
    world.app.follow()
    world.assert_sound()
    return url


@DATABASES
@pytest.mark.parametrize("revision", REVISIONS[:-1])
def test_lists_and_counts_of_an_upgraded_database_are_those_of_what_is_in_it(lived_in, revision, database, request):
    url = request.getfixturevalue(database)
    migrate(url, revision)
    _copy(lived_in, url, revision)

    migrate(url)

    with closing(SqlStore.open(url)) as store:
        world = World(lambda: store)
        assert list(store.misfiled(TENANT)) == [] and world.app.recount(TENANT) in (0, len(ENDED_IN))
        assert [case.action_intent_id for case in world.app.waiting(TENANT, answerer="bob")] == ["assigned"]
        assert [item["action_intent_id"] for item in world.app.queue(TENANT, assigned_to="zoé")[0]] == ["assigned"]
        assert world.app.assigned_count(TENANT, answerer="ZOÉ") == 1
        assert world.app.waiting_count(TENANT, answerer="bob") == 1 != world.app.waiting_count(TENANT)
        assert world.app.counts(TENANT) == store.counts(TENANT)
        assert world.app.verify(TENANT).ok
        assert len(world.work()) == 1 and world.status("queued") == "SUCCEEDED"


ENDED_IN = ("SUCCEEDED", "FAILED", "REJECTED")


def _copy(source, url, revision):
    """Every row, as far as a database of this revision has room for it."""
    with closing(_connect(source)) as reading, closing(_connect(url)) as writing:
        for table in TABLES:
            columns = [name for name in _columns(writing, table) if name in _columns(reading, table)]
            if columns:
                rows = reading.execute(f"SELECT {', '.join(columns)} FROM {table}").fetchall()
                rows = [_of_revision(table, dict(zip(columns, row, strict=True)), revision) for row in rows]
                sign = "?" if isinstance(writing, sqlite3.Connection) else "%s"
                into = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join([sign] * len(columns))})"
                writing.cursor().executemany(into, [tuple(row.values()) for row in rows])
        writing.commit()


def _of_revision(table, row, revision):
    # Before, a queue was a connector's, whatever the action.
    queue = {"queue": row["queue"].split()[0]} if revision < "2003" and row.get("queue") else {}
    body = {"body": unpacked(row["body"]).decode()} if table in PACKED else {}
    return row | queue | body


def _columns(connection, table):
    if isinstance(connection, sqlite3.Connection):
        return [name for (name,) in connection.execute(f"SELECT name FROM pragma_table_info('{table}')")]
    asked = "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = %s"
    return [name for (name,) in connection.execute(asked, (table,))]


@DATABASES
def test_rare_events_from_before_are_found_by_their_account(database, request):
    url = request.getfixturevalue(database)
    migrate(url, "2003")
    for chain, account in (("i-1", "north"), ("i-2", "south")):
        _execute_directly(
            url,
            "INSERT INTO segments (tenant_id, chain, first, entry_id, account_id, at_us, kinds, body) "
            f"VALUES ('t', '{chain}', 1, 'e-{chain}', '{account}', 1, 1, CAST('-' AS {BYTES[database]}))",
            "INSERT INTO rare_events (tenant_id, event_type, at_us, entry_id, chain, first) "
            f"VALUES ('t', 'ACTION_FAILED', 1, 'e-{chain}', '{chain}', 1)",
        )

    migrate(url)

    found = _read_directly(url, "SELECT entry_id, account_id FROM rare_events ORDER BY entry_id")
    assert found == [("e-i-1", "north"), ("e-i-2", "south")]


def test_an_index_of_a_large_table_is_made_while_others_write_before_the_migration(empty_postgres_url, monkeypatch):
    migrate(empty_postgres_url, "2004")
    seen = []
    upgrade = migrations.upgrade
    monkeypatch.setattr(
        migrations, "upgrade", lambda *args: seen.append(_indexes(empty_postgres_url)) or upgrade(*args)
    )

    migrate(empty_postgres_url)

    (before,) = seen
    ahead = {name for script in SCRIPTS.walk_revisions() for name in getattr(script.module, "AHEAD", {})}
    assert ahead and {name: before.get(name) for name in ahead} == dict.fromkeys(ahead, True)


def test_an_index_over_which_somebody_died_is_made_anew(empty_postgres_url):
    migrate(empty_postgres_url, "2004")
    name, described = next(iter(SCRIPTS.get_revision("2005").module.AHEAD.items()))
    _execute_directly(
        empty_postgres_url,
        f"CREATE INDEX {name} ON {described}",
        f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = to_regclass('{name}')",
    )

    migrate(empty_postgres_url)

    assert _indexes(empty_postgres_url)[name] is True


def test_processes_that_start_at_once_upgrade_a_database_once_and_none_waits_for_good(empty_postgres_url):
    migrate(empty_postgres_url, "2004")

    all_at_once(*[lambda: migrate(empty_postgres_url)] * 4)

    assert _revision(empty_postgres_url) == migrations.HEAD
    assert False not in _indexes(empty_postgres_url).values()


def test_who_waits_too_long_for_another_s_upgrade_is_told_to_come_again(empty_postgres_url, monkeypatch):
    migrate(empty_postgres_url, "2004")
    monkeypatch.setattr(postgres, "_LOCKED_WITHIN_S", 0.0)
    with psycopg.connect(empty_postgres_url) as other:
        other.execute(f"SELECT pg_advisory_xact_lock({postgres._MIGRATION_LOCK})")

        with pytest.raises(TryLater, match="upgraded by another process"):
            migrate(empty_postgres_url)


def _indexes(url):
    """Each index by name, and whether it is used."""
    sql = "SELECT indexrelid::regclass::text, indisvalid FROM pg_index JOIN pg_class ON oid = indexrelid"
    return dict(_read_directly(url, f"{sql} WHERE relnamespace = 'public'::regnamespace"))


@DATABASES
def test_migrating_twice_changes_nothing(database, request):
    url = request.getfixturevalue(database)
    migrate(url)
    with closing(SqlStore.open(url)) as store:
        store.transact([counting()])

    migrate(url)

    with closing(SqlStore.open(url)) as store:
        assert counted(store) == 1


@DATABASES
def test_every_kind_of_record_has_its_table_and_columns(database, request):
    url = request.getfixturevalue(database)
    migrate(url)

    for table in TABLES:
        _read_directly(url, f"SELECT {', '.join(TABLES[table])} FROM {table}")


@DATABASES
def test_tables_of_others_in_the_same_database_are_left_alone(database, request):
    url = request.getfixturevalue(database)
    _execute_directly(url, "CREATE TABLE somebody_elses (x TEXT)", "INSERT INTO somebody_elses VALUES ('here')")

    migrate(url)

    assert _read_directly(url, "SELECT x FROM somebody_elses") == [("here",)]


@DATABASES
def test_a_database_of_a_newer_version_is_refused_and_not_touched(database, request):
    url = request.getfixturevalue(database)
    migrate(url)
    _execute_directly(url, f"UPDATE {migrations.VERSION_TABLE} SET version_num = '9999'")

    with pytest.raises(InvalidInput, match="9999"):
        SqlStore.open(url)

    assert _revision(url) == "9999"


@DATABASES
def test_a_migration_that_fails_leaves_nothing_behind(database, request, monkeypatch):
    url = request.getfixturevalue(database)
    # The last table that the first revision makes is there already.
    _execute_directly(url, f"CREATE TABLE {EVENTS} (x TEXT)")

    with pytest.raises(Exception, match=EVENTS):
        migrate(url)

    _execute_directly(url, f"DROP TABLE {EVENTS}")
    migrate(url)
    assert _revision(url) == migrations.HEAD


def _put_directly(url, table, id, body):
    _execute_directly(url, f"INSERT INTO {table} (tenant_id, id, body) VALUES ('{TENANT}', '{id}', '{body}')")


def _revision(url):
    ((revision,),) = _read_directly(url, f"SELECT version_num FROM {migrations.VERSION_TABLE}")
    return str(revision)


def _read_directly(url, sql):
    with closing(_connect(url)) as connection:
        return connection.execute(sql).fetchall()


def _execute_directly(url, *statements):
    with closing(_connect(url)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def _connect(url):
    database = sqlalchemy.make_url(url)
    return sqlite3.connect(str(database.database)) if url.startswith("sqlite") else psycopg.connect(url)
