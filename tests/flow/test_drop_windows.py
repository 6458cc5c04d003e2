"""Counters of windows that are long over: gone from every store, and nothing that is true rests on them."""

from __future__ import annotations

from datetime import timedelta
from typing import get_args

import pytest

from remit.core.gate.budget import (
    KEPT_FOR,
    LONGEST_WINDOW,
    account_usage_id,
    day_of,
    kept_from,
    only_charged_to_kept,
)
from remit.core.gate.period import Period, window_of
from remit.core.records import CHAIN, USAGE, Key
from remit.flow import drop_windows as drop_flow
from remit.flow.drop_windows import drop_windows
from remit.flow.notifications.count import Counting
from remit.ports import REFUSED, UnitOfWork, Writes
from remit.testing.faults import StoreWrapper

from .world import ACCOUNT, NOON, TENANT, bounds

SECOND = timedelta(seconds=1)
LATER = KEPT_FOR.days + 2
LIMITS = [
    {"name": "burst", "most": 9, "per": "hour", "of": "account", "timezone": "UTC"},
    {"name": "monthly", "most": 90, "per": "month", "of": "account", "timezone": "UTC"},
]


class ReadChains(StoreWrapper):
    """Notes whose chains were read."""

    def __init__(self, inner):
        super().__init__(inner)
        self.read_chains = []

    def read(self, keys):
        self.read_chains += [key.id for key in keys if key.kind is CHAIN]
        return super().read(keys)


def kept(world, tenant=TENANT):
    return [usage.usage_id for usage in world.inner.scan(USAGE, tenant)]


def of_march(world):
    return [name for name in kept(world) if name.startswith("2026-03")]


def follow(world):
    while world.app.follow():
        pass


def test_what_is_long_over_is_dropped_when_the_ledger_is_followed_and_verify_still_holds(world):
    world.apply(limits=LIMITS)
    world.app.apply(bounds("globex"), by="ann")
    world.submit("old")
    world.submit("theirs", tenant="globex")
    world.work()
    follow(world)
    assert len(of_march(world)) == 3

    world.clock.pass_(days=LATER)
    world.submit("new")
    world.work()
    follow(world)

    assert of_march(world) == [] and len(kept(world)) == 3
    # Of a tenant in which nothing happened nobody has looked, and it grows by nothing.
    assert len(kept(world, "globex")) == 1
    world.assert_sound()
    assert world.used() == 1


def test_a_window_is_kept_as_long_as_it_may_still_be_looked_at(world):
    world.submit("old")
    world.clock.pass_(days=KEPT_FOR.days)

    drop_windows(world.app.context, TENANT, world.clock.now())

    assert of_march(world)
    world.assert_sound()


def test_what_may_still_be_given_back_keeps_its_window_however_old_it_is(world):
    world.submit("done")
    world.work()
    world.reserve("waits", account_id="south", expires_at=(NOON + timedelta(days=2 * LATER)).isoformat())
    world.clock.pass_(days=LATER)

    assert drop_windows(world.app.context, TENANT, world.clock.now()) is False

    assert [name.rpartition(":")[2] for name in of_march(world)] == ["south"]
    world.app.withdraw(TENANT, "waits", by="agent")
    world.assert_sound()
    drop_windows(world.app.context, TENANT, world.clock.now())
    assert of_march(world) == []
    world.assert_sound()


def test_what_the_bus_refuses_late_goes_back_into_its_window(sending):
    sending.reserve("late", expires_at=(NOON + timedelta(days=2 * LATER)).isoformat())
    sending.clock.pass_(days=LATER)
    drop_windows(sending.app.context, TENANT, sending.clock.now())
    sending.bus.script += [REFUSED]

    sending.app.reconcile()

    assert sending.app.status(TENANT, "late")["reason"] == "PUBLISH_REJECTED"
    sending.assert_sound()


def test_many_are_dropped_in_several_writes_behind_one_that_stays(world, monkeypatch):
    monkeypatch.setattr(drop_flow, "AT_ONCE", 3)
    monkeypatch.setattr(drop_flow, "MOST_WRITES", 2)
    world.reserve("waits", account_id="a-00", expires_at=(NOON + timedelta(days=2 * LATER)).isoformat())
    for number in range(1, 9):
        world.submit(f"i-{number}", account_id=f"a-{number:02}")
    world.work()
    world.clock.pass_(days=LATER)

    looks = [drop_windows(world.app.context, TENANT, world.clock.now()) for _ in range(2)]

    assert looks == [True, False]
    assert [name.rpartition(":")[2] for name in of_march(world)] == ["a-00"]
    world.assert_sound()


def test_only_chains_of_old_approvals_are_read_for_it(new_world):
    world = new_world(wrap=ReadChains)
    world.apply()
    world.submit("done")
    world.work()
    world.reserve("old", account_id="south", expires_at=(NOON + timedelta(days=2 * LATER)).isoformat())
    world.clock.pass_(days=LATER)
    for name in ("young", "younger"):
        world.reserve(name)
    world.store.read_chains.clear()

    drop_windows(world.app.context, TENANT, world.clock.now())

    assert world.store.read_chains == ["old"]
    assert [name.rpartition(":")[2] for name in of_march(world)] == ["south"]


@pytest.mark.parametrize("period", get_args(Period))
@pytest.mark.parametrize(
    "zone", ["UTC", "Pacific/Kiritimati", "Pacific/Midway", "Europe/Berlin", "Australia/Lord_Howe"]
)
def test_whatever_is_charged_from_so_long_ago_on_is_charged_to_windows_that_are_kept(period, zone):
    for hours in range(0, 2 * 366 * 24, 7):
        now = NOON + timedelta(hours=hours)
        oldest = now + LONGEST_WINDOW - KEPT_FOR
        assert only_charged_to_kept(oldest, now) and not only_charged_to_kept(oldest - SECOND, now)

        assert str(window_of(oldest, period, zone)) >= kept_from(now)
        assert account_usage_id(day_of(oldest, zone), ACCOUNT) >= kept_from(now)


def test_where_too_much_is_under_way_nothing_is_dropped(world, monkeypatch):
    monkeypatch.setattr(drop_flow, "MOST_UNFINISHED", 0)
    world.submit("old")
    world.clock.pass_(days=LATER)

    assert drop_windows(world.app.context, TENANT, world.clock.now()) is False
    assert of_march(world)


def test_a_process_whose_clock_is_ahead_drops_nothing_that_is_counted_by_today(world):
    world.submit("now")

    Counting().count(world.app.context, TENANT, world.clock.now() + 2 * KEPT_FOR)

    assert of_march(world)
    assert world.used() == 1


def test_a_counter_of_today_that_is_gone_is_found(world):
    world.submit("now")
    (name,) = of_march(world)
    at = Key(USAGE, TENANT, name)
    world.inner.transact([UnitOfWork([at], lambda snapshot: Writes(answer=None, deletes=[at]))])

    report = world.app.verify(TENANT)

    # The day's, and its type's.
    assert [finding.invariant for finding in report.findings] == [1, 1]
    assert all(ACCOUNT in finding.where for finding in report.findings)
