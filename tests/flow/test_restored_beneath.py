"""
A database that is restored while processes have it open: what they remember of it decides nothing, and counts nothing.

The runbook stops all of them first. This is for the one that somebody forgot.
"""

from __future__ import annotations

import io
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from remit.app.answer_feed import AnswerFeed
from remit.core.errors import TryLater
from remit.core.records import DAILY_COUNTS, USAGE
from remit.flow.notifications.follow import LedgerFollower
from remit.stores.sql import SqlStore, migrate
from remit.stores.sql.sqlite import Sqlite
from remit.testing.faults import StoreWrapper
from tests.waiting import ended, happened, until

from .world import OTHER, TENANT, TYPE, World

WAYS = ["another file", "the same file", "postgres"]


class Kept:
    """A database as it was, to be put back beneath whoever has it open."""

    def __init__(self, way, url):
        self.way, self.url = way, url
        if way == "postgres":
            with psycopg.connect(url) as connection:
                self.tables = {name: _copied(connection, name) for name in _tables(connection)}
        else:
            self.path = Path(url.removeprefix("sqlite:///"))
            self.copy = self.path.with_suffix(".kept")
            with closing(sqlite3.connect(self.path)) as source, closing(sqlite3.connect(self.copy)) as target:
                source.backup(target)

    def put_back(self):
        if self.way == "postgres":
            self._put_schema_back()
        elif self.way == "the same file":
            with closing(sqlite3.connect(self.copy)) as source, closing(sqlite3.connect(self.path)) as target:
                source.backup(target)
        else:
            for end in ("-wal", "-shm"):
                Path(f"{self.path}{end}").unlink(missing_ok=True)
            self.copy.replace(self.path)

    def _put_schema_back(self):
        with psycopg.connect(self.url) as connection:
            for name in _tables(connection):
                connection.execute(f'DROP TABLE "{name}" CASCADE')
        migrate(self.url)
        with psycopg.connect(self.url) as connection:
            for name, rows in self.tables.items():
                connection.execute(f'DELETE FROM "{name}"')
                with connection.cursor().copy(f'COPY "{name}" FROM STDIN') as into:
                    into.write(rows)


def put_older(way, url, revision):
    """Put an empty database of an older release in its place."""
    if way == "postgres":
        with psycopg.connect(url) as connection:
            for name in _tables(connection):
                connection.execute(f'DROP TABLE "{name}" CASCADE')
        migrate(url, revision)
        return
    kept = Kept(way, url)
    kept.copy.unlink()
    migrate(f"sqlite:///{kept.copy}", revision)
    kept.put_back()


def _tables(connection):
    found = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
    return [name for (name,) in found]


def _copied(connection, name):
    rows = io.BytesIO()
    with connection.cursor().copy(f'COPY "{name}" TO STDOUT') as out:
        for data in out:
            rows.write(data)
    return rows.getvalue()


@pytest.fixture(params=WAYS)
def way(request):
    return request.param


@pytest.fixture
def url(request, way):
    # Of its own: nothing of this schema is left as it was.
    return request.getfixturevalue("empty_postgres_url" if way == "postgres" else "sqlite_url")


@pytest.fixture
def opened(url):
    """Opens the database once more, as another process does."""
    stores = []

    def open_it():
        stores.append(SqlStore.open(url))
        return stores[-1]

    yield open_it
    for store in stores:
        store.close()


@pytest.fixture
def world(opened):
    world = World(opened)
    world.apply()
    return world


@pytest.fixture
def keep(way, url):
    return lambda: Kept(way, url)


def done(world, *names):
    for name in names:
        world.submit(name)
        world.work()


def test_intents_are_counted_as_they_are_in_it(world, keep, opened):
    done(world, "i-1")
    kept = keep()
    done(world, "i-2", "i-3")
    assert world.inner.counts(TENANT) == {"SUCCEEDED": 3}

    kept.put_back()

    assert world.inner.counts(TENANT) == {"SUCCEEDED": 1}
    done(world, "i-4", "i-5", "i-6")
    assert world.inner.counts(TENANT) == opened().counts(TENANT) == {"SUCCEEDED": 4}


def test_also_where_as_much_has_happened_in_it_since_before_anybody_asks(world, keep, opened):
    done(world, "i-1")
    kept = keep()
    done(world, "i-2")
    assert world.inner.counts(TENANT) == {"SUCCEEDED": 2}
    kept.put_back()

    other = World(opened, clock=world.clock)
    done(other, "i-3", "i-4", "i-5")

    assert world.inner.counts(TENANT) == {"SUCCEEDED": 4}


def test_decisions_go_on_from_its_heads_and_its_counters_and_are_in_it(world, keep, opened):
    world.submit("i-1")
    kept = keep()
    world.apply(budget={"max_autonomous_per_day": 3})
    for name in ("i-2", "i-3"):
        world.submit(name)
    world.stop("everything")

    kept.put_back()
    # A stop that it never heard of stops nothing, and its bounds let this many run.
    answers = [world.submit(name) for name in ("i-1", "i-2", "i-3", "i-4", "i-5")]
    world.work()
    world.apply(budget={"max_autonomous_per_day": 4})

    assert {answer.result for answer in answers} == {"AUTO_EXECUTED"}
    other = opened()
    assert other.counts(TENANT) == {"SUCCEEDED": 5}
    assert [usage.used("all") for usage in other.scan(USAGE, TENANT) if "account" in usage.usage_id] == [5]
    sequences = [entry.sequence for entry in other.chain(TENANT, None)]
    assert sequences == list(range(1, len(sequences) + 1))
    world.assert_sound()


def test_what_was_queued_in_it_is_taken_and_nothing_that_it_never_heard_of(world, keep):
    world.submit("i-1")
    kept = keep()
    world.submit("i-2")
    kept.put_back()

    world.work()

    assert world.far.calls == [f"{TENANT}/i-1"]
    world.assert_sound()


def test_the_ledger_is_followed_from_where_it_was_followed_to(world, keep, opened):
    done(world, "i-1")
    world.app.follow()
    kept = keep()
    done(world, "i-2", "i-3")
    world.app.follow()
    kept.put_back()

    done(world, "i-4")
    world.app.follow()

    assert world.app.counts(TENANT) == {"SUCCEEDED": 2}
    (day,) = opened().scan(DAILY_COUNTS, TENANT)
    assert sum(line.count for line in day.decisions) == 2
    world.assert_sound()


@pytest.mark.parametrize("restarted", [False, True])
def test_also_where_it_is_restored_between_a_look_and_the_note_of_how_far_it_came(
    world, keep, opened, monkeypatch, restarted
):
    done(world, "i-1")
    world.app.follow()
    kept, note = keep(), LedgerFollower._note
    done(world, *(f"lost-{number}" for number in range(5)))
    world.clock.pass_(minutes=1)
    monkeypatch.setattr(LedgerFollower, "_note", lambda *given: (kept.put_back(), note(*given)))
    world.app.follow()
    monkeypatch.undo()

    world.app.follow()
    world.clock.pass_(minutes=1)
    world.app.follow()
    if restarted:
        world = World(opened, clock=world.clock)
    done(world, "i-2")
    world.app.follow()

    (day,) = opened().scan(DAILY_COUNTS, TENANT)
    assert sum(line.count for line in day.decisions) == 2


def test_who_waits_looks_again_and_hears_of_what_happens_in_it(world, keep):
    world.queued("i-1")
    kept = keep()
    for number in range(20):
        world.queued(f"lost-{number}")
    feed = AnswerFeed(lambda: world.inner)
    woken = []
    waiter = feed.enter(TENANT, lambda: woken.append(len(woken)))
    waiter.follow("i-1")
    world.queued("lost-at-last")
    kept.put_back()
    until(lambda: woken, what="they look again")
    before = len(woken)

    world.approve("i-1")

    until(lambda: len(woken) > before, what="the answer is told")
    waiter.leave()


def test_the_bounds_of_before_are_those_of_its_own_changes(world, keep):
    kept = keep()
    world.apply(allowlist=[])
    first = list(world.app.bounds_after(TENANT).values())
    kept.put_back()
    assert [each.bounds.allowlist for each in first] == [[TYPE, OTHER], []]

    assert [each.bounds.allowlist for each in world.app.bounds_after(TENANT).values()] == [[TYPE, OTHER]]
    world.apply(allowlist=[TYPE])
    found = list(world.app.bounds_after(TENANT).values())

    assert [each.bounds.allowlist for each in found] == [[TYPE, OTHER], [TYPE]]


def test_what_is_measured_of_all_tenants_is_of_it(world, keep):
    world.queued("i-1")
    kept = keep()
    world.queued("i-2")
    assert world.app.measure().waiting == {TENANT: 2}

    kept.put_back()

    assert world.app.measure().waiting == {TENANT: 1}


def test_who_begins_to_wait_while_it_is_restored_hears_of_what_happens_in_it(world, keep):
    world.queued("i-1")
    kept = keep()
    for number in range(20):
        world.queued(f"lost-{number}")
    feed = AnswerFeed(lambda: world.inner)
    others, restored = [feed.enter("others", lambda: None)], []

    class RestoredMeanwhile(StoreWrapper):
        def ledger_position(self, tenant_id, since=None):
            position = super().ledger_position(tenant_id, since)
            if tenant_id == TENANT and not restored:
                restored.append(kept.put_back())
                until(lambda: feed._history, what="the reader has begun anew")
            return position

    feed._store = lambda: RestoredMeanwhile(world.inner)
    heard = threading.Event()
    waiter = feed.enter(TENANT, heard.set)
    waiter.follow("i-1")
    heard.clear()

    world.approve("i-1")

    happened(heard, what="the answer is told")
    for each in (waiter, *others):
        each.leave()


@pytest.mark.parametrize("revision", ["2003", "2011"])
def test_one_of_an_older_release_says_what_to_do_and_is_upgraded_by_that(world, way, url, opened, revision):
    world.submit("i-1")

    put_older(way, url, revision)
    with pytest.raises(TryLater, match=r"schema is not the one .* start them again"):
        world.submit("i-2")
    with pytest.raises(TryLater, match=r"schema is not the one .* start them again"):
        world.app.verify(TENANT)

    again = World(opened, clock=world.clock)
    again.apply()
    assert again.submit("i-2").result == "AUTO_EXECUTED"
    again.assert_sound()


def test_while_the_file_is_gone_nothing_is_done_and_none_is_made(sqlite_url, open_store, monkeypatch):
    monkeypatch.setattr("remit.stores.sql.writer._TRIES", 2)
    world = World(lambda: open_store("sqlite"))
    world.apply()
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    aside = path.with_suffix(".aside")
    path.rename(aside)

    with pytest.raises(TryLater):
        world.propose("i-1")
    assert not path.exists()
    aside.rename(path)

    assert world.propose("i-1")


def test_whoever_watches_a_file_hears_what_is_queued_in_the_one_that_took_its_place(sqlite_url, open_store):
    open_store("sqlite").close()
    kept = Kept("another file", sqlite_url)
    heard, looked, over = threading.Event(), threading.Event(), threading.Event()
    watching = threading.Thread(
        target=Sqlite(str(kept.path)).watch, args=(heard.set, lambda seconds: looked.set() or over.wait(seconds))
    )
    watching.start()
    happened(looked, what="it has the file open")
    kept.put_back()
    happened(heard, what="the file is another one")
    heard.clear()

    World(lambda: open_store("sqlite")).apply()

    happened(heard, what="something was written into it")
    over.set()
    ended(watching)
