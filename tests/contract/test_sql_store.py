"""What is true of the store on SQL beyond the contract: sharing commits, broken connections, plans, URLs."""

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Any

import psycopg
import pytest
import sqlalchemy

from remit.core.errors import InvalidInput, OutcomeUnknown, RemitError, TryLater
from remit.ports import UnitOfWork, Writes
from remit.stores.group_commit import GroupCommit, PendingCall
from remit.stores.segments import kinds_of
from remit.stores.sql import SqlStore, queries, sqlite, store, writer
from remit.testing.faults import Crash
from remit.testing.samples import (
    COUNTER,
    TENANT,
    all_at_once,
    breaking,
    counted,
    counting,
    make_entry,
    make_object,
    putting,
)
from tests.waiting import happened, until

ON_SQL = pytest.mark.parametrize("store_kind", ["sqlite", "postgres"])


def rows(url, sql, **parameters):
    """Read past the store."""
    dialect = store.dialect_of(url)
    engine = dialect.writer()
    with closing(engine.raw_connection()) as connection:
        found = dialect.fetch(connection.driver_connection, sql, parameters)
    engine.dispose()
    return list(found)


def change_directly(url, *statements):
    """Change past the store."""
    engine = store.dialect_of(url).writer()
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


@pytest.fixture
def waiting(monkeypatch):
    """Every call that waited, or waits, for another caller's commit."""
    calls: list[PendingCall] = []
    wait = PendingCall.wait

    def counted_wait(call):
        calls.append(call)
        wait(call)

    monkeypatch.setattr(PendingCall, "wait", counted_wait)
    return calls


@pytest.fixture
def commits():
    """Every commit on any connection."""
    made: list[sqlalchemy.Connection] = []

    def add(connection):
        made.append(connection)

    sqlalchemy.event.listen(sqlalchemy.Engine, "commit", add)
    yield made
    sqlalchemy.event.remove(sqlalchemy.Engine, "commit", add)


def set_once_they_wait(event, waiting, number):
    """In a thread of its own: whoever waits cannot say so."""

    def watch():
        until(lambda: len(waiting) >= number, what=f"{number} callers wait")
        event.set()

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


class Holder:
    """A caller that is held while it has the writer's turn."""

    def __init__(self, held_store):
        self._reached, self.go_on = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=lambda: held_store.transact([UnitOfWork([], self._change)]))

    def __enter__(self):
        self._thread.start()
        happened(self._reached, what="a caller has the turn")
        return self

    def __exit__(self, *_):
        self.go_on.set()
        self._thread.join()

    def _change(self, _snapshot):
        self._reached.set()
        happened(self.go_on, what="the caller may go on")
        return Writes(None)


@ON_SQL
def test_callers_who_wait_share_one_commit(open_store, store_kind, waiting, commits):
    shared = open_store(store_kind)
    commits.clear()

    with Holder(shared) as holder:
        set_once_they_wait(holder.go_on, waiting, 10)
        answers = all_at_once(*[partial(shared.transact, [counting()])] * 10)

    assert sorted(answers) == [[number] for number in range(1, 11)]
    assert len(commits) == 1


def test_nothing_of_a_call_with_a_bug_is_written_wherever_the_bug_is(any_store):
    key, record = make_object()

    with pytest.raises(ZeroDivisionError):
        any_store.transact([putting((key, record), entries=[make_entry()]), breaking(), counting()])

    assert any_store.read([key]).get(key) is None
    assert any_store.chain(TENANT, "i-1") == []
    assert counted(any_store) == 0


@ON_SQL
def test_a_change_that_cannot_be_written_does_not_fail_the_callers_who_share_the_commit(
    open_store, store_kind, waiting, monkeypatch
):
    shared = open_store(store_kind)
    dialect = type(store.dialect_of("sqlite:///x.db" if store_kind == "sqlite" else "postgresql://h/d"))
    write = dialect.write

    def refuse_bad(self, driver, changes):
        if "bad" in str(changes):
            raise ZeroDivisionError
        write(self, driver, changes)

    monkeypatch.setattr(dialect, "write", refuse_bad)

    def put(name):
        try:
            return shared.transact([putting(make_object(name), answer=name)])
        except ZeroDivisionError:
            return "failed"

    with Holder(shared) as holder:
        set_once_they_wait(holder.go_on, waiting, 3)
        answers = all_at_once(*(partial(put, name) for name in ("o-1", "bad", "o-2")))

    assert answers == [["o-1"], "failed", ["o-2"]]


@ON_SQL
def test_a_crash_in_one_callers_unit_is_that_callers_alone(open_store, store_kind):
    there = open_store(store_kind)

    def crash(_snapshot):
        raise Crash

    with pytest.raises(Crash):
        there.transact([UnitOfWork([COUNTER], crash)])

    assert there.transact([counting()]) == [1]


@ON_SQL
def test_an_interrupted_caller_leaves_the_store_usable(open_store, store_kind):
    there = open_store(store_kind)

    def interrupt(_snapshot):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        there.transact([counting(), UnitOfWork([COUNTER], interrupt)])

    assert there.transact([counting()]) == [1]


def test_turns_of_an_interrupted_leader_are_carried_out_by_the_next(waiting):
    carried_out: list[list[str]] = []
    leading, go_on = threading.Event(), threading.Event()

    def carry_out(turns):
        carried_out.append([str(turn.units[0]) for turn in turns])
        if turns[0].units[0] == "first":
            leading.set()
            happened(go_on, what="the leader may go on")
        elif len(turns) > 1:
            raise KeyboardInterrupt
        for turn in turns:
            turn.answer([f"{turn.units[0]} done"])

    combiner = GroupCommit(carry_out)

    def submit(name):
        try:
            return combiner.submit([name])
        except KeyboardInterrupt:
            return "interrupted"

    first = threading.Thread(target=submit, args=("first",))
    first.start()
    happened(leading, what="the first one leads")
    set_once_they_wait(go_on, waiting, 2)
    answers = all_at_once(partial(submit, "second"), partial(submit, "third"))
    first.join()

    assert len(carried_out) == 3
    assert sorted(map(str, answers)) in (["['second done']", "interrupted"], ["['third done']", "interrupted"])


def test_a_waiting_caller_that_is_interrupted_hands_its_lead_on(waiting, monkeypatch):
    leading, go_on = threading.Event(), threading.Event()

    def carry_out(turns):
        if turns[0].units[0] == "first":
            leading.set()
            happened(go_on, what="the leader may go on")
        for turn in turns:
            turn.answer([turn.units[0]])

    combiner = GroupCommit(carry_out)
    wait = PendingCall.wait

    def interrupted(turn):
        wait(turn)
        if turn.units[0] == "second":
            raise KeyboardInterrupt

    monkeypatch.setattr(PendingCall, "wait", interrupted)
    first = threading.Thread(target=combiner.submit, args=(["first"],))
    first.start()
    happened(leading, what="the first one leads")
    set_once_they_wait(go_on, waiting, 1)

    with pytest.raises(KeyboardInterrupt):
        combiner.submit(["second"])
    first.join()

    assert combiner.submit(["third"]) == ["third"]


# Broken connections.


def kill_writer(url):
    """End the server's side of every other connection to this database."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_a_connection_lost_between_calls_is_replaced(open_store, postgres_url):
    there = open_store("postgres")
    there.transact([counting()])

    kill_writer(postgres_url)

    assert there.transact([counting()]) == [2]
    kill_writer(postgres_url)
    assert counted(there) == 2


def test_a_connection_lost_before_the_commit_is_replaced_and_the_unit_asked_again(open_store, postgres_url):
    there = open_store("postgres")
    unit, asked = counting(), []

    def change(snapshot):
        asked.append(1)
        if len(asked) == 1:
            kill_writer(postgres_url)
        return unit.decide(snapshot)

    assert there.transact([replace(unit, decide=change)]) == [1]
    assert (len(asked), counted(there)) == (2, 1)


def test_a_connection_lost_at_the_commit_leaves_the_outcome_unknown_and_is_not_tried_again(
    open_store, postgres_url, monkeypatch
):
    there, asked = open_store("postgres"), []
    commit = writer.SqlWriter._commit

    def lose(self, transaction, calls, settlements):
        asked.append(1)
        kill_writer(postgres_url)
        commit(self, transaction, calls, settlements)

    with monkeypatch.context() as patch, pytest.raises(OutcomeUnknown):
        patch.setattr(writer.SqlWriter, "_commit", lose)
        there.transact([counting()])

    assert asked == [1]
    assert there.transact([counting()]) == [1]


def test_a_server_that_can_not_be_reached_is_try_later_without_the_password():
    with pytest.raises(TryLater) as raised:
        SqlStore.open("postgresql://someone:secret@127.0.0.1:1/remit")

    assert "secret" not in str(raised.value)


def test_a_file_that_another_writer_holds_is_try_later(open_store, sqlite_url, tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_S", 0.05)
    monkeypatch.setattr(writer, "LONGEST_S", 0.1)
    there = open_store("sqlite")
    with closing(sqlite3.connect(tmp_path / "remit.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        with pytest.raises(TryLater):
            there.transact([counting()])
        # Readers do not wait for writers.
        assert counted(there) == 0

    assert there.transact([counting()]) == [1]


@ON_SQL
def test_a_record_this_version_can_not_read_is_said_to_be_one(open_store, store_kind, request):
    there = open_store(store_kind)
    key, record = make_object()
    there.transact([putting((key, record))])
    url = request.getfixturevalue(f"{store_kind}_url")
    change_directly(url, 'UPDATE internal_objects SET body = \'{"of": "the future"}\'')

    with pytest.raises(RemitError, match="internal_objects"):
        there.read([key])
    with pytest.raises(RemitError, match="internal_objects"):
        there.transact([putting((key, record))])


@pytest.fixture
def foreign_keys():
    """SQLite checks them on every connection."""

    def switch_on(connection, _record):
        connection.execute("PRAGMA foreign_keys = ON")

    sqlalchemy.event.listen(sqlalchemy.Engine, "connect", switch_on)
    yield
    sqlalchemy.event.remove(sqlalchemy.Engine, "connect", switch_on)


def test_a_commit_that_the_database_refuses_leaves_no_transaction_open(open_store, sqlite_url, foreign_keys):
    there = open_store("sqlite")
    # SQLite keeps a transaction open whose COMMIT fails.
    change_directly(
        sqlite_url,
        "CREATE TABLE a (id INTEGER PRIMARY KEY)",
        "CREATE TABLE b (a REFERENCES a DEFERRABLE INITIALLY DEFERRED)",
        "CREATE TRIGGER breaks AFTER INSERT ON usages BEGIN INSERT INTO b VALUES (7); END",
    )

    with pytest.raises(TryLater):
        there.transact([counting()])

    change_directly(sqlite_url, "DROP TRIGGER breaks")
    assert there.transact([counting()]) == [1]


def test_reading_shows_one_moment_over_all_kinds_of_record(open_store, postgres_url):
    there = open_store("postgres")
    key, old = make_object(text="old")
    there.transact([putting((key, old)), counting()])
    with psycopg.connect(postgres_url) as other, ThreadPoolExecutor() as pool:
        # Usages are read first; then the reader has to wait for the objects.
        other.execute("LOCK TABLE internal_objects IN ACCESS EXCLUSIVE MODE")
        reading = pool.submit(there.read, [key, COUNTER])
        until(
            lambda: other.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone(),
            what="the reader waits for a lock",
        )
        other.execute("UPDATE internal_objects SET body = replace(body, 'old', 'new')")
        other.execute("UPDATE usages SET body = replace(body, '1', '2')")
        other.commit()

        assert reading.result().get(key) == old
    assert there.read([key]).get(key) != old


# Plans: every list is carried by an index, in its order.


def plans():
    case_filters: list[dict[str, Any]] = [
        {"statuses": None},
        {"account": "a"},
        {"account": "a", "statuses": ["FAILED"]},
        {"reason": "TENANT_POLICY"},
        {"reason": "WITHIN_BOUNDS", "account": "a"},
        {"action_type": "CALL", "statuses": ["SUCCEEDED", "FAILED"]},
        {"created_from": 1, "created_before": 2},
        {"at": 1, "id": "i"},
    ]
    yield "busy", queries.BUSY, {}
    yield "counts", queries.COUNTS, {"tenant": "t"}
    yield "chain", queries.SEGMENTS_OF_CHAIN, {"tenant": "t", "chain": "c"}
    yield "export", queries.EXPORT, {"tenant": "t"}
    yield "proposers", queries.PROPOSERS, {"tenant": "t"}
    yield "queue lines", queries.QUEUE_LINES, {"tenant": "t", "proposer": "p", "at": 1, "id": "i", "limit": 10}
    yield "unanswered", queries.UNANSWERED, {"tenant": "t", "proposer": "p"}
    yield "scan", queries.scan("usages"), {"tenant": "t", "first": "a", "last": "b"}
    for number, given in enumerate(case_filters):
        sql, parameters = queries.cases(**{"statuses": None, "tenant": "t", **given})
        yield f"cases-{number}", sql, parameters | {"limit": 10}
    sql, parameters = queries.waiting(tenant="t", account="a")
    yield "waiting-of-account", sql, parameters | {"limit": 10}
    for number, given in enumerate([{}, {"at": 1, "id": "i"}]):
        sql, parameters = queries.waiting(tenant="t", **given)
        yield f"waiting-{number}", sql, parameters | {"limit": 10}
        sql, parameters = queries.recent(["GATE_DECIDED"], kinds_of(["GATE_DECIDED"]), tenant="t", **given)
        yield f"recent-{number}", sql, parameters | {"limit": 10}


def test_what_is_due_is_found_by_two_indexes_and_sorted_only_within_the_limit(open_store, sqlite_url):
    open_store("sqlite")
    steps = [row[3] for row in rows(sqlite_url, f"EXPLAIN QUERY PLAN {queries.DUE}", now=1, limit=10)]

    by_index = [step for step in steps if "case_states" in step]
    assert ["case_states_due" in by_index[0], "case_states_expiring" in by_index[1]] == [True, True]
    assert len([step for step in steps if "ORDER BY" in step]) == 1, steps


@pytest.mark.parametrize(("sql", "parameters"), [plan[1:] for plan in plans()], ids=[plan[0] for plan in plans()])
def test_no_list_is_read_whole_or_sorted(open_store, sqlite_url, sql, parameters):
    open_store("sqlite")
    steps = [row[3] for row in rows(sqlite_url, f"EXPLAIN QUERY PLAN {sql}", **parameters)]

    read = [step for step in steps if step.startswith(("SCAN", "SEARCH"))]
    # What a recursion goes through is what it has found itself.
    tables = [step for step in read if "CONSTANT" not in step and "json_each" not in step and step != "SCAN hop"]
    assert tables
    assert all("USING" in step for step in tables), steps
    assert not any("ORDER BY" in step for step in steps), steps


@pytest.mark.parametrize(
    ("asked", "index"),
    [
        (queries.cases(["FAILED"], tenant="t"), "case_states_by_status (tenant_id=? AND status=?)"),
        (
            queries.cases(["FAILED", "UNKNOWN"], tenant="t", at=1, id="i"),
            "case_states_by_status (tenant_id=? AND status=?",
        ),
        (queries.cases(None, tenant="t", reason="RARE"), "cases_by_reason (tenant_id=? AND reason=?)"),
        (queries.recent(["ACTION_FAILED"], 0, tenant="t"), "PRIMARY KEY (tenant_id=? AND event_type=?)"),
        (
            queries.recent(["ACTION_FAILED", "ACTION_UNKNOWN"], 0, tenant="t", account="a"),
            "rare_events_by_account (tenant_id=? AND account_id=? AND event_type=?)",
        ),
        (queries.waiting(tenant="t", account="a"), "case_states_waiting_by_account (tenant_id=? AND account_id=?)"),
    ],
    ids=["status", "statuses", "reason", "event", "events-of-account", "waiting-of-account"],
)
def test_what_is_rare_is_found_by_the_index_that_has_it_in_order(open_store, sqlite_url, asked, index):
    open_store("sqlite")
    sql, parameters = asked
    steps = [row[3] for row in rows(sqlite_url, f"EXPLAIN QUERY PLAN {sql}", **parameters, limit=10)]

    assert any(index in step for step in steps), steps
    looked_at = [step for step in steps if step.startswith(("SCAN", "SEARCH")) and "USING" not in step]
    # What is sorted or read whole is what the parts begin with.
    assert all(step.startswith(("SCAN part_", "SCAN found", "SCAN state", "SCAN event")) for step in looked_at), steps


# URLs.


@pytest.mark.parametrize("url", ["", "remit.db", "mysql://host/db", "sqlite+aiosqlite:///x.db", "http://x"])
def test_a_url_that_is_not_understood_says_what_is(url):
    with pytest.raises(InvalidInput, match=r"sqlite:///path\.db or postgresql://"):
        SqlStore.open(url)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_url_without_a_file_points_to_the_store_in_memory(url):
    with pytest.raises(InvalidInput, match="MemoryStore"):
        SqlStore.open(url)


def test_a_missing_directory_is_named(tmp_path):
    with pytest.raises(InvalidInput, match="nowhere does not exist"):
        SqlStore.open(f"sqlite:///{tmp_path}/nowhere/remit.db")


def test_a_file_that_is_no_database_is_an_error_of_ours(tmp_path):
    (tmp_path / "remit.db").write_text("not a database, but long enough to be looked at " * 40)

    with pytest.raises(RemitError, match="not a database"):
        SqlStore.open(f"sqlite:///{tmp_path}/remit.db")
