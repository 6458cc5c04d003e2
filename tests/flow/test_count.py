"""Following the ledger: every entry counts once, late ones too, whoever follows and whenever one dies."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from datetime import timedelta

import pytest

import remit.flow.consumer as unread_flow
from remit.core.records import DAILY_COUNTS, case_key
from remit.testing.faults import Crash, FaultyStore
from remit.testing.samples import make_entry, putting

from .world import ACCOUNT, NOON, OTHER, TENANT, TYPE, bounds

TODAY = "2026-03-10"
FAULTS = ("crash_before", "crash_after", "try_later", "lost_request", "lost_answer")


def counted(world, tenant=TENANT, day=TODAY):
    """Decisions and outcomes of one day, by what they came to."""
    (shown,) = world.app.tally(tenant, day, day)["days"]
    return Counter(
        {
            **{(row["result"], row["reason"], row["action_type"]): row["count"] for row in shown["decisions"]},
            **{(row["status"], row["approval_source"]): row["count"] for row in shown["outcomes"]},
            **{row["answer"]: row["count"] for row in shown["answers"]},
        }
    )


def decisions(world, tenant=TENANT, day=TODAY):
    (shown,) = world.app.tally(tenant, day, day)["days"]
    return sum(row["count"] for row in shown["decisions"])


def put(world, *entries):
    """Committed now, whatever time they carry."""
    # In parts: what one unit may write is bounded.
    parts = [entries[start : start + 50] for start in range(0, len(entries), 50)]
    assert world.inner.transact([putting(entries=part) for part in parts]) == [None] * len(parts)


def decided(name, at, tenant=TENANT):
    data = {"result": "AUTO_EXECUTED", "reason": "WITHIN_BOUNDS"}
    return make_entry(name, event="GATE_DECIDED", at=at, data=data, tenant=tenant, account=ACCOUNT)


def test_a_day_is_what_was_decided_done_and_answered(world):
    world.submit("done"), world.submit("failed", action_type=OTHER)
    world.far.script += ["yes", "no AUTH"]
    world.work()
    world.queued("asked"), world.queued("no")
    world.approve("asked")
    world.app.reject(TENANT, "no", by="bob")
    world.work()

    world.app.follow()

    assert counted(world) == {
        ("AUTO_EXECUTED", "WITHIN_BOUNDS", TYPE): 1,
        ("AUTO_EXECUTED", "WITHIN_BOUNDS", OTHER): 1,
        ("REQUIRE_APPROVAL", "CONFIDENCE_BELOW_THRESHOLD", TYPE): 2,
        ("SUCCEEDED", "POLICY"): 1,
        ("FAILED", "POLICY"): 1,
        ("SUCCEEDED", "HUMAN"): 1,
        "APPROVED": 1,
        "REJECTED": 1,
    }


def test_followed_again_nothing_counts_twice_and_nothing_is_written(world):
    world.submit("i-1")
    world.app.follow()
    faulty = FaultyStore(world.inner)
    world.store = faulty
    world.restart()

    for _ in range(3):
        world.clock.pass_(seconds=40)
        world.app.follow()

    assert decisions(world) == 1
    assert faulty.writes == 0


def test_what_was_counted_is_not_read_with_the_next_look(world):
    put(world, *(decided(f"n-{n}", NOON + timedelta(milliseconds=n)) for n in range(100)))
    world.app.follow()
    put(world, decided("next", NOON))
    world.store = FaultyStore(world.inner)
    world.restart()
    read, ledger_after = [], world.inner.ledger_after

    def counting(*asked):
        page = ledger_after(*asked)
        read.append(len(page.entries))
        return page

    world.store.ledger_after = counting
    looks = [(world.app.follow(), sum(read), read.clear())[1] for _ in range(3)]

    assert looks == [1, 0, 0]
    assert decisions(world) == 101


def test_an_entry_that_is_committed_late_counts_once(world):
    world.submit("i-1")
    world.app.follow()
    world.clock.pass_(seconds=30)
    put(world, decided("now", world.clock.at))
    world.app.follow()
    put(world, decided("late", NOON + timedelta(seconds=5)))

    for _ in range(3):
        world.app.follow()
        world.clock.pass_(seconds=20)

    assert decisions(world) == 3


def test_many_at_once_count_once_and_those_that_carry_an_earlier_time_too(world):
    many = 300
    world.submit("i-1")
    world.app.follow()
    put(world, *(decided(f"n-{n}", NOON + timedelta(milliseconds=n + 1)) for n in range(many)))
    while world.app.follow():
        pass
    put(world, decided("late", NOON - timedelta(days=3)))

    world.app.follow()

    assert decisions(world) == many + 1
    assert decisions(world, day="2026-03-07") == 1


def test_a_ledger_that_was_never_counted_is_counted_in_bounded_parts(world, monkeypatch):
    monkeypatch.setattr(unread_flow, "MOST_UNREAD", 60)
    for day in range(5):
        at = NOON - timedelta(days=60 * day)
        put(world, *(decided(f"d-{day}-{n}", at + timedelta(seconds=n)) for n in range(100)))

    world.clock.pass_(hours=1)
    rounds = 1
    while world.app.follow():
        rounds += 1

    days = world.app.tally(TENANT, "2025-07-01", TODAY)["days"]
    assert [sum(row["count"] for row in day["decisions"]) for day in days if day["decisions"]] == [100] * 5
    assert 8 < rounds < 100


def test_a_ledger_of_many_days_is_counted_in_parts_that_every_store_can_write(world):
    days = [NOON - timedelta(days=number) for number in range(150)]
    put(world, *(decided(f"d-{number}", at) for number, at in enumerate(days)))

    rounds = 1
    while world.app.follow():
        rounds += 1

    counted_days = world.app.tally(TENANT, "2025-07-01", TODAY)["days"]
    assert [sum(row["count"] for row in day["decisions"]) for day in counted_days if day["decisions"]] == [1] * 150
    assert 2 < rounds < 30


def test_two_who_follow_at_once_count_once(world):
    for name in range(5):
        world.submit(f"i-{name}")

    world.race(lambda app: app.follow(), lambda app: app.follow())
    world.app.follow()

    assert decisions(world) == 5


@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_happens_at_the_write_an_entry_counts_once(new_world, fault):
    world = new_world()
    world.apply()
    for name in range(3):
        world.submit(f"i-{name}")
    world.store = FaultyStore(world.inner, fault)
    world.restart()

    with suppress(Crash):
        world.app.follow()
    world.recover()
    world.app.follow()

    assert decisions(world) == 3


def test_a_day_is_the_day_of_the_tenant_s_zone(world):
    world.apply(budget={"max_autonomous_per_day": 10, "timezone": "Pacific/Auckland"})
    world.clock.pass_(days=1)
    world.submit("i-1")

    world.app.follow()

    shown = world.app.tally(TENANT, "2026-03-11", "2026-03-12")
    assert shown["timezone"] == "Pacific/Auckland" and shown["today"] == "2026-03-12"
    assert [len(day["decisions"]) for day in shown["days"]] == [0, 1]


def test_a_tenant_s_days_hold_nothing_of_another(world):
    world.app.apply(bounds("globex"), by="zoe")
    world.submit("theirs", tenant="globex"), world.submit("theirs-2", tenant="globex")
    world.submit("ours")

    world.app.follow()

    assert (decisions(world), decisions(world, "globex")) == (1, 2)


def test_days_say_up_to_where_they_are_counted(world):
    assert world.app.tally(TENANT, TODAY, TODAY)["counted_to"] is None
    world.submit("i-1")
    world.app.follow()

    assert world.app.tally(TENANT, TODAY, TODAY)["counted_to"] == "2026-03-10T12:00:00Z"


def test_trouble_with_one_tenant_is_not_the_others(world, monkeypatch):
    world.app.apply(bounds("globex"), by="zoe")
    world.submit("ours"), world.submit("theirs", tenant="globex")
    world.store = FaultyStore(world.inner, "try_later", at=1)
    world.restart()

    world.app.follow()

    assert sorted((decisions(world), decisions(world, "globex"))) == [0, 1]
    assert len(world.inner.scan(DAILY_COUNTS, TENANT)) + len(world.inner.scan(DAILY_COUNTS, "globex")) == 1


def test_an_intent_that_was_counted_as_decided_is_not_looked_up_when_it_has_ended(world):
    world.submit("i-1")
    world.app.follow()
    looked_up, read = [], world.store.read
    world.work()
    world.store.read = lambda keys: (looked_up.extend(keys), read(keys))[1]

    world.app.follow()

    assert counted(world)["SUCCEEDED", "POLICY"] == 1
    assert case_key(TENANT, "i-1") not in looked_up
