"""Nothing is called for an approval that was stopped or has expired."""

import pytest

from remit.core.records import USAGE

from ..world import NOON, TENANT
from .attempts import SOON, begun, delivered


@pytest.mark.parametrize("level", ["autonomy", "everything"])
@pytest.mark.parametrize("at", ["before start", "before the call"])
def test_a_stop_cancels_what_policy_approved_and_gives_the_charge_back_once(world, level, at):
    if at == "before start":
        message = delivered(world)
        world.stop(level)
        world.run(message)
    else:
        message, executor, ref, request = begun(world)
        world.stop(level)
        assert executor.invoke(ref, request) == {"stop": True}
    world.resume(level)
    world.run(message)

    assert (world.status(), world.used(), world.called()) == ("CANCELLED", 0, 0)
    assert world.events()[-2:] == ["EXECUTION_CANCELLED", "BUDGET_RELEASED"]
    assert world.outcome().error_code == "AUTONOMY_STOPPED" and "ann" in world.outcome().error_message
    world.assert_sound()


def test_a_stop_of_autonomy_leaves_a_person_s_approval_alone_and_a_stop_of_everything_does_not(world):
    world.queued("i-1"), world.queued("i-2")
    world.stop("autonomy")
    world.approve("i-1")
    world.work()
    world.stop("everything")
    world.approve("i-2")
    world.work()

    assert (world.status("i-1"), world.status("i-2")) == ("SUCCEEDED", "CANCELLED")
    world.assert_sound()


def test_a_global_stop_stops_every_tenant(world):
    message = delivered(world)
    world.stop("everything", tenant_id=None)

    world.run(message)

    assert world.status() == "CANCELLED"


@pytest.mark.parametrize("by", ["policy", "person"])
def test_an_intent_that_expired_after_its_approval_is_not_run(world, by):
    if by == "policy":
        world.submit(expires_at=SOON)
    else:
        world.queued(expires_at=SOON)
        world.approve()
    message = world.bus.take()
    world.clock.pass_(hours=2)

    world.run(message)

    assert (world.status(), world.used(), world.called()) == ("CANCELLED", 0, 0)
    assert world.outcome().error_code == "INTENT_EXPIRED"
    world.assert_sound()


@pytest.mark.parametrize("by", ["policy", "person"])
def test_what_expired_before_a_worker_took_it_ends_expired_and_costs_nothing(queueing, by):
    world = queueing
    if by == "policy":
        world.submit(expires_at=SOON)
    else:
        world.queued(expires_at=SOON)
        world.approve()
    world.clock.pass_(hours=2)

    assert world.work() == []

    assert (world.status(), world.used(), world.called()) == ("EXPIRED", 0, 0)
    assert not world.app.busy()
    world.assert_sound()


def test_a_charge_taken_before_midnight_is_given_back_to_the_day_it_was_taken_from(world):
    world.clock.at = NOON.replace(hour=23, minute=59)
    message = delivered(world)
    taken = world.state().charges
    world.clock.pass_(minutes=2)
    world.submit("tomorrow")
    world.stop()

    world.run(message)

    assert world.used() == 1, "today's charge is not the one that was given back"
    by_id = {usage.usage_id: usage.used("all") for usage in world.inner.scan(USAGE, TENANT)}
    assert by_id == {"2026-03-10@UTC|account:north": 0, "2026-03-11@UTC|account:north": 1}
    assert all("2026-03-10" in charge.window_id for charge in taken)
    world.work()
    world.assert_sound()


def test_a_stop_while_the_far_side_keeps_refusing_cancels_before_the_next_call(world):
    world.far.script += [lambda _: world.stop() or "no RATE_LIMIT"]
    world.submit()
    world.work()

    assert (world.status(), world.called(), world.used()) == ("CANCELLED", 1, 0)
    world.assert_sound()
