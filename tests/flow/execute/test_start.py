"""An event starts one attempt, and only for what is stored."""

import pytest

from remit.core.errors import NotAnApproval
from remit.core.ledger.history import IntentHistory
from remit.flow.execute import run

from ..world import new_id
from .attempts import begun, delivered


def test_a_repeated_event_finds_the_attempt_and_does_nothing(world):
    message = delivered(world)

    done = [world.run(message), world.run(message), world.run(message)]

    assert done == ["SUCCEEDED", None, None]
    assert world.written() == world.called() == 1
    world.assert_sound()


def test_a_late_duplicate_event_does_not_execute_again_whatever_has_expired(world):
    message = delivered(world)
    world.run(message)

    for days in (0, 1, 8, 200):
        world.clock.pass_(days=days)
        world.app.reconcile()
        assert world.run(message) is None

    assert world.written() == 1


def test_two_workers_that_start_at_once_never_hold_one_attempt(world):
    message = delivered(world)

    refs = world.race(
        lambda app: app.executor("one").start(message.data), lambda app: app.executor("two").start(message.data)
    )

    assert [ref is not None for ref in refs].count(True) == 1
    assert world.events().count("EXECUTION_STARTED") == 1
    world.assert_sound()


def test_the_run_that_has_the_attempt_may_ask_for_it_again(world):
    """An engine whose answer to the step was lost runs the step once more."""
    message = delivered(world)
    executor, other = world.executor(), world.executor()

    first, second, third = executor.start(message.data), executor.start(message.data), other.start(message.data)

    assert first == second is not None and third is None
    assert world.events().count("EXECUTION_STARTED") == 1


def test_one_step_that_an_engine_runs_twice_at_once_calls_once(world):
    """Both are the run that holds the lease, so the lease alone would let both call."""
    _, executor, ref, request = begun(world)
    holder = executor.worker.holder

    answers = world.race(
        lambda app: app.executor(holder).invoke(ref, request), lambda app: app.executor(holder).invoke(ref, request)
    )

    assert world.called() == world.written() == 1
    # Whoever comes when the answer is noted already is given that one.
    same = answers[0] == answers[1]
    assert same or {"stop": True} in answers or any(answer["status"] == "UNKNOWN" for answer in answers)


def test_a_step_that_wakes_up_after_its_repetition_has_called_does_not_call(world, monkeypatch):
    _, executor, ref, request = begun(world)
    sleeping = world.attempt()
    answered = executor.invoke(ref, request)
    monkeypatch.setattr(type(executor.worker), "attempt", lambda *_: sleeping)

    woken = executor.invoke(ref, request)

    assert answered["status"] == "SUCCEEDED" and woken == {"stop": True}
    assert world.called() == 1


def test_two_workers_that_run_one_event_at_once_write_once(world):
    message = delivered(world)

    def working(app):
        return run(app.executor(new_id()), message.data, lambda function, *a: function(*a), lambda _: None)

    answers = world.race(working, working)

    assert sorted(map(str, answers)) == ["None", "SUCCEEDED"]
    assert world.written() == 1
    world.assert_sound()


@pytest.mark.parametrize(
    "changes",
    [
        {"intent_digest": "0" * 64},
        {"intent_digest": None},
        {"approval_id": "019c0000-0000-7000-8000-00000000000f"},
        {"approval_id": None},
        {"approval_id": 7},
        {"tenant_id": "globex"},
        {"tenant_id": ""},
        {"action_intent_id": "i-2"},
    ],
)
def test_an_event_that_does_not_match_what_is_stored_starts_nothing(world, changes):
    world.submit("i-2")
    world.bus.take()
    message = delivered(world)

    with pytest.raises(NotAnApproval):
        world.executor().start({**message.data, **changes})

    assert world.attempt() is None and world.attempt("i-2") is None
    assert world.run(message) == "SUCCEEDED"


def test_an_event_of_the_same_intent_in_another_tenant_starts_nothing_here(world):
    message = delivered(world)
    world.submit(tenant="globex")

    with pytest.raises(NotAnApproval):
        world.executor().start({**message.data, "tenant_id": "globex"})


def test_an_intent_that_was_tampered_with_in_the_store_is_not_executed(world, monkeypatch):
    """The stored digest is recomputed, not believed."""
    message = delivered(world)
    tampered = world.history().intent.changed(parameters={"text": "pay"})
    monkeypatch.setattr(IntentHistory, "intent", property(lambda _: tampered))

    with pytest.raises(NotAnApproval):
        world.run(message)
    assert world.work() == []
    assert world.written() == 0


def test_nothing_runs_on_no_event(world):
    world.queued()

    with pytest.raises(NotAnApproval):
        world.executor().start({})
