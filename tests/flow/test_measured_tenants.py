"""Measurements of all tenants: what did not change since the last look is not read again."""

from __future__ import annotations

from contextlib import closing

import psycopg
import pytest

from remit.core.values import PLATFORM
from remit.flow.reading import measured_tenants
from remit.flow.reading.measured_tenants import LISTED_EVERY
from remit.testing.faults import StoreWrapper

from .world import ACCOUNT, TYPE, World, bounds

FIRST, SECOND, THIRD = "first", "second", "third"
NAMES = [FIRST, SECOND, THIRD]
FIELDS = ("waiting", "oldest_waiting_s", "publish_lag_s", "budget_left", "limit_left", "not_taken_s")
HOURLY = {"name": "few", "most": 5, "per": "hour", "of": "account"}


class Watched(StoreWrapper):
    """Notes which tenants were read, and how often all of them were listed."""

    def __init__(self, inner):
        super().__init__(inner)
        self.counted, self.listed = [], 0

    def counts(self, tenant_id, statuses=None):
        self.counted.append(tenant_id)
        return super().counts(tenant_id, statuses)

    def tenants(self):
        self.listed += 1
        return super().tenants()


@pytest.fixture
def world(new_world):
    world = new_world(wrap=Watched)
    for name in NAMES:
        apply(world, name)
    return world


def apply(world, tenant, **changes):
    world.app.apply(bounds(tenant, **changes), by="ann")


def read_by(world, look):
    """The tenants that were read for a look, by name."""
    world.store.counted.clear()
    found = look()
    return found, sorted(world.store.counted)


def of_all(world):
    found = world.app.measure()
    return {field: getattr(found, field) for field in FIELDS}


def of_each(world):
    """As it is measured of each tenant alone, put together."""
    alone = [world.app.measure(name) for name in world.inner.tenants() if name != PLATFORM]
    return {field: {key: n for each in alone for key, n in getattr(each, field).items()} for field in FIELDS}


def test_of_all_is_shown_what_is_shown_of_each_however_often_and_whatever_the_time(world):
    apply(world, FIRST, limits=[HOURLY])
    world.submit("ran", tenant=FIRST)
    world.queued("waits", tenant=SECOND)

    for hours in (0, 0, 1, 26):
        world.clock.pass_(hours=hours)
        assert of_all(world) == of_each(world)
    world.work()
    assert of_all(world) == of_each(world)
    assert of_all(world)["waiting"] == {FIRST: 0, SECOND: 1, THIRD: 0}


def test_a_tenant_is_read_again_when_its_ledger_has_grown_and_no_other_is(world, store_kind):
    of_all(world)

    world.queued("waits", tenant=SECOND)
    first, then = read_by(world, world.app.measure)[1], read_by(world, world.app.measure)[1]

    # On DynamoDB what changed a minute ago counts as changed still.
    assert SECOND in first if store_kind == "dynamodb" else (first, then) == ([SECOND], [])
    assert world.store.listed == 1


def test_a_new_tenant_is_shown_and_nobody_is_listed_for_it(world):
    of_all(world)

    apply(world, "another")

    assert list(of_all(world)["waiting"]) == ["another", *NAMES]
    assert world.store.listed == 1


def test_when_a_window_has_ended_what_is_left_is_that_of_the_new_one(world):
    apply(world, FIRST, limits=[HOURLY])
    world.submit("ran", tenant=FIRST)
    world.work()
    before = of_all(world)["limit_left"]

    world.clock.pass_(hours=1)

    assert (before, of_all(world)["limit_left"]) == (
        {(FIRST, "few", "", f"account:{ACCOUNT}"): 4},
        {},
    )


def test_what_is_sent_without_an_entry_is_seen_all_the_same(new_world):
    world = new_world(wrap=Watched)
    apply(world, FIRST)
    world.reserve("out", tenant=FIRST)
    world.clock.pass_(minutes=1)
    assert of_all(world)["not_taken_s"] == {}

    world.app.reconcile()
    assert of_all(world)["not_taken_s"] == {}
    world.clock.pass_(minutes=5)

    assert of_all(world) == of_each(world)
    assert of_all(world)["not_taken_s"] == {(FIRST, TYPE): 300}


def test_only_the_first_tenants_are_shown_and_the_number_of_the_others(world, monkeypatch):
    monkeypatch.setattr(measured_tenants, "MOST_TENANTS", 2)

    found, read = read_by(world, world.app.measure)

    assert (list(found.waiting), found.left_out, read) == ([FIRST, SECOND], 1, [FIRST, SECOND])


def test_where_too_much_happened_everything_is_read_again_and_new_tenants_are_listed_after_a_while(
    world, monkeypatch, store_kind
):
    monkeypatch.setattr(measured_tenants, "MOST_ENTRIES", 1)
    of_all(world)
    for name in ("another", "one-more"):
        apply(world, name)
    world.queued("waits", tenant=THIRD)

    assert of_all(world)["waiting"][THIRD] == 1
    world.clock.pass_(minutes=LISTED_EVERY.total_seconds() / 60)
    assert of_all(world) == of_each(world)
    # There the marks of tenants are looked at, however much each of them wrote.
    assert world.store.listed == (1 if store_kind == "dynamodb" else 2)


def test_what_somebodys_long_transaction_holds_back_is_seen_all_the_same(postgres_url, open_store):
    world = World(lambda: open_store("postgres"), wrap=Watched)
    apply(world, FIRST)
    of_all(world)
    with closing(psycopg.connect(postgres_url)) as held:
        # Its transaction has a number once it has written something.
        held.execute("SELECT pg_current_xact_id()")
        world.queued("waits", tenant=FIRST)
        assert of_all(world)["waiting"] == {FIRST: 1}
        world.queued("waits-too", tenant=FIRST)

        assert of_all(world)["waiting"] == {FIRST: 2}
    assert of_all(world)["waiting"] == {FIRST: 2}


def test_what_cannot_be_read_once_is_read_the_next_time(world):
    of_all(world)
    world.queued("waits", tenant=SECOND)
    world.store.counts, counts = None, world.store.counts
    with pytest.raises(TypeError):
        world.app.measure()

    world.store.counts = counts

    assert of_all(world)["waiting"][SECOND] == 1
