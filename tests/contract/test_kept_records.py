"""Records that SQLite's writer keeps between transactions: never older than the file, never what failed."""

import sqlite3

import pytest

from bench.world import BOUNDS, PROPOSAL, TENANT
from remit import IntentIdReused, Remit, TryLater, work
from remit.core.gate.autonomy import StopScope
from remit.core.ledger.history import IntentHistory
from remit.core.records import BOUNDS as KIND
from remit.core.records import CASE, CHAIN
from remit.stores.sql.kept import KEPT_KINDS, LARGEST_CHAIN_BYTES, MOST_KEPT, MOST_UNDER_WAY, KeptRecords
from remit.stores.sql.sqlite import Sqlite
from remit.testing.samples import make_case, make_entry


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


def a_worker_has_run(remit):
    remit.submit(PROPOSAL)
    work(remit, until_idle=True)


def test_what_was_decided_here_is_executed_without_being_read_again(remit, monkeypatch):
    a_worker_has_run(remit)
    submitted = remit.submit([PROPOSAL, PROPOSAL])
    load, asked = Sqlite.load, []

    def watched(self, driver, places, *, lock):
        asked.extend(place[0] for place in places if lock)
        return load(self, driver, places, lock=lock)

    with monkeypatch.context() as patched:
        patched.setattr(Sqlite, "load", watched)
        work(remit, until_idle=True)

    assert {CASE.name, CHAIN.name}.isdisjoint(asked)
    assert [remit.status(TENANT, each.action_intent_id)["status"] for each in submitted] == ["SUCCEEDED"] * 2
    assert remit.verify(TENANT).ok


def test_what_another_process_took_back_is_not_executed_though_it_was_decided_here(remit, url):
    a_worker_has_run(remit)
    submitted = remit.submit(PROPOSAL)

    with Remit.open(url) as other:
        other.withdraw(TENANT, submitted.action_intent_id, by=PROPOSAL["proposed_by"])
    work(remit, until_idle=True)

    assert remit.status(TENANT, submitted.action_intent_id)["status"] == "WITHDRAWN"
    assert remit.verify(TENANT).ok


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


def under_way(id, **changes):
    """A queued case and its chain of one entry, as they are kept."""
    case = make_case(id).changed(queued=True, **changes)
    return {
        (CASE.name, TENANT, id): case,
        (CHAIN.name, TENANT, id): IntentHistory([make_entry(id)]),
    }


def where_somebody_claims():
    kept = KeptRecords()
    kept.at(1)
    kept.expect_claims()
    return kept


def test_where_nobody_claims_no_intent_is_kept():
    kept = KeptRecords()
    kept.at(1)

    kept.committed(under_way("i-1"))

    assert not kept.at(1)


def test_an_intent_is_kept_with_its_chain_until_it_is_not_queued_any_more():
    kept = where_somebody_claims()

    kept.committed(under_way("i-1"))
    while_queued = dict(kept.at(1))
    kept.committed(under_way("i-1") | {(CASE.name, TENANT, "i-1"): make_case("i-1")})

    assert set(while_queued) == {(CASE.name, TENANT, "i-1"), (CHAIN.name, TENANT, "i-1")}
    assert not kept.at(1)


def test_of_an_intent_whose_chain_is_not_known_whole_nothing_is_kept():
    kept = where_somebody_claims()
    kept.committed(under_way("i-1"))

    kept.committed({(CHAIN.name, TENANT, "i-1"): None})

    assert set(kept.at(1)) == {(CASE.name, TENANT, "i-1")}


def test_a_long_chain_is_not_kept():
    kept = where_somebody_claims()
    long = make_entry("i-1", data={"text": "x" * LARGEST_CHAIN_BYTES})

    kept.committed(under_way("i-1") | {(CHAIN.name, TENANT, "i-1"): IntentHistory([long])})

    assert not kept.at(1)


def test_no_more_than_some_intents_are_kept_and_the_oldest_go_first():
    kept = where_somebody_claims()

    for number in range(MOST_UNDER_WAY + 1):
        kept.committed(under_way(f"i-{number}"))

    assert len(kept.at(1)) == 2 * MOST_UNDER_WAY
    assert (CASE.name, TENANT, "i-0") not in kept.at(1)
