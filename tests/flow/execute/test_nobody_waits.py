"""Whether somebody still waits: what its caller has left is not called, where its type lets it expire."""

from datetime import timedelta

import pytest

from remit.core.errors import NotFound
from remit.core.identity.principal import Principal

from ..world import NOON, OWN, TENANT, TYPE, own_type, type_of

MINUTE = timedelta(minutes=1)


@pytest.fixture
def expiring(world):
    """A world with a type that expires when nobody waits, and one that does not."""
    types = {TYPE: {**type_of(), "if_nobody_waits": "expire"}, OWN: own_type(if_nobody_waits="expire")}
    world.apply(action_types=types, allowlist=list(types))
    return world


def wait(world, until=NOON + MINUTE, name="i-1"):
    world.app.mark_waiting(TENANT, name, until)


def asked_and_approved_later(world, **changes):
    world.queued(**changes)
    wait(world)
    world.clock.pass_(minutes=5)
    world.approve()


def test_what_its_caller_has_left_is_cancelled_and_nothing_is_called(expiring):
    asked_and_approved_later(expiring)
    expiring.work()

    assert (expiring.status(), expiring.called()) == ("CANCELLED", 0)
    outcome = expiring.outcome()
    assert outcome.error_code == "NOBODY_WAITS" and "2026-03-10T12:01:00Z" in outcome.error_message
    expiring.assert_sound()


def test_a_policy_s_charge_is_given_back(expiring):
    expiring.reserve()
    wait(expiring)
    expiring.clock.pass_(minutes=5)
    expiring.settle()

    assert (expiring.status(), expiring.used(), expiring.called()) == ("CANCELLED", 0, 0)
    expiring.assert_sound()


def test_while_somebody_waits_it_is_carried_out(expiring):
    expiring.queued()
    wait(expiring)
    wait(expiring, NOON + 10 * MINUTE)
    expiring.clock.pass_(minutes=5)
    expiring.approve()
    expiring.work()

    assert (expiring.status(), expiring.written()) == ("SUCCEEDED", 1)


def test_who_never_waited_never_left(expiring):
    expiring.queued()
    expiring.clock.pass_(minutes=5)
    expiring.approve()
    expiring.work()

    assert expiring.status() == "SUCCEEDED"


def test_a_type_that_says_nothing_of_it_executes_what_its_caller_has_left(world):
    asked_and_approved_later(world)
    world.work()

    assert world.status() == "SUCCEEDED"


def test_it_is_the_version_that_the_intent_pinned_that_says_so(expiring):
    expiring.queued()
    wait(expiring)
    expiring.apply()
    expiring.clock.pass_(minutes=5)
    expiring.approve()
    expiring.work()

    assert expiring.status() == "CANCELLED"


def test_whoever_begins_it_is_there(expiring):
    asked_and_approved_later(expiring, action_type=OWN)

    assert expiring.app.begin(TENANT, "i-1", by="agent").permit


def test_between_start_and_call_it_is_looked_at_again(sending):
    sending.apply(action_types={TYPE: {**type_of(), "if_nobody_waits": "expire"}}, allowlist=[TYPE])
    sending.submit()
    wait(sending)
    executor = sending.executor()
    ref = executor.start(sending.bus.take().data)
    assert executor.preflight(ref)
    request = executor.map(ref)["request"]
    sending.clock.pass_(minutes=1)

    assert executor.invoke(ref, request) == {"stop": True}
    assert (sending.status(), sending.called()) == ("CANCELLED", 0)


def test_a_mark_is_never_set_back_and_none_is_made_of_what_has_ended(world):
    world.queued()
    wait(world, NOON + 2 * MINUTE)
    wait(world, NOON + MINUTE)
    assert world.case().waited_until == NOON + 2 * MINUTE
    world.app.reject(TENANT, "i-1", by="bob")

    wait(world, NOON + 9 * MINUTE)

    assert world.case().waited_until == NOON + 2 * MINUTE
    with pytest.raises(NotFound):
        wait(world, name="nothing")
    world.assert_sound()


def test_waiting_and_an_answer_at_once_lose_neither(world):
    world.queued()
    digest = world.app.intent(TENANT, "i-1").digest

    world.race(
        lambda app: app.mark_waiting(TENANT, "i-1", NOON + MINUTE),
        lambda app: app.approve(TENANT, "i-1", by="bob", digest=digest),
    )

    assert (world.status(), world.case().waited_until) == ("APPROVED", NOON + MINUTE)
    world.assert_sound()


@pytest.mark.parametrize(("name", "waits"), [("eve", False), ("agent", True)])
def test_only_its_proposer_s_waiting_counts(expiring, name, waits):
    expiring.queued()
    reader = Principal(name, TENANT, frozenset({"auditor"}))

    with expiring.app.answers.watch(TENANT, "i-1", lambda: None, 30, reader) as watch:
        watch.look()

    assert (expiring.case().waited_until is not None) is waits
