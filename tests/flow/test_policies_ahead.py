"""Policies take their time before the shared write, not in it."""

from uuid import uuid4

import pytest

from remit.core.errors import TryLater
from remit.core.gate.policy import PolicySet
from remit.flow.gate import GateRequest

from .inside_writes import expected_place, places_of
from .world import ACCOUNT, TENANT, bounds, proposal

AMOUNT = 'context.numbers.getTag("amount")'
# Each amount is a question of its own: what is but compared with constants is known by how it compares.
RULE = (
    '@reason("TOO_MUCH") forbid (principal, action, resource) unless '
    f'{{ context.numbers.hasTag("amount") && {AMOUNT}.lessThanOrEqual({AMOUNT}) }};'
)


@pytest.fixture
def evaluated(world, monkeypatch):
    """Where each evaluation happened: in the store's write, or ahead of it."""
    # Answers are kept beside the bounds and beside the policies: nobody else has asked these.
    world.apply(policies=[{"name": "p.cedar", "text": f"{RULE} // {uuid4()}"}])
    return places_of(monkeypatch, world, PolicySet, "_evaluate")


def amounts(*numbers):
    return [proposal(f"i-{number}", parameters={"amount": number}) for number in numbers]


def test_a_batch_is_evaluated_before_it_is_written(world, evaluated):
    answers = world.app.submit(amounts(1, 2, 3))

    assert [answer.result for answer in answers] == ["AUTO_EXECUTED"] * 3
    assert evaluated == [expected_place(world)] * 3


def test_stored_intents_are_evaluated_before_they_are_gated(world, evaluated):
    world.app.propose([*amounts(4, 5), proposal("i-6")])
    answers = world.app.gate([GateRequest(f"i-{number}", TENANT, ACCOUNT) for number in (4, 5, 6)])

    assert [answer.reason for answer in answers] == ["WITHIN_BOUNDS", "WITHIN_BOUNDS", "TOO_MUCH"]
    assert evaluated == [expected_place(world)] * 3


def test_the_write_decides_by_the_bounds_that_it_sees(world, evaluated):
    world.app.submit(amounts(7))
    stricter = RULE.replace("unless { context", "unless { context.hour < 0 && context")
    world.app.apply(bounds(policies=[{"name": "p.cedar", "text": stricter}]), by="ann")

    (answer,) = world.app.submit(amounts(8))

    assert answer.reason == "TOO_MUCH"
    world.assert_sound()


def test_what_cannot_be_read_ahead_is_left_to_the_write(world, evaluated, monkeypatch):
    def unavailable(self, keys):
        raise TryLater("not now")

    world.clock.pass_(minutes=1)
    monkeypatch.setattr(type(world.app.context.store), "read", unavailable)

    (answer,) = world.app.submit(amounts(9))

    assert answer.result == "AUTO_EXECUTED" and evaluated == ["in the write"]
