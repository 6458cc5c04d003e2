"""A call is marked before it is made, and never repeated on a guess."""

import pytest

from remit.core.errors import TryLater
from remit.flow.execute.common import Ref
from remit.flow.execute.preflight import before_call

from ..world import OTHER, TENANT
from .attempts import SOON, begun


def test_the_attempt_is_marked_before_the_call_and_the_key_is_always_the_same(world):
    seen = []

    def look(call):
        seen.append((world.attempt().invoking, world.attempt().attempt_count, call.idempotency_key))
        return "no RATE_LIMIT" if len(seen) < 3 else "yes"

    world.far.script += [look] * 3
    world.submit()
    world.work()

    assert [(marked, count) for marked, count, _ in seen] == [(True, 1), (True, 2), (True, 3)]
    assert len({key for *_, key in seen}) == 1 and len(seen[0][2]) == 64
    assert world.outcome().attempt_count == 3


@pytest.mark.parametrize(
    "error_class, calls",
    [("RATE_LIMIT", 5), ("DOWNSTREAM", 5), ("TIMEOUT", 1), ("AUTH", 1), ("VALIDATION", 1), ("UNKNOWN", 1)],
)
def test_only_refusals_that_may_pass_are_tried_again(world, error_class, calls):
    world.far.script += [f"no {error_class}"] * 10
    world.submit()
    world.work()

    assert (world.status(), world.called(), world.used()) == ("FAILED", calls, 1)
    assert world.outcome().error_class == error_class
    world.assert_sound()


def test_a_time_out_is_tried_again_where_the_far_side_honours_the_key(world):
    world.far.script += ["no TIMEOUT", "lost", "nothing", "yes"]
    world.submit(action_type=OTHER)
    world.work()

    assert (world.status(), world.called(), world.written()) == ("SUCCEEDED", 4, 1)
    world.assert_sound()


@pytest.mark.parametrize("answer", ["lost", "nothing", "break"])
def test_a_lost_answer_is_unknown_and_never_repeated_where_the_key_is_not_honoured(world, answer):
    world.far.script += [answer]
    world.submit()
    world.settle()
    world.clock.pass_(hours=1)
    world.settle()

    assert (world.status(), world.called(), world.used()) == ("UNKNOWN", 1, 1)
    assert "secret-in-a-stack-trace" not in str(world.app.ledger(TENANT, "i-1"))
    world.assert_sound()


def test_what_stays_in_doubt_when_the_tries_are_used_up_is_unknown(world):
    world.far.script += ["nothing"] + ["no RATE_LIMIT"] * 9
    world.submit(action_type=OTHER)
    world.work()

    assert (world.status(), world.called()) == ("UNKNOWN", 5)


def test_a_crash_after_the_mark_is_unknown_for_the_next_worker(world):
    message, executor, ref, _ = begun(world)
    before_call(executor.worker, Ref(**ref), mark_for_s=30)
    world.clock.pass_(seconds=36)

    assert world.run(message) == "UNKNOWN"

    assert world.called() == 0 and world.outcome().error_code == "ANSWER_LOST"
    world.assert_sound()


def test_a_crash_after_the_answer_was_noted_calls_nobody_again(world):
    message, executor, ref, request = begun(world)
    executor.invoke(ref, request)
    world.clock.pass_(minutes=5)

    assert world.run(message) == "SUCCEEDED"

    assert world.called() == 1 and world.outcome().external_object_refs
    world.assert_sound()


@pytest.mark.parametrize("meanwhile", ["stopped", "expired", "unmappable"])
def test_a_noted_answer_is_recorded_whatever_happened_meanwhile(world, meanwhile):
    message, executor, ref, request = begun(world, expires_at=SOON)
    executor.invoke(ref, request)
    world.clock.pass_(hours=0 if meanwhile != "expired" else 2, minutes=5)
    if meanwhile == "stopped":
        world.stop("everything")
    elif meanwhile == "unmappable":
        world.recover(connectors={})

    assert world.run(message) == "SUCCEEDED"

    assert (world.called(), world.used()) == (1, 1)
    world.assert_sound()


def test_a_noted_failure_is_recorded_as_it_was(world):
    world.far.script += ["no VALIDATION"]
    message, executor, ref, request = begun(world)
    executor.invoke(ref, request)
    world.clock.pass_(minutes=5)

    assert world.run(message) == "FAILED"

    assert world.called() == 1 and world.outcome().error_class == "VALIDATION"


@pytest.mark.parametrize("meanwhile", ["stopped", "expired", "unmappable"])
def test_a_call_that_nobody_answered_stays_unknown_whatever_happened_meanwhile(world, meanwhile):
    message, executor, ref, _ = begun(world, expires_at=SOON)
    before_call(executor.worker, Ref(**ref), mark_for_s=30)
    world.clock.pass_(hours=0 if meanwhile != "expired" else 2, minutes=5)
    if meanwhile == "stopped":
        world.stop("everything")
    elif meanwhile == "unmappable":
        world.recover(connectors={})

    world.run(message)

    assert (world.status(), world.used()) == ("UNKNOWN", 1)
    world.assert_sound()


def test_a_worker_that_died_between_two_calls_leaves_the_next_one_free_to_call(world):
    """The far side said no to the first call: nothing is in doubt."""
    world.far.script += ["no RATE_LIMIT"]
    message, executor, ref, request = begun(world)
    assert executor.invoke(ref, request) == {"retry_in_s": 1.0}
    world.clock.pass_(minutes=5)

    assert world.run(message) == "SUCCEEDED"

    assert (world.called(), world.written(), world.outcome().attempt_count) == (2, 1, 2)


def test_what_a_call_needs_is_fetched_before_it_is_marked(world, monkeypatch):
    seen = []

    def prepare(call):
        seen.append((call.intent.action_intent_id, world.attempt().attempt_count))
        if len(seen) == 1:
            raise TryLater("the secret cannot be read")

    monkeypatch.setattr(world.far, "prepare", prepare, raising=False)
    _, executor, ref, request = begun(world)

    with pytest.raises(TryLater):
        executor.invoke(ref, request)
    assert (world.called(), world.attempt().unanswered) == (0, False)
    executor.record(ref, executor.invoke(ref, request))

    assert seen == [("i-1", 0), ("i-1", 0)]
    assert (world.status(), world.called(), world.outcome().attempt_count) == ("SUCCEEDED", 1, 1)
