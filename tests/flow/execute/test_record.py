"""One outcome, written once, with all that the contract lists."""

import json

import pytest

from remit.core.execution.outcome import LONGEST_MESSAGE, CallResult
from remit.flow.execute import run
from remit.flow.execute.common import Ref
from remit.flow.execute.preflight import before_call

from ..world import TENANT
from .attempts import begun, delivered


@pytest.mark.parametrize("by", ["POLICY", "HUMAN"])
def test_an_outcome_carries_what_the_contract_lists(world, by):
    world.submit() if by == "POLICY" else (world.queued(), world.approve())
    world.work()

    outcome, intent = world.outcome().wire(), world.app.intent(TENANT, "i-1")
    assert outcome == {
        "action_intent_id": "i-1",
        "tenant_id": TENANT,
        "account_id": "north",
        "approval_id": world.case().approval_id,
        "status": "SUCCEEDED",
        "external_object_refs": [
            {"system": "far", "object_type": "thing", "object_id": "acme/i-1", "object_url": None}
        ],
        "error_code": None,
        "error_class": None,
        "error_message": None,
        "attempt_count": 1,
        "tool": "far do",
        "registry_version": 1,
        "started_at": "2026-03-10T12:00:00Z",
        "completed_at": "2026-03-10T12:00:00Z",
        "trace_id": intent.trace_id,
        "approval_source": by,
        "auto_executed": by == "POLICY",
    }
    assert world.history().approval(world.case().approval_id).approval_source == by


def test_recording_twice_changes_nothing(world):
    _, executor, ref, request = begun(world)
    answer = executor.invoke(ref, request)

    first, second = executor.record(ref, answer), executor.record(ref, answer)

    assert first == second == "SUCCEEDED"
    assert world.events().count("ACTION_EXECUTED") == 1
    assert executor.record(ref, {"result": CallResult(acted="no").wire()}) == "SUCCEEDED"
    world.assert_sound()


def test_a_failure_of_any_shape_is_recorded(world):
    monster = CallResult(acted="no", error_code="x" * 500, error_message="y" * 10_000, retry_after_s=10.0**9)
    world.far.invoke = lambda call: monster
    world.submit()
    world.work()

    assert world.status() == "FAILED" and len(world.outcome().error_message) == LONGEST_MESSAGE
    world.assert_sound()


def test_a_long_pause_that_the_far_side_asks_for_keeps_the_lease(world):
    pauses = []
    world.far.invoke = lambda call: CallResult(acted="no", error_class="RATE_LIMIT", retry_after_s=3600)
    message = delivered(world)

    def sleep(seconds):
        pauses.append(seconds)
        world.clock.pass_(seconds=seconds)
        assert world.executor().start(message.data) is None

    run(world.executor(), message.data, lambda function, *arguments: function(*arguments), sleep)

    assert pauses == [60] * 4 and world.status() == "FAILED"


def test_every_step_takes_and_returns_plain_json(world):
    steps = []

    def step(function, *arguments):
        answer = function(*json.loads(json.dumps(arguments)))
        steps.append(function.__name__)
        return json.loads(json.dumps(answer))

    world.far.script += ["no RATE_LIMIT"]
    run(world.executor(), delivered(world).data, step, lambda _: None)

    assert steps == ["start", "preflight", "map", "invoke", "invoke", "record"]
    assert world.status() == "SUCCEEDED"


def test_secrets_of_nobody_are_in_what_an_engine_keeps(new_world):
    world = new_world()
    world.apply()
    *_, request = begun(world)

    assert request == {"intent": "i-1", "honours": False, "parameters": {"text": "hello"}, "operation": "do"}


# --- an engine that gives a step up ---


def test_a_step_that_broke_before_any_call_is_left_to_the_next_delivery(world):
    message, executor, ref, _ = begun(world)

    assert executor.step_broke(ref, "Lambda.TooManyRequestsException") is None

    assert (world.status(), world.outcome(), world.used()) == ("RUNNING", None, 1)
    assert "Lambda.TooManyRequestsException" in world.attempt().last_error.error_message
    assert world.events().count("ACTION_FAILED") == 0
    another = world.executor()
    assert run(another, message.data, lambda function, *arguments: function(*arguments), lambda _: None) == "SUCCEEDED"
    assert world.called() == 1
    world.assert_sound()


def test_a_run_that_gave_up_acts_no_more(world):
    _, executor, ref, request = begun(world)
    executor.step_broke(ref, "States.Timeout")

    assert executor.invoke(ref, request) == {"stop": True}
    assert executor.record(ref, {"result": CallResult(acted="no").wire()}) is None
    assert (world.status(), world.called()) == ("RUNNING", 0)


def test_a_step_that_broke_between_two_calls_loses_neither(world):
    world.far.script += ["no RATE_LIMIT"]
    message, executor, ref, request = begun(world)
    executor.invoke(ref, request)

    executor.step_broke(ref, "States.Timeout")
    run(world.executor(), message.data, lambda function, *arguments: function(*arguments), lambda _: None)

    assert (world.status(), world.called(), world.outcome().attempt_count) == ("SUCCEEDED", 2, 2)
    world.assert_sound()


def test_what_broke_until_it_expired_ends_cancelled_and_gives_its_charge_back(world):
    _, executor, ref, _ = begun(world)
    world.clock.pass_(days=30)

    assert executor.step_broke(ref, "ValueError") == "CANCELLED"

    assert (world.status(), world.outcome().error_code, world.used()) == ("CANCELLED", "STEP_BROKE", 0)
    world.assert_sound()


def test_a_call_without_an_answer_is_unknown_whatever_broke(world):
    _, executor, ref, _ = begun(world)
    assert before_call(executor.worker, Ref(**ref), mark_for_s=60)

    assert executor.step_broke(ref, "Sandbox.Timedout") == "UNKNOWN"
    assert executor.step_broke(ref, "Sandbox.Timedout") == "UNKNOWN"
    assert world.events().count("ACTION_UNKNOWN") == 1
