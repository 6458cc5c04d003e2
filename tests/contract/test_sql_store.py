"""What is true of the store on SQL beyond the contract: sharing commits, broken connections, plans, URLs."""

import itertools
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from typing import Any

import psycopg
import pytest
from msgspec.structs import replace

from remit.core.errors import InvalidInput, OutcomeUnknown, RemitError, TryLater
from remit.core.execution.places import Places
from remit.core.records import case_key, chain_key
from remit.ports import CaseFilter, Claim, Runnable, UnitOfWork, Writes
from remit.stores.group_commit import GroupCommit, PendingCall
from remit.stores.segments import kinds_of
from remit.stores.sql import SqlStore, exporting, postgres, queries, sqlite, store, watching, writer
from remit.stores.sql.ledger_order import RowOrder
from remit.stores.sql.writer import SqlWriter
from remit.testing.faults import Crash
from remit.testing.samples import (
    COUNTER,
    NOON,
    OTHER,
    SECOND,
    TENANT,
    all_at_once,
    appending,
    breaking,
    counted,
    counting,
    ids,
    make_case,
    make_entry,
    make_object,
    putting,
    putting_cases,
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
    engine = store.dialect_of(url).engine()
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
def commits(monkeypatch):
    """Every commit of a writer, as its driver's connection."""
    made, commit = [], SqlWriter._commit

    def counted(writer, driver, *more):
        made.append(driver)
        commit(writer, driver, *more)

    monkeypatch.setattr(SqlWriter, "_commit", counted)
    return made


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
    commit = dialect.commit

    def refuse_bad(self, driver, changes, asked):
        if "bad" in str(changes):
            raise ZeroDivisionError
        commit(self, driver, changes, asked)

    monkeypatch.setattr(dialect, "commit", refuse_bad)

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


def unit(name, tenant_id="acme"):
    """A unit that no store is ever asked to carry out."""
    return UnitOfWork([case_key(tenant_id, name)], decide=Writes)


def named(call):
    return call.units[0].reads[0].id


def test_turns_of_an_interrupted_leader_are_carried_out_by_the_next(waiting):
    carried_out: list[list[str]] = []
    leading, go_on = threading.Event(), threading.Event()

    def carry_out(turns):
        carried_out.append([named(turn) for turn in turns])
        if named(turns[0]) == "first":
            leading.set()
            happened(go_on, what="the leader may go on")
        elif len(turns) > 1:
            raise KeyboardInterrupt
        for turn in turns:
            turn.answer([f"{named(turn)} done"])

    combiner = GroupCommit(carry_out)

    def submit(name):
        try:
            return combiner.submit([unit(name)])
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
        if named(turns[0]) == "first":
            leading.set()
            happened(go_on, what="the leader may go on")
        for turn in turns:
            turn.answer([named(turn)])

    combiner = GroupCommit(carry_out)
    wait = PendingCall.wait

    def interrupted(turn):
        wait(turn)
        if named(turn) == "second":
            raise KeyboardInterrupt

    monkeypatch.setattr(PendingCall, "wait", interrupted)
    first = threading.Thread(target=combiner.submit, args=([unit("first")],))
    first.start()
    happened(leading, what="the first one leads")
    set_once_they_wait(go_on, waiting, 1)

    with pytest.raises(KeyboardInterrupt):
        combiner.submit([unit("second")])
    first.join()

    assert combiner.submit([unit("third")]) == ["third"]


def test_a_tenant_with_a_flood_does_not_hold_the_decision_of_another(waiting):
    carried_out: list[list[str]] = []
    leading, go_on = threading.Event(), threading.Event()

    def carry_out(turns):
        carried_out.append([turn.tenant_id for turn in turns])
        if len(carried_out) == 1:
            leading.set()
            happened(go_on, what="the leader may go on")
        for turn in turns:
            turn.answer([None] * len(turn.units))

    combiner = GroupCommit(carry_out)
    flood = [threading.Thread(target=combiner.submit, args=([unit("f", "flood")] * 200,)) for _ in range(9)]
    flood[0].start()
    happened(leading, what="the first one leads")
    for thread in flood[1:]:
        thread.start()
    until(lambda: len(waiting) == 8, what="the flood waits")
    other = threading.Thread(target=combiner.submit, args=([unit("o", "other")],))
    other.start()
    set_once_they_wait(go_on, waiting, 9)
    for thread in (*flood, other):
        thread.join()

    assert carried_out[1] == ["flood", "other", "flood"]
    assert sum(map(len, carried_out)) == 10


def test_a_long_call_lets_another_tenants_in_before_its_rest(waiting):
    carried_out: list[list[str]] = []
    leading, go_on = threading.Event(), threading.Event()

    def carry_out(turns):
        carried_out.append([turn.tenant_id for turn in turns])
        if len(carried_out) == 1:
            assert not turns[0].pressed()
            leading.set()
            happened(go_on, what="the leader may go on")
            assert turns[0].pressed()
        for turn in turns:
            turn.answer([f"{turn.tenant_id} {len(turn.units)}"] if turn.pressed() else ["the rest"] * len(turn.units))

    group_commit = GroupCommit(carry_out)
    answers = {}

    def submit(tenant_id, units):
        answers[tenant_id] = group_commit.submit([unit("u", tenant_id)] * units)

    long = threading.Thread(target=submit, args=("long", 3))
    long.start()
    happened(leading, what="the long one leads")
    short = threading.Thread(target=submit, args=("short", 1))
    short.start()
    set_once_they_wait(go_on, waiting, 1)
    long.join()
    short.join()

    assert carried_out == [["long"], ["short", "long"], ["long"]]
    assert answers == {"long": ["long 3", "long 2", "the rest"], "short": ["short 1"]}


def test_what_a_group_has_no_time_for_comes_first_in_the_next_one(waiting):
    carried_out: list[list[str]] = []
    leading, go_on = threading.Event(), threading.Event()

    def carry_out(turns):
        carried_out.append([named(turn) for turn in turns])
        if len(carried_out) == 1:
            leading.set()
            happened(go_on, what="the leader may go on")
        turns[0].answer([named(turns[0])])

    combiner = GroupCommit(carry_out)
    answers = dict.fromkeys(["first", "second", "third"])

    def submit(name):
        answers[name] = combiner.submit([unit(name, name)])

    threads = [threading.Thread(target=submit, args=(name,)) for name in answers]
    threads[0].start()
    happened(leading, what="the first one leads")
    for thread in threads[1:]:
        thread.start()
    set_once_they_wait(go_on, waiting, 2)
    for thread in threads:
        thread.join()

    assert answers == {name: [name] for name in answers}
    assert [len(group) for group in carried_out] == [1, 2, 1]


# Broken connections.


def kill_writer(url):
    """End the server's side of every other connection to this database, and wait until it has."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
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
    commit = postgres.Postgres.commit

    def lose(self, driver, changes, sent):
        def kill():
            sent()
            asked.append(1)
            kill_writer(postgres_url)

        commit(self, driver, changes, kill)

    with monkeypatch.context() as patch, pytest.raises(OutcomeUnknown):
        patch.setattr(postgres.Postgres, "commit", lose)
        there.transact([counting()])

    assert asked == [1]
    assert there.transact([counting()]) == [1]


def test_a_connection_lost_before_the_commit_is_asked_for_is_tried_again(open_store, postgres_url, monkeypatch):
    there, lost = open_store("postgres"), []
    commit = postgres.Postgres.commit

    def lose(self, driver, changes, sent):
        if not lost:
            lost.append(kill_writer(postgres_url))
        commit(self, driver, changes, sent)

    monkeypatch.setattr(postgres.Postgres, "commit", lose)

    assert there.transact([counting()]) == [1]
    assert (len(lost), counted(there)) == (1, 1)


@pytest.mark.parametrize("ends", ["pg_cancel_backend", "pg_terminate_backend"])
def test_what_is_ended_before_it_comes_to_the_commit_is_tried_again(open_store, postgres_url, ends):
    there = open_store("postgres")
    with closing(psycopg.connect(postgres_url)) as holder, ThreadPoolExecutor(1) as pool:
        holder.execute("LOCK TABLE usages IN SHARE MODE")
        written = pool.submit(there.transact, [counting()])
        waiting = until(lambda: waits_for_a_lock(postgres_url), what="the write waits for the lock")

        rows(postgres_url, f"SELECT {ends}(:of)", of=waiting[0])
        until(lambda: waits_for_a_lock(postgres_url) not in (None, waiting), what="it is tried again")
        holder.rollback()

        assert written.result() == [1]


def waits_for_a_lock(url):
    """The server's number for the session that does, if one does."""
    waiting = "datname = current_database() AND wait_event_type = 'Lock'"
    found = rows(url, f"SELECT pid, query_start FROM pg_stat_activity WHERE {waiting}")
    return found[0] if found else None


def test_a_row_that_is_gone_when_it_is_to_be_changed_lets_nothing_be_committed(open_store, postgres_url, monkeypatch):
    there, seen = open_store("postgres"), []
    there.transact([counting()])
    commit = postgres.Postgres.commit

    def drop_first(self, driver, changes, sent):
        if not seen:
            # Under no lock: nobody but a hand in the database does so.
            driver.execute("DELETE FROM usages")
        seen.append(1)
        commit(self, driver, changes, sent)

    monkeypatch.setattr(postgres.Postgres, "commit", drop_first)

    there.transact([counting(), putting_cases(make_case("i-2"))])

    assert (len(seen), counted(there)) == (2, 2)
    assert there.read([case_key(TENANT, "i-2")]).get(case_key(TENANT, "i-2")) is not None


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
def foreign_keys(monkeypatch):
    """SQLite checks them on every connection."""
    prepare = sqlite._prepare

    def switch_on(driver):
        prepare(driver)
        driver.execute("PRAGMA foreign_keys = ON")

    monkeypatch.setattr(sqlite, "_prepare", switch_on)


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


# Exports: nothing is held while nobody reads on.


@ON_SQL
def test_exports_that_are_left_half_way_keep_nobody_from_reading(open_store, store_kind):
    there = open_store(store_kind)
    there.transact([appending(make_entry("i-1"), make_entry("i-2"))])

    begun = [there.export(TENANT) for _ in range(40)]
    for export in begun:
        next(export)

    assert there.read([COUNTER]).get(COUNTER) is None
    assert [len(list(export)) for export in begun] == [1] * 40


def test_the_log_of_sqlite_is_emptied_behind_an_export_that_nobody_reads_on(open_store, sqlite_url):
    there = open_store("sqlite")
    there.transact([appending(make_entry("i-1"), make_entry("i-2"))])
    export = there.export(TENANT)
    next(export)

    there.transact([appending(make_entry("i-3"))])

    assert rows(sqlite_url, "PRAGMA wal_checkpoint(TRUNCATE)") == [(0, 0, 0)]


@ON_SQL
@pytest.mark.parametrize("rows_a_page", [1, 2, 3, 100])
def test_the_pages_of_an_export_are_of_one_moment(open_store, store_kind, monkeypatch, rows_a_page):
    monkeypatch.setattr(exporting, "PAGE_ROWS", rows_a_page)
    there = open_store(store_kind)
    first, last = make_entry("i-2"), make_entry("i-4")
    before = [first, make_entry("i-2", after=first.head), make_entry("i-3"), last]
    there.transact([appending(first, last)])
    there.transact([appending(*before[1:3])])

    export = there.export(TENANT)
    seen = [next(export)]
    for late in (make_entry("i-1"), make_entry("i-3a"), make_entry("i-4", after=last.head), make_entry("i-5")):
        there.transact([appending(late)])
    there.transact([appending(make_entry("i-2", after=before[1].head))])

    assert seen + list(export) == before
    assert len(list(there.export(TENANT))) == 9


# Watching: what another process queues wakes a worker.


def _queueing(name, **changes):
    queued = {"status": "APPROVED", "queued": True, "connector": "http", "due_at": NOON, **changes}
    case = make_case(name, **queued)
    return UnitOfWork([case_key(TENANT, name)], lambda _: Writes(None, puts=[(case_key(TENANT, name), case)]))


@ON_SQL
def test_who_watches_is_told_of_what_another_process_queues(open_store, store_kind):
    worker, door, told = open_store(store_kind), open_store(store_kind), threading.Event()

    def queued(name):
        door.transact([_queueing(name)])
        return told.wait(0.2)

    with worker.watch(told.set):
        names = (f"i-{n}" for n in itertools.count())
        # Who has only begun to watch may miss the first ones.
        until(lambda: queued(next(names)), what="the watcher is told")
        told.clear()
        assert queued(next(names))


def test_postgres_is_told_once_for_many_commits_and_after_them(open_store, monkeypatch):
    monkeypatch.setattr(writer, "ANNOUNCED_EVERY_S", 60.0)
    there, told = open_store("postgres"), []
    announcing = postgres.Postgres.announcing

    @contextmanager
    def noted(self):
        with announcing(self) as tell:
            yield lambda: (told.append(len(there.cases(TENANT, CaseFilter(), None, 10))), tell())

    monkeypatch.setattr(postgres.Postgres, "announcing", noted)
    there = open_store("postgres")
    there.transact([_queueing("i-0")])
    until(lambda: told, what="the first is told")
    for n in range(1, 6):
        there.transact([_queueing(f"i-{n}")])

    assert told == [1]


@ON_SQL
def test_what_no_worker_takes_is_not_told(open_store, store_kind, monkeypatch):
    told = []
    monkeypatch.setattr(watching.Announcer, "announce", lambda _: told.append(1))
    there = open_store(store_kind)

    there.transact([_queueing("i-1", queued=False)])
    there.transact([_queueing("i-1", status="RUNNING")])
    there.transact([_queueing("i-1", status="SUCCEEDED", due_at=None, queued=False)])

    assert told == []


@ON_SQL
def test_a_case_that_a_claim_has_found_is_not_looked_up_again(open_store, store_kind, monkeypatch):
    there, looked_up = open_store(store_kind), []
    there.transact([_queueing("i-1")])
    taker = open_store(store_kind)
    load = type(taker._dialect).load

    def noted(self, driver, places, *, lock):
        places = list(places)
        looked_up.extend(places)
        return load(self, driver, places, lock=lock)

    monkeypatch.setattr(type(taker._dialect), "load", noted)

    def take(case):
        keys = [case_key(TENANT, case.action_intent_id), chain_key(TENANT, case.action_intent_id)]
        return UnitOfWork(keys, lambda seen: Writes(seen.get(keys[0]), [(keys[0], case.changed(status="RUNNING"))]))

    (found,) = taker.claim(Claim(NOON, Runnable({"http": None}), Places(9), 9), take)

    assert found.status == "APPROVED"
    assert [kind for kind, *_ in looked_up] == ["chains"]
    assert there.read([case_key(TENANT, "i-1")]).get(case_key(TENANT, "i-1")).status == "RUNNING"


@pytest.mark.parametrize("store_kind", ["memory", "sqlite", "postgres"])
def test_what_is_queued_is_due_when_it_has_expired_and_nobody_calls(open_store, store_kind):
    there = open_store(store_kind)
    begun = {"status": "RUNNING", "queued": True, "connector": "far", "expires_at": NOON}
    cases = [
        make_case("i-1", **begun, due_at=NOON),
        make_case("i-2", **begun, due_at=NOON + SECOND),
        make_case("i-3", **{**begun, "expires_at": NOON + SECOND}, due_at=NOON),
        make_case("i-4", **{**begun, "status": "APPROVED"}, due_at=NOON + SECOND),
    ]
    there.transact([putting_cases(*cases)])

    assert sorted(ids(there.due(NOON, 10))) == ["i-1", "i-4"]


@ON_SQL
def test_what_readers_are_told_says_nothing_of_other_tenants(open_store, store_kind):
    store = open_store(store_kind)
    entry = make_entry("i-1")
    store.transact([appending(entry)])
    before = store.reader_position(TENANT)

    store.transact([appending(make_entry(f"i-{number}", tenant=OTHER)) for number in range(3)])

    assert store.reader_position(TENANT) == before == f"{entry.at}|{entry.entry_id}"


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
    yield "busy with some", queries.busy_with(1), {"queue_0": "c T", "last_0": "c T"}
    yield "due-outboxes", queries.due_records("outboxes"), {"now": 1, "limit": 10}
    yield "failing-tools", queries.due_records("tool_breakers"), {"now": 1, "limit": 10}
    given = {"tenant": "t", "kinds": 1, "after": 1, "limit": 10}
    yield "ledger-after", RowOrder._AFTER, given
    yield "ledger-named", RowOrder._NAMED, {"tenant": "t", "at": 1, "id": "e"}
    yield "ledger-last", RowOrder._LAST, {"tenant": "t", "upto": 1}
    yield "ledger-since", RowOrder._SINCE, {"tenant": "t", "since": 1}
    yield "tenants-after", RowOrder._TENANTS, {"after": 1, "limit": 10}
    yield "moving-of-one", queries.RESTING_DUE_OF, {"tenant": "t", "now": 1, "limit": 10}
    yield "counts", queries.COUNTS, {"tenant": "t"}
    yield "counts-of", queries.COUNTS_OF, {"tenant": "t", "statuses": ["FAILED"]}
    yield "queued", queries.QUEUED, {"tenant": "t", "queue": "c T", "now": 1, "limit": 10}
    yield "chain", queries.SEGMENTS_OF_CHAIN, {"tenant": "t", "chain": "c"}
    yield "proposers", queries.PROPOSERS, {"tenant": "t"}
    yield "queue lines", queries.QUEUE_LINES, {"tenant": "t", "proposer": "p", "at": 1, "id": "i", "limit": 10}
    whose = {"tenant": "t", "people": [""], "voters": ["", "v"], "kinds": ["status"]}
    yield "waiting-counts", queries.KEPT_COUNTS, whose
    yield "oldest-waiting", queries.OLDEST_WAITING, {"tenant": "t"}
    yield "unanswered", queries.UNANSWERED, {"tenant": "t", "proposer": "p"}
    yield "chain-ends", queries.CHAIN_ENDS, {"tenant": "t"}
    yield "export", queries.EXPORT_PAGE, {"tenant": "t", "chain": "c", "first": 1, "limit": 10}
    for limit in (None, 10):
        yield f"scan up to {limit}", *queries.scan("usages", "t", "a", limit)
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


def test_what_is_due_is_found_by_its_indexes_and_never_sorted(open_store, sqlite_url):
    open_store("sqlite")
    plans = {
        queries.UNTAKEN_DUE: "case_states_moving_due",
        queries.EXPIRING_DUE: "case_states_queued_expiring",
        queries.RESTING_DUE: "case_states_resting_due",
    }

    for sql, index in plans.items():
        (step,) = [row[3] for row in rows(sqlite_url, f"EXPLAIN QUERY PLAN {sql}", now=1, limit=10)]
        assert index in step, step


def test_statuses_are_counted_in_their_index_alone(open_store, sqlite_url):
    open_store("sqlite")
    steps = [
        row[3] for row in rows(sqlite_url, f"EXPLAIN QUERY PLAN {queries.COUNTS_OF}", tenant="t", statuses=["FAILED"])
    ]

    (counted,) = [step for step in steps if "case_states" in step]
    assert "COVERING INDEX case_states_by_status (tenant_id=? AND status=?)" in counted, steps


def test_the_queued_tools_are_found_by_hopping_along_their_index(open_store, sqlite_url):
    open_store("sqlite")
    spans = {f"{name}_{n}": f"c{n} " for n in range(2) for name in ("queue", "tenant", "last")}
    steps = [
        row[3] for row in rows(sqlite_url, f"EXPLAIN QUERY PLAN {queries.queued_tools(2)}", **spans, now=1, limit=10)
    ]

    looks = [step for step in steps if " next " in step or " due " in step]
    assert len(looks) == 9
    assert all(step.startswith("SEARCH") and "case_states_queues" in step for step in looks), steps
    assert sum("(queue>? AND queue<?)" in step for step in looks) == 4, steps
    assert sum("(queue=? AND tenant_id>?)" in step for step in looks) == 4, steps


def test_a_look_for_queued_tools_costs_the_same_however_much_is_queued_of_them(open_store, sqlite_url):
    there, known = (
        open_store("sqlite"),
        {"queue_0": "far ", "tenant_0": "", "last_0": "far ~", "now": 2**60, "limit": 10},
    )

    def queue(numbers):
        cases = (make_case(f"i-{n}", status="APPROVED", queued=True, connector="far", due_at=NOON) for n in numbers)
        there.transact([putting_cases(case) for case in cases])

    def steps_of_a_look():
        with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as driver:
            taken = itertools.count()
            driver.set_progress_handler(lambda: next(taken) and None, 1)
            assert len(driver.execute(queries.queued_tools(1), known).fetchall()) == 1
            return next(taken)

    queue(range(5))
    before = steps_of_a_look()
    queue(range(5, 205))

    assert steps_of_a_look() < 1.2 * before


@pytest.mark.parametrize(("sql", "parameters"), [plan[1:] for plan in plans()], ids=[plan[0] for plan in plans()])
def test_no_list_is_read_whole_or_sorted(open_store, sqlite_url, sql, parameters):
    open_store("sqlite")
    steps = [row[3] for row in rows(sqlite_url, f"EXPLAIN QUERY PLAN {sql}", **parameters)]

    read = [step for step in steps if step.startswith(("SCAN", "SEARCH"))]
    # What a recursion goes through is what it has found itself; `each` is a list of constants.
    constant = {"SCAN hop", "SCAN each"}
    tables = [step for step in read if "CONSTANT" not in step and "json_each" not in step and step not in constant]
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
        (
            (queries.ASSIGNED_LINES, {"tenant": "t", "person": "p"}),
            "case_states_assigned (tenant_id=? AND assigned_to=?)",
        ),
    ],
    ids=["status", "statuses", "reason", "event", "events-of-account", "waiting-of-account", "assigned"],
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
    with pytest.raises(InvalidInput, match=r"sqlite:///FILE or postgresql://"):
        SqlStore.open(url)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_url_without_a_file_points_to_the_store_in_memory(url):
    with pytest.raises(InvalidInput, match=r"sqlite:///FILE.*memory://"):
        SqlStore.open(url)


def test_a_missing_directory_is_named(tmp_path):
    with pytest.raises(InvalidInput, match="nowhere does not exist"):
        SqlStore.open(f"sqlite:///{tmp_path}/nowhere/remit.db")


def test_a_file_that_is_no_database_is_an_error_of_ours(tmp_path):
    (tmp_path / "remit.db").write_text("not a database, but long enough to be looked at " * 40)

    with pytest.raises(RemitError, match="not a database"):
        SqlStore.open(f"sqlite:///{tmp_path}/remit.db")
