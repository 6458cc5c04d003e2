"""Counts by status on SQL: what has ended is counted once, and then followed along the ledger."""

import threading

import pytest

from remit.core.records import case_key
from remit.ports import UnitOfWork, Writes
from remit.stores.sql import status_counts
from remit.stores.sql.waiting_counts import kept_counts
from remit.testing.samples import OTHER, TENANT, make_case, make_entry, make_object, putting, putting_cases
from tests.waiting import ended, happened

ON_SQL = pytest.mark.parametrize("store_kind", ["sqlite", "postgres"])


def ending(id, *, status="SUCCEEDED", event="ACTION_EXECUTED", tenant=TENANT, data=None):
    """The write by which an intent ends."""
    case = make_case(id, status=status, tenant=tenant)
    return putting((case_key(tenant, id), case), entries=[make_entry(id, event=event, tenant=tenant, data=data)])


@pytest.fixture
def anew(monkeypatch):
    """The tenants of whom every case was counted."""
    seen, every = [], status_counts.counted
    monkeypatch.setattr(status_counts, "counted", lambda fetch, tenant: seen.append(tenant) or every(fetch, tenant))
    return seen


@ON_SQL
def test_what_ended_since_the_last_look_is_added_to_it(open_store, store_kind, anew):
    store, another = open_store(store_kind), open_store(store_kind)
    store.transact([ending("i-1"), ending("i-2", status="FAILED", event="ACTION_FAILED"), ending("o-1", tenant=OTHER)])
    store.transact([putting_cases(make_case("i-3"), make_case("i-4", status="BLOCKED"), make_case("i-5"))])
    first = store.counts(TENANT)

    another.transact([ending("i-3"), ending("o-2", tenant=OTHER)])
    another.transact([putting_cases(make_case("i-4", status="UNKNOWN"))])
    second = store.counts(TENANT)
    found = {"outcome": {"status": "FAILED"}}
    another.transact([ending("i-4", status="FAILED", event="OUTCOME_RESOLVED", data=found)])

    assert first == {"SUCCEEDED": 1, "FAILED": 1, "PROPOSED": 2, "BLOCKED": 1}
    assert second == {"SUCCEEDED": 2, "FAILED": 1, "PROPOSED": 1, "UNKNOWN": 1}
    assert store.counts(TENANT) == store.counts(TENANT) == {"SUCCEEDED": 2, "FAILED": 2, "PROPOSED": 1}
    assert store.counts(TENANT, ["SUCCEEDED", "PROPOSED"]) == {"SUCCEEDED": 2, "PROPOSED": 1}
    assert anew == [TENANT]
    assert store.counts(OTHER) == {"SUCCEEDED": 2} and store.counts("nobody") == {}


@ON_SQL
def test_where_too_much_has_ended_since_every_case_is_counted_again(open_store, store_kind, anew, monkeypatch):
    store = open_store(store_kind)
    monkeypatch.setattr(status_counts, "MOST_BEHIND", 3)
    store.counts(TENANT)
    for number in range(5):
        store.transact([ending(f"i-{number}")])

    assert store.counts(TENANT) == store.counts(TENANT) == {"SUCCEEDED": 5}
    assert anew == [TENANT, TENANT]


@ON_SQL
def test_no_more_tenants_than_so_many_are_remembered(open_store, store_kind, anew, monkeypatch):
    store = open_store(store_kind)
    monkeypatch.setattr(status_counts, "MOST_TENANTS", 1)
    store.transact([ending("i-1"), ending("i-1", tenant=OTHER)])

    for tenant in (TENANT, OTHER, OTHER, TENANT):
        assert store.counts(tenant) == {"SUCCEEDED": 1}
    assert anew == [TENANT, OTHER, TENANT]


@ON_SQL
def test_an_intent_that_moves_on_while_some_statuses_are_counted_is_counted_once(open_store, store_kind, monkeypatch):
    store, another = open_store(store_kind), open_store(store_kind)
    another.transact([putting_cases(make_case("i-1", status="AWAITING_APPROVAL"))])

    def and_then_it_moves(rows):
        found = kept_counts(rows)
        another.transact([putting_cases(make_case("i-1", status="APPROVED"))])
        return found

    monkeypatch.setattr("remit.stores.sql.status_counts.kept_counts", and_then_it_moves)

    assert store.counts(TENANT, ["AWAITING_APPROVAL", "APPROVED"]) == {"AWAITING_APPROVAL": 1}


@ON_SQL
def test_counts_stay_exact_while_others_end_intents(open_store, store_kind, anew):
    store, another = open_store(store_kind), open_store(store_kind)
    many, done = 60, threading.Event()

    def end_them():
        for number in range(many):
            another.transact([ending(f"i-{number}")])
        done.set()

    store.transact([putting_cases(*(make_case(f"i-{number}") for number in range(many)))])
    writer, seen = threading.Thread(target=end_them), []
    writer.start()
    while not done.is_set():
        seen.append(store.counts(TENANT))
    ended(writer)

    assert all(sum(counts.values()) == many for counts in seen)
    assert store.counts(TENANT) == {"SUCCEEDED": many} and anew == [TENANT]


@pytest.mark.parametrize("asked_before", [False, True])
def test_what_committed_beside_a_transaction_that_is_still_open_counts_once(open_store, asked_before, anew):
    """On PostgreSQL the ledger's position of now waits for it, and what has ended behind that is there already."""
    store, late = open_store("postgres"), open_store("postgres")
    deciding, may_commit = threading.Event(), threading.Event()

    def slowly(_snapshot):
        deciding.set()
        happened(may_commit, what="the late one may commit")
        case = make_case("late", status="SUCCEEDED")
        return Writes(
            None, puts=[(case_key(TENANT, "late"), case)], entries=[make_entry("late", event="ACTION_EXECUTED")]
        )

    key, _ = make_object()
    # Its transaction has a number once it has locked what is there.
    store.transact([putting(make_object())])
    if asked_before:
        store.counts(TENANT)
    writer = threading.Thread(target=late.transact, args=([UnitOfWork([key, case_key(TENANT, "late")], slowly)],))
    writer.start()
    happened(deciding, what="the late one has begun")
    store.transact([ending("meanwhile")])
    beside = [store.counts(TENANT) for _ in range(3)]
    may_commit.set()
    ended(writer)

    assert beside == [{"SUCCEEDED": 1}] * 3
    assert [store.counts(TENANT) for _ in range(3)] == [{"SUCCEEDED": 2}] * 3
    assert anew == [TENANT]
