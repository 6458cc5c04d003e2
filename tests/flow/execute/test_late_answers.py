"""An answer that comes after somebody else has recorded resolves what was unknown."""

import pytest

from remit.core.execution.outcome import CallResult
from remit.flow.execute.common import Ref
from remit.flow.execute.preflight import before_call

from ..world import OTHER, TENANT, TYPE, type_of
from .attempts import begun, delivered


def slow(world, answer, *, action_type=TYPE, before=()):
    """A call whose answer comes back after another worker has taken over and recorded an outcome."""

    def while_waiting(call):
        world.clock.pass_(minutes=5)
        world.run(message)
        return answer

    world.far.script += [*before, while_waiting]
    message = delivered(world, action_type=action_type)
    return world.run(message)


@pytest.mark.parametrize("answer, status", [("yes", "SUCCEEDED"), ("no VALIDATION", "FAILED")])
def test_an_answer_that_arrives_late_becomes_a_resolution_by_the_system(world, answer, status):
    assert slow(world, answer) == status

    assert world.outcome().status == "UNKNOWN" and world.status() == status
    resolution = world.app.status(TENANT, "i-1")["resolution"]
    assert (resolution["status"], resolution["resolved_by"]) == (status, "remit")
    assert world.called() == 1
    world.assert_sound()


def test_a_late_answer_that_says_nothing_resolves_nothing(world):
    slow(world, "nothing")

    assert world.status() == "UNKNOWN" and world.app.status(TENANT, "i-1")["resolution"] is None


def test_a_late_refusal_does_not_answer_for_an_earlier_call_that_went_unanswered(world):
    """The first call may have acted; that the second did not says nothing about it."""
    world.apply(action_types={TYPE: type_of(), OTHER: type_of(honours_idempotency_key=True, max_attempts=2)})

    slow(world, "no RATE_LIMIT", action_type=OTHER, before=["lost"])

    assert world.written() == 1
    assert world.status() == "UNKNOWN"
    world.assert_sound()


def test_a_late_success_before_anybody_recorded_is_the_outcome(world):
    def while_waiting(call):
        world.clock.pass_(minutes=5)
        world.executor().start(message.data)
        return "yes"

    world.far.script += [while_waiting]
    message = delivered(world)

    assert world.run(message) == "SUCCEEDED"

    assert world.outcome().status == "SUCCEEDED"
    world.assert_sound()


def test_a_failure_beside_the_call_does_not_resolve_an_unknown_outcome(world):
    """A worker that lost its attempt, and could not even map, knows nothing of the far side."""
    message, executor, ref, _ = begun(world)
    before_call(executor.worker, Ref(**ref), mark_for_s=30)
    world.clock.pass_(minutes=5)
    idle = world.executor()
    idle.start(message.data)
    world.clock.pass_(minutes=5)
    assert world.run(message) == "UNKNOWN"

    unmapped = {"result": CallResult(acted="no", error_code="MAPPING", error_class="VALIDATION").wire()}

    assert idle.record(ref, unmapped) == "UNKNOWN"
    assert world.status() == "UNKNOWN"


def test_a_person_s_resolution_is_not_overruled_by_a_late_answer(world):
    def while_waiting(call):
        world.clock.pass_(minutes=5)
        world.run(message)
        world.app.resolve(TENANT, "i-1", by="bob", status="FAILED")
        return "yes"

    world.far.script += [while_waiting]
    message = delivered(world)
    world.run(message)

    assert world.status() == "FAILED" and world.events().count("OUTCOME_RESOLVED") == 1
    world.assert_sound()
