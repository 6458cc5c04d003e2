"""Records that SQLite's writer keeps between transactions: never older than the file, never what failed."""

import sqlite3

import pytest

from bench.world import BOUNDS, PROPOSAL, TENANT
from remit import IntentIdReused, Remit, TryLater
from remit.core.gate.autonomy import StopScope
from remit.core.records import BOUNDS as KIND
from remit.stores.sql.kept import KEPT_KINDS, MOST_KEPT, KeptRecords
from remit.stores.sql.sqlite import Sqlite


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'kept.db'}"


@pytest.fixture
def remit(url):
    with Remit.open(url) as remit:
        remit.apply(BOUNDS, by="ann")
        yield remit


def test_what_another_connection_has_written_is_seen_by_the_next_decision(remit, url):
    assert remit.submit(PROPOSAL).result == "AUTO_EXECUTED"

    with Remit.open(url) as other:
        other.submit(PROPOSAL)
        other.apply({**BOUNDS, "budget": {"max_autonomous_per_day": 2}}, by="ann")

    assert remit.submit(PROPOSAL).reason == "BUDGET_EXCEEDED"


def test_a_stop_by_another_process_holds_for_the_next_decision(remit, url):
    assert remit.submit(PROPOSAL).result == "AUTO_EXECUTED"

    with Remit.open(url) as other:
        other.stop(StopScope(tenant_id=TENANT), by="ann", reason="incident")

    assert remit.submit(PROPOSAL).reason == "AUTONOMY_STOPPED"


def test_a_write_that_fails_leaves_no_counter_behind(remit, monkeypatch):
    assert remit.submit(PROPOSAL).result == "AUTO_EXECUTED"
    write = Sqlite.write

    def full(self, driver, changes):
        write(self, driver, changes)
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(Sqlite, "write", full)
        with pytest.raises(TryLater):
            remit.submit(PROPOSAL)
    answer = remit.submit(PROPOSAL)

    assert "number 2 of" in answer.explanation
    assert remit.verify(TENANT).ok


def test_bounds_and_counters_are_not_read_again_while_nobody_else_writes(remit, monkeypatch):
    remit.submit(PROPOSAL)
    load, asked = Sqlite.load, []

    def watched(self, driver, places, *, lock):
        asked.extend(place[0] for place in places)
        return load(self, driver, places, lock=lock)

    monkeypatch.setattr(Sqlite, "load", watched)
    assert remit.submit({**PROPOSAL, "action_intent_id": "i-1"}).result == "AUTO_EXECUTED"

    assert asked
    assert KEPT_KINDS.isdisjoint(asked)


def test_a_proposal_under_an_id_made_for_it_reads_nothing_once_bounds_are_known(remit, monkeypatch):
    remit.submit(PROPOSAL)
    asked = []
    monkeypatch.setattr(Sqlite, "load", lambda *_, **__: asked.append(True) or [])

    answers = remit.submit([PROPOSAL, PROPOSAL])

    assert [answer.result for answer in answers] == ["AUTO_EXECUTED"] * 2
    assert not asked


def test_an_id_that_the_caller_sent_is_looked_up(remit):
    named = {**PROPOSAL, "action_intent_id": "i-1"}
    remit.submit(named)

    assert remit.submit(named).already_published
    assert isinstance(remit.submit([{**named, "parameters": {}}])[0], IntentIdReused)
    assert remit.verify(TENANT).ok


def test_of_a_database_that_tells_no_version_nothing_is_kept():
    kept, place = KeptRecords(), (KIND.name, TENANT, "-")

    kept.at(None)
    kept.learn({place: None})

    assert not kept.at(None)


def test_no_more_than_some_are_kept():
    kept = KeptRecords()
    kept.at(1)

    for number in range(MOST_KEPT + 1):
        kept.learn({(KIND.name, f"t-{number}", "-"): None})

    assert len(kept.at(1)) == 1
