"""Who is told next, and when nobody is: escalation, and quiet hours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from remit.core.errors import InvalidInput
from remit.core.notifications.timing import QuietHours
from remit.core.records import NOTIFICATION_STATE

from .notified import bring, deliver, follow, notifying_world, subscribe
from .world import NOON, TENANT


@pytest.fixture
def told(new_world):
    return notifying_world(new_world)


def asked(receiver):
    """Who was told of which intents, in order."""
    found = []
    for letter in receiver.letters:
        data = letter.event["data"]
        found += [(data["subscription_id"], item["action_intent_id"]) for item in data["items"]]
    return found


def chain(world, *, third=False):
    if third:
        subscribe(world, "head", notices=["DAILY_DIGEST"])
    lead = {"escalation": {"after_min": 10, "to": "head"}} if third else {}
    subscribe(world, "lead", notices=["STOPPED"], **lead)
    subscribe(world, "desk", notices=["NEEDS_INPUT"], escalation={"after_min": 30, "to": "lead"})


def test_what_nobody_answers_goes_to_the_next_ones_once(told):
    world, receiver = told
    chain(world, third=True)
    world.queued("i-1")
    bring(world)
    assert asked(receiver) == [("desk", "i-1")]

    for minutes in (29, 2, 11, 60, 60):
        world.clock.pass_(minutes=minutes)
        bring(world)

    assert asked(receiver) == [("desk", "i-1"), ("lead", "i-1"), ("head", "i-1")]
    assert "desk has not answered it for 30 minutes" in receiver.letters[1].lines[0][0]
    (state,) = world.inner.scan(NOTIFICATION_STATE, TENANT)
    assert state.unanswered == {}


def test_what_was_answered_goes_to_nobody(told):
    world, receiver = told
    chain(world)
    world.queued("i-1"), world.queued("i-2")
    bring(world)
    world.approve("i-1")
    world.app.remove_subscription(TENANT, "lead", by="ann")

    world.clock.pass_(minutes=31)
    bring(world)

    assert {name for name, _ in asked(receiver)} == {"desk"}


def test_the_time_to_escalate_is_found_though_nothing_happens(told):
    world, _ = told
    chain(world)
    world.queued("i-1")
    bring(world)
    world.clock.pass_(minutes=30)

    (due,) = world.inner.due_records(NOTIFICATION_STATE, world.clock.at, 10)
    assert due[0] == TENANT


@pytest.mark.parametrize("to", ["desk", "lead", "nobody"])
def test_an_escalation_leads_to_somebody_else(told, to):
    world, _ = told
    chain(world)

    with pytest.raises(InvalidInput) as refused:
        subscribe(
            world, "lead" if to == "desk" else to if to == "lead" else "new", escalation={"after_min": 1, "to": to}
        )

    assert refused.value.field == "escalation.to"


QUIET = {"begins": "22:00", "ends": "07:00", "timezone": "Europe/Berlin"}


def test_in_quiet_hours_nothing_leaves_and_afterwards_all_of_it_does(told):
    world, receiver = told
    subscribe(world, quiet_hours=QUIET, notices=["NEEDS_INPUT"])
    # 22:30 in Berlin.
    world.clock.at = NOON + timedelta(hours=9, minutes=30)
    world.queued("i-1")
    bring(world)
    world.clock.pass_(hours=3)
    world.queued("i-2")
    bring(world)
    world.app.test_subscription(TENANT, "ops", by="ann")
    deliver(world)
    assert [letter.event["data"]["notice"] for letter in receiver.letters] == ["TEST"]
    assert [each["next_at"] for each in world.app.deliveries(TENANT, status="PENDING")] == ["2026-03-11T06:00:00Z"]

    world.clock.at = datetime(2026, 3, 11, 6, 0, tzinfo=UTC)
    follow(world)
    deliver(world)

    assert asked(receiver)[1:] == [("ops", "i-1"), ("ops", "i-2")]


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-03-10T20:59:00+00:00", None),
        ("2026-03-10T21:00:00+00:00", "2026-03-11T06:00:00+00:00"),
        ("2026-03-11T05:59:00+00:00", "2026-03-11T06:00:00+00:00"),
        ("2026-03-11T06:00:00+00:00", None),
        # The night in which clocks are set forward.
        ("2026-03-28T22:00:00+00:00", "2026-03-29T05:00:00+00:00"),
    ],
)
def test_quiet_hours_are_a_zones_over_midnight(now, until):
    found = QuietHours.model_validate(QUIET).until(datetime.fromisoformat(now))

    assert (found.isoformat() if found else None) == until


@pytest.mark.parametrize(
    ("hours", "field"),
    [
        ({"begins": "9:00"}, "quiet_hours.begins"),
        ({"timezone": "Mars/Olympus"}, "quiet_hours.timezone"),
        ({"begins": "07:00"}, "quiet_hours"),
    ],
)
def test_quiet_hours_are_a_part_of_a_day(told, hours, field):
    world, _ = told

    with pytest.raises(InvalidInput) as refused:
        subscribe(world, quiet_hours={**QUIET, **hours})

    assert refused.value.field == field
