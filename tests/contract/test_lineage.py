"""Numbers of a database's histories, asked for by several at once."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from remit.stores.sql import SqlStore
from remit.stores.sql.ledger_order import RowOrder
from remit.stores.sql.lineage import Lineage
from remit.testing.samples import appending, make_entry
from tests.waiting import ended, happened


@pytest.fixture
def path(sqlite_url):
    return Path(sqlite_url.removeprefix("sqlite:///"))


@pytest.fixture
def store(sqlite_url):
    with closing(SqlStore.open(sqlite_url)) as store:
        store.transact([appending(make_entry("i-1"))])
        yield store


class Slow:
    """A look that has its answer, and whose caller has not until it is let go on."""

    def __init__(self, path, lineage):
        self.path, self.lineage, self.number = path, lineage, None
        self._asked, self._goes_on = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        happened(self._asked, what="it was asked")

    def _look(self):
        self.number = self.lineage.number(self._fetch)

    def _fetch(self, sql, given):
        found = fetching(self.path)(sql, given)
        self._asked.set()
        happened(self._goes_on, what="it goes on")
        return found

    def answered(self):
        self._goes_on.set()
        ended(self._thread)
        return self.number


def fetching(path):
    def fetch(sql, given):
        with closing(sqlite3.connect(path)) as driver:
            return driver.execute(sql, given).fetchall()

    return fetch


def test_one_connection_that_hangs_holds_up_nobody_else(store, path):
    lineage = Lineage(RowOrder())
    hangs = Slow(path, lineage)

    assert [lineage.number(fetching(path)) for _ in range(3)] == [0, 0, 0]
    assert hangs.answered() == 0


def test_who_looked_before_a_restore_is_told_the_number_of_before(store, path):
    lineage, kept = Lineage(RowOrder()), path.with_suffix(".kept")
    with closing(sqlite3.connect(path)) as driver:
        driver.execute(f"VACUUM INTO '{kept}'")
    store.transact([appending(make_entry("lost"))])
    assert lineage.number(fetching(path)) == 0
    late = Slow(path, lineage)

    assert lineage.number(fetching(kept)) == 1

    assert late.answered() == 0
    assert lineage.number(fetching(kept)) == 1


def test_what_a_late_answer_holds_does_not_stand_for_what_was_seen_since(store, path):
    lineage, kept = Lineage(RowOrder()), path.with_suffix(".kept")
    late = Slow(path, lineage)
    with closing(sqlite3.connect(path)) as driver:
        driver.execute(f"VACUUM INTO '{kept}'")
    store.transact([appending(make_entry("lost"))])
    assert lineage.number(fetching(path)) == 0

    assert late.answered() == 0

    assert lineage.number(fetching(kept)) == 1
