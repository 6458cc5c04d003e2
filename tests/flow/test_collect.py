"""Telling people: who asked is told once what wants a person's eye, and nobody is told anything of another tenant."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import pytest

from remit.core.errors import InvalidInput
from remit.core.gate.autonomy import StopScope
from remit.core.notifications.outbox import MOST_ITEMS
from remit.ports import REFUSED
from remit.testing.faults import Crash, FaultyStore
from remit.testing.samples import make_entry, putting

from .notified import CONSOLE, bring, deliver, follow, notifying_world, only, subscribe
from .world import ACCOUNT, NOON, TENANT, TYPE, bounds

FAULTS = ("crash_before", "crash_after", "try_later", "lost_request", "lost_answer")


@pytest.fixture
def told(new_world):
    return notifying_world(new_world)


def test_who_asked_is_told_what_needs_input_with_a_link_that_leads_to_it(told):
    world, receiver = told
    subscribe(world)
    world.queued("i-1")

    bring(world)

    (letter,) = receiver.letters
    (item,) = letter.event["data"]["items"]
    assert letter.subject == "An action needs your input (acme)"
    assert item["text"].startswith(f"A person is asked about {TYPE} on contact c-1 for north: ")
    assert item["url"] == f"{CONSOLE}/console/intents/i-1"
    assert item["expires_at"] is not None
    assert (letter.event["type"], letter.event["subject"]) == ("remit.needs_input", "i-1")


def test_parameters_are_told_to_nobody(told):
    world, receiver = told
    subscribe(world)
    world.queued("i-1", parameters={"text": "between you and me"})

    bring(world)

    assert "between you and me" not in str(receiver.mailings)


def test_many_at_once_become_one_message_that_says_how_many(told):
    world, receiver = told
    subscribe(world)
    for number in range(MOST_ITEMS + 5):
        world.queued(f"i-{number}")

    bring(world)

    (letter,) = receiver.letters
    assert letter.subject == f"{MOST_ITEMS + 5} actions need your input (acme)"
    assert len(letter.event["data"]["items"]) == MOST_ITEMS
    assert letter.event["data"]["more"] == 5
    assert letter.lines[-1] == ("and 5 more", f"{CONSOLE}/console/queue")


def test_what_a_person_answered_meanwhile_is_not_told(told):
    world, receiver = told
    subscribe(world)
    world.queued("i-1"), world.queued("i-2"), world.queued("i-3")
    world.approve("i-1")
    world.app.reject(TENANT, "i-2", by="bob")

    bring(world)

    assert [item["action_intent_id"] for item in receiver.letters[0].event["data"]["items"]] == ["i-3"]


def test_what_is_blocked_asks_nobody(told):
    world, receiver = told
    subscribe(world, **only("NEEDS_INPUT", "EXPIRES_SOON"))
    world.apply(modes={"default": "DISABLED"})
    world.submit("i-1", expires_at=(NOON + timedelta(minutes=10)).isoformat())
    world.clock.pass_(minutes=9, seconds=30)

    bring(world)

    assert receiver.letters == []


def test_what_the_bus_refused_needs_input(new_world):
    world, receiver = notifying_world(new_world, sending=True)
    subscribe(world)
    world.bus.script += [REFUSED]
    world.submit("i-1")

    bring(world)

    assert [letter.event["data"]["notice"] for letter in receiver.letters] == ["NEEDS_INPUT"]


def test_an_outcome_that_nobody_knows_is_told_unless_it_was_found_out(told):
    world, receiver = told
    subscribe(world)
    world.far.script += ["lost", "lost"]
    world.submit("i-1"), world.submit("i-2")
    world.work()
    world.app.resolve(TENANT, "i-2", by="bob", status="FAILED")

    bring(world)

    assert receiver.told("OUTCOME_UNKNOWN") == [
        f"Autopilot tried {TYPE} on contact c-1 for north, and nobody knows whether it happened"
    ]


# --- budgets ---


def test_a_budget_that_ran_out_is_told_once_a_window(told):
    world, receiver = told
    world.apply(budget={"max_autonomous_per_day": 1})
    subscribe(world, **only("BUDGET_EXHAUSTED"))
    for number in range(3):
        world.submit(f"a-{number}")
        bring(world)
    world.submit("south", account_id="south"), world.submit("south-2", account_id="south")
    bring(world)
    world.clock.pass_(days=1)
    world.submit("b-1"), world.submit("b-2")
    bring(world)

    assert receiver.told()[0].startswith("From now on a person is asked: the day's limit for account north is reached")
    assert [item["account_id"] for letter in receiver.letters for item in letter.event["data"]["items"]] == [
        "north",
        "south",
        "north",
    ]


# --- stops ---


def test_a_stop_and_its_end_are_told_the_platform_s_to_everybody(told):
    world, receiver = told
    world.app.apply(bounds("globex"), by="zoe")
    subscribe(world, **only("STOPPED", "RESUMED"))
    subscribe(world, tenant="globex", **only("STOPPED", "RESUMED"))
    world.stop()
    bring(world)
    world.app.stop(StopScope(), by="root", reason="fire")
    world.resume()
    bring(world)

    by_tenant = {
        tenant: [
            (letter.event["data"]["notice"], letter.lines[0][0])
            for mailing in receiver.mailings
            if mailing.to.tenant_id == tenant
            for letter in mailing.letters
        ]
        for tenant in (TENANT, "globex")
    }
    assert sorted(by_tenant[TENANT]) == [
        ("RESUMED", 'ann resumed everything (autonomy): "over"'),
        ("STOPPED", 'ann stopped everything (autonomy): "incident"'),
        ("STOPPED", 'root stopped everything (autonomy): "fire"'),
    ]
    assert by_tenant["globex"] == [("STOPPED", 'root stopped everything (autonomy): "fire"')]


# --- about to expire ---


def test_what_waits_is_told_once_shortly_before_it_expires(told):
    world, receiver = told
    subscribe(world, **only("EXPIRES_SOON"))
    world.queued("long", expires_at=(NOON + timedelta(days=1)).isoformat())
    world.queued("short", expires_at=(NOON + timedelta(minutes=100)).isoformat())
    moments = []
    # Close by around both moments; in between only what must not happen could.
    looks = {*range(0, 24 * 60, 60), *range(70, 120, 5), *range(23 * 60 - 20, 23 * 60 + 30, 5)}
    for minutes in sorted(looks):
        world.clock.at = NOON + timedelta(minutes=minutes)
        before = len(receiver.letters)
        bring(world)
        moments += [minutes] * (len(receiver.letters) - before)

    assert moments == [90, 23 * 60]


def test_what_waits_already_is_told_to_who_asks_just_before_it_expires(told):
    world, receiver = told
    world.queued("i-1", expires_at=(NOON + timedelta(minutes=30)).isoformat())
    world.clock.pass_(minutes=29)
    subscribe(world, **only("EXPIRES_SOON"))

    bring(world)

    assert len(receiver.letters) == 1


# --- the day ---


def test_a_day_is_told_once_when_it_has_ended_in_the_tenant_s_zone(told):
    world, receiver = told
    world.apply(budget={"max_autonomous_per_day": 2, "timezone": "America/New_York"})
    # A change of zone takes effect when the day has ended.
    world.clock.pass_(days=1)
    subscribe(world, **only("DAILY_DIGEST"))
    world.submit("i-1"), world.submit("i-2"), world.submit("i-3")
    world.far.script += ["yes", "no AUTH"]
    world.work()
    ends = NOON.replace(day=12, hour=4)
    moments = []
    for hour in range(42):
        world.clock.at = NOON + timedelta(days=1, hours=hour, minutes=5)
        before = len(receiver.letters)
        bring(world)
        moments += [world.clock.at] * (len(receiver.letters) - before)

    assert [moment.replace(minute=0, second=0) for moment in moments] == [ends, ends + timedelta(days=1)]
    assert receiver.told() == [
        f"2026-03-11 (America/New_York): Autopilot did 1 (1 {TYPE}). It tried and failed: 1 (1 {TYPE}). "
        "A person was asked about 1 (1 BUDGET_EXCEEDED).",
        "2026-03-12 (America/New_York): Autopilot did nothing. A person was asked about nothing.",
    ]


# --- who is told what ---


def test_only_what_was_asked_for_and_only_of_the_accounts_that_were_named(told):
    world, receiver = told
    subscribe(world, "north", notices=["NEEDS_INPUT"], accounts=[ACCOUNT])
    subscribe(world, "unknown", **only("OUTCOME_UNKNOWN"))
    world.queued("i-1"), world.queued("i-2", account_id="south")

    bring(world)

    (mailing,) = receiver.mailings
    assert mailing.to.subscription_id == "north"
    assert [item["account_id"] for item in mailing.letters[0].event["data"]["items"]] == [ACCOUNT]


def test_what_happened_before_it_was_asked_for_or_while_it_was_off_is_not_told(told):
    world, receiver = told
    world.queued("before")
    world.clock.pass_(seconds=1)
    subscribe(world, **only("NEEDS_INPUT"))
    world.queued("first")
    bring(world)
    subscribe(world, enabled=False)
    world.clock.pass_(seconds=1)
    world.queued("off")
    bring(world)
    world.clock.pass_(seconds=1)
    subscribe(world, **only("NEEDS_INPUT"))
    world.queued("again")
    bring(world)

    items = [item["action_intent_id"] for letter in receiver.letters for item in letter.event["data"]["items"]]
    assert items == ["first", "again"]


def test_changing_what_is_told_loses_nothing(told):
    world, receiver = told
    subscribe(world, **only("NEEDS_INPUT"))
    world.queued("i-1")
    world.clock.pass_(seconds=1)
    subscribe(world, **only("NEEDS_INPUT", "STOPPED"))

    bring(world)

    assert len(receiver.told()) == 1


def test_nothing_of_one_tenant_is_told_to_another(told):
    world, receiver = told
    world.app.apply(bounds("globex", budget={"max_autonomous_per_day": 0}), by="zoe")
    subscribe(world)
    world.queued("theirs", tenant="globex"), world.submit("theirs-2", tenant="globex")
    world.app.stop(StopScope(tenant_id="globex"), by="zoe", reason="theirs")

    bring(world)
    world.clock.pass_(days=8)
    bring(world)

    assert {mailing.to.tenant_id for mailing in receiver.mailings} == {TENANT}
    assert "globex" not in str(receiver.mailings) and "theirs" not in str(receiver.mailings)
    assert world.app.deliveries("globex") == []


# --- once ---


def test_an_entry_that_is_committed_late_is_told_once(told):
    world, receiver = told
    subscribe(world, **only("STOPPED"))
    world.clock.pass_(seconds=40)
    world.stop()
    bring(world)
    data = {"scope": {"tenant_id": TENANT}, "level": "autonomy", "reason": "late", "stopped_by": "eve"}
    head = world.app.context.store.chain(TENANT, None)[-1].head
    late = make_entry(None, after=head, event="AUTONOMY_STOPPED", at=NOON + timedelta(seconds=20), data=data)
    world.inner.transact([putting(entries=[late])])

    for _ in range(4):
        bring(world)
        world.clock.pass_(seconds=20)

    assert [text.rpartition(": ")[2] for text in receiver.told()] == ['"incident"', '"late"']


def test_two_who_tell_at_once_tell_once(told):
    world, receiver = told
    subscribe(world)
    world.queued("i-1", expires_at=(NOON + timedelta(minutes=1)).isoformat())
    world.clock.pass_(seconds=57)

    world.race(lambda app: app.follow(), lambda app: app.follow())
    follow(world)
    world.race(lambda app: app.follow(), lambda app: app.follow())
    bring(world)

    assert sorted(letter.event["data"]["notice"] for letter in receiver.letters) == ["EXPIRES_SOON", "NEEDS_INPUT"]
    assert all(len(letter.event["data"]["items"]) == 1 for letter in receiver.letters)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("at", [1, 2])
def test_whatever_happens_at_a_write_it_is_told_once(new_world, fault, at):
    world, receiver = notifying_world(new_world)
    subscribe(world)
    world.queued("i-1")
    world.store = FaultyStore(world.inner, fault, at=at)
    world.restart()

    for _ in range(3):
        with suppress(Crash):
            world.app.follow()
    assert not world.store.armed
    world.recover()
    bring(world)

    assert len(receiver.told("NEEDS_INPUT")) == 1


def test_with_nothing_new_nothing_is_written(told):
    world, _ = told
    subscribe(world)
    world.queued("i-1")
    bring(world)
    faulty = FaultyStore(world.inner)
    world.store = faulty
    world.restart()

    for _ in range(3):
        world.clock.pass_(seconds=50)
        follow(world)
        deliver(world)

    assert faulty.writes == 0


def test_nobody_subscribes_to_a_channel_that_is_not_set_up(world):
    with pytest.raises(InvalidInput, match="channel"):
        subscribe(world)
