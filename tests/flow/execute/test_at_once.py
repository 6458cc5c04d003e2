"""A whole execution by one call of a function: taken and marked in one write, settled in another."""

from __future__ import annotations

from datetime import timedelta

import pytest

from remit.core.errors import NotAnApproval, TryLater
from remit.core.execution.approval import event_data
from remit.core.execution.breaker import FIRST_PAUSE_S, PAUSE_AFTER, ToolBreaker
from remit.core.records import TOOL_BREAKER, breaker_key
from remit.testing.samples import putting

from ..world import OTHER, OWN, TENANT, TYPE, own_type, type_of


@pytest.fixture
def approved(sending):
    """`approved(name)`: the data of an approval's event, and nobody has begun."""

    def approved(name="i-1", **changes):
        sending.submit(name, **changes)
        return sending.bus.take().data

    return approved


def at_once(world, data, **how):
    return world.executor().at_once(data, **how)


def pause_tool(world, seconds):
    now = world.clock.now()
    paused = ToolBreaker(
        action_type=TYPE,
        failures=PAUSE_AFTER,
        failed_at=now,
        last_error="DOWNSTREAM",
        paused_since=now,
        pauses=1,
        trial_at=now + timedelta(seconds=seconds),
    )
    world.inner.transact([putting((breaker_key(TENANT, TYPE), paused))])


def test_it_takes_two_writes_and_the_call_is_marked_by_the_first(sending, approved, monkeypatch):
    data, marked, writes = approved(), [], []
    transact = sending.inner.transact
    monkeypatch.setattr(sending.inner, "transact", lambda units: (writes.append(units), transact(units))[1])

    def look(call):
        marked.append((sending.attempt().invoking, sending.status()))
        return "yes"

    sending.far.script.append(look)
    answer = at_once(sending, data)

    assert answer == {"status": "SUCCEEDED"} and marked == [(True, "RUNNING")]
    assert len(writes) == 2
    assert sending.events()[-2:] == ["EXECUTION_STARTED", "ACTION_EXECUTED"]
    sending.assert_sound()


def test_the_approval_s_publication_is_marked_if_the_event_was_quicker(sending):
    sending.reserve()
    history = sending.history()
    approval_id = sending.case().approval_id

    answer = at_once(sending, event_data(history.approval(approval_id)))

    assert (answer, sending.state().status) == ({"status": "SUCCEEDED"}, "PUBLISHED")
    sending.assert_sound()


@pytest.mark.parametrize("change", [{"intent_digest": "0" * 64}, {"action_intent_id": "other"}, {"approval_id": None}])
def test_an_event_that_no_approval_stands_behind_is_refused_and_begins_nothing(sending, approved, change):
    data = approved()

    with pytest.raises(NotAnApproval):
        at_once(sending, {**data, **change})

    assert (sending.status(), sending.far.calls) == ("APPROVED", [])


def test_a_tool_that_may_take_longer_than_there_is_time_is_not_begun(sending, approved):
    sending.apply(action_types={TYPE: type_of(timeout_s=31)}, allowlist=[TYPE])
    data = approved()

    answer, begun = at_once(sending, data, within_s=30), sending.attempt()

    assert (answer, begun) == ({"needs_s": 31}, None)
    assert at_once(sending, data) == {"status": "SUCCEEDED"}


def test_what_cannot_be_had_before_the_call_marks_nothing(sending, approved, monkeypatch):
    def prepare(call):
        raise TryLater("no secrets")

    data = approved()
    monkeypatch.setattr(sending.far, "prepare", prepare, raising=False)
    with pytest.raises(TryLater):
        at_once(sending, data)
    monkeypatch.undo()

    assert sending.attempt() is None
    assert at_once(sending, data) == {"status": "SUCCEEDED"}


def test_a_second_run_beside_a_call_leaves_it_alone(sending, approved):
    data, beside = approved(), []

    def meanwhile(call):
        beside.append(at_once(sending, data))
        return "yes"

    sending.far.script.append(meanwhile)

    assert at_once(sending, data) == {"status": "SUCCEEDED"}
    assert beside == [{"status": None}]
    assert sending.written() == 1


def test_a_run_that_is_called_again_beside_its_own_call_does_not_call_twice(sending, approved):
    data, executor, beside = approved(), sending.executor(), []

    def meanwhile(call):
        beside.append(executor.at_once(data))
        return "yes"

    sending.far.script.append(meanwhile)
    executor.at_once(data)

    # Nobody knew of an answer; then it came, late.
    assert beside == [{"status": "UNKNOWN"}]
    assert (sending.status(), sending.called(), sending.written()) == ("SUCCEEDED", 1, 1)
    sending.assert_sound()


def test_a_pause_is_held_until_the_engine_comes_back(sending, approved):
    data, executor = approved(), sending.executor()
    sending.far.script.append("no RATE_LIMIT")

    answer = executor.at_once(data)
    sending.clock.pass_(seconds=answer["retry_in_s"] + 5)

    # Whoever is delivered it meanwhile leaves it alone.
    assert at_once(sending, data) == {"status": None}
    assert executor.at_once(data) == {"status": "SUCCEEDED"}


def test_what_its_caller_executes_is_left_to_it(sending):
    sending.apply(action_types={OWN: own_type()}, allowlist=[OWN])
    sending.submit(action_type=OWN)
    approval = sending.history().approval(sending.case().approval_id)

    answer = at_once(sending, event_data(approval))

    assert (answer, sending.attempt()) == ({"status": None}, None)


def test_what_the_tool_answered_is_kept_with_the_outcome_and_goes_through_no_engine(sending, approved):
    sending.far.says = ("application/json", b'{"order": "o-17"}')

    answer = at_once(sending, approved())

    assert answer == {"status": "SUCCEEDED"}
    assert sending.app.result(TENANT, "i-1")["content"] == '{"order": "o-17"}'
    sending.assert_sound()


def test_private_values_are_there_for_what_prepares_the_call_and_for_the_call(sending, approved, monkeypatch):
    sending.apply(action_types={TYPE: {**type_of(), "private": ["parameters.text"]}})
    seen = []
    monkeypatch.setattr(sending.far, "prepare", lambda call: seen.append(call.request["parameters"]), raising=False)
    sending.far.script.append(lambda call: (seen.append(call.request["parameters"]), "yes")[1])

    assert at_once(sending, approved()) == {"status": "SUCCEEDED"}
    assert seen == [{"text": "hello"}] * 2
    sending.assert_sound()


# --- a tool that is paused ---


def test_where_the_tool_is_paused_the_attempt_is_held_until_the_trial(sending, approved):
    data, executor = approved(), sending.executor()
    pause_tool(sending, 60)

    answer, status = executor.at_once(data), sending.status()
    sending.clock.pass_(seconds=60)

    assert (answer, status, sending.far.calls) == ({"retry_in_s": 60}, "RUNNING", [])
    assert executor.at_once(data) == {"status": "SUCCEEDED"}
    assert sending.inner.scan(TOOL_BREAKER, TENANT) == []
    sending.assert_sound()


def test_of_several_runs_one_makes_the_trial(sending, approved):
    first, second = approved("first"), approved("second")
    pause_tool(sending, 0)
    beside = []

    def meanwhile(call):
        beside.append(at_once(sending, second))
        return "no DOWNSTREAM"

    sending.far.script.append(meanwhile)
    at_once(sending, first)

    (waits,) = beside
    assert waits["retry_in_s"] > 0
    assert sending.called("second") == 0
    (breaker,) = sending.inner.scan(TOOL_BREAKER, TENANT)
    assert breaker.trial_at == sending.clock.now() + timedelta(seconds=2 * FIRST_PAUSE_S)


def test_whoever_loses_the_trial_to_another_waits_for_its_end(sending, approved, monkeypatch):
    first, second = approved("first"), approved("second")
    pause_tool(sending, 0)
    beside = []

    def meanwhile(call):
        monkeypatch.undo()
        beside.append(at_once(sending, first))

    # After it looked, and before it takes: another run marks the trial and is refused.
    sending.far.script.append("no DOWNSTREAM")
    monkeypatch.setattr(sending.far, "prepare", meanwhile, raising=False)
    answer = at_once(sending, second)

    assert "retry_in_s" in beside[0] and "retry_in_s" in answer
    assert (sending.called("first"), sending.called("second")) == (1, 0)


def test_a_stop_while_the_tool_is_paused_ends_it(sending, approved):
    data, executor = approved(), sending.executor()
    pause_tool(sending, 60)
    executor.at_once(data)

    sending.stop()

    assert executor.at_once(data) == {"status": "CANCELLED"}
    assert sending.used() == 0
    sending.assert_sound()


def test_failures_are_counted_and_forgotten_when_the_tool_answers(sending, approved):
    sending.far.script += ["no DOWNSTREAM", "yes"]
    executor, data = sending.executor(), approved(action_type=OTHER)

    executor.at_once(data)
    counted = [breaker.failures for breaker in sending.inner.scan(TOOL_BREAKER, TENANT)]
    sending.clock.pass_(seconds=10)
    executor.at_once(data)

    assert (counted, sending.inner.scan(TOOL_BREAKER, TENANT)) == ([1], [])
