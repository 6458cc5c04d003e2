"""Execution fulfils and never decides: one attempt, one outcome, and no repeat on a guess."""

import json

import pytest

from remit.core.execution.outcome import LONGEST_MESSAGE, CallResult
from remit.core.records import APPROVAL, INTENT, USAGE, Key
from remit.flow.execute import Executor, run
from remit.flow.execute.common import Ref
from remit.flow.execute.preflight import before_call
from remit.ports import UnitOfWork, Writes

from .world import NOON, OTHER, TENANT, TYPE, new_id, type_of

SOON = NOON.replace(hour=13).isoformat()


def delivered(world, **changes):
    world.submit(**changes)
    return world.bus.take()


def begun(world, **changes):
    """An execution of which the request is mapped and no call is made."""
    message = delivered(world, **changes)
    executor = world.executor()
    ref = executor.start(message.data)
    assert executor.preflight(ref)
    return message, executor, ref, executor.map(ref)["request"]


# --- start ---


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

    assert world.executor().start({**message.data, **changes}) is None

    assert world.attempt() is None and world.attempt("i-2") is None
    assert world.run(message) == "SUCCEEDED"


def test_an_event_of_the_same_intent_in_another_tenant_starts_nothing_here(world):
    message = delivered(world)
    world.submit(tenant="globex")

    assert world.executor().start({**message.data, "tenant_id": "globex"}) is None


def test_an_intent_that_was_tampered_with_in_the_store_is_not_executed(world):
    """The stored digest is recomputed, not believed."""
    message = delivered(world)
    key = Key(INTENT, TENANT, "i-1")
    tampered = world.record(key).changed(parameters={"text": "pay"})
    world.inner.transact([UnitOfWork([key], lambda _: Writes(answer=None, puts=[(key, tampered)]))])

    assert world.run(message) is None
    assert world.written() == 0


def test_nothing_runs_on_no_event(world):
    world.queued()

    assert world.executor().start({}) is None


# --- preflight ---


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
    world.clock.pass_(hours=2)

    world.work()

    assert (world.status(), world.used(), world.called()) == ("CANCELLED", 0, 0)
    assert world.outcome().error_code == "INTENT_EXPIRED"
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


# --- map ---


def test_the_registry_version_that_the_intent_pinned_is_what_runs(world):
    seen = []
    world.far.script += [lambda call: seen.append(call.request["operation"]) or "yes"] * 2
    world.submit("old")
    world.apply(action_types={TYPE: type_of(operation="other"), OTHER: type_of()})
    world.submit("new")
    world.work()

    assert seen == ["do", "other"]
    assert (world.outcome("old").registry_version, world.outcome("new").registry_version) == (1, 2)
    assert world.outcome("new").tool == "far other"


def test_a_type_without_a_tool_ends_in_a_recorded_failure(world):
    world.submit(action_type="NOBODY_KNOWS")
    world.approve()

    world.work()

    assert world.status() == "FAILED"
    assert (world.outcome().error_code, world.outcome().error_class) == ("MAPPING", "VALIDATION")
    world.assert_sound()


def test_a_mapping_that_breaks_ends_in_a_recorded_failure_and_keeps_its_charge(world):
    def broken(tool, intent):
        raise ZeroDivisionError("secret")

    world.far.map = broken
    world.submit()
    world.work()

    assert (world.status(), world.used()) == ("FAILED", 1)
    assert "secret" not in str(world.outcome().wire())
    world.assert_sound()


# --- invoke ---


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


# --- leases ---


def test_while_a_lease_holds_nobody_takes_over_and_after_it_somebody_does(world):
    message, *_ = begun(world)

    world.clock.pass_(seconds=19)
    assert world.executor().start(message.data) is None
    world.clock.pass_(seconds=2)
    assert world.executor().start(message.data) is not None
    assert world.events().count("EXECUTION_STARTED") == 1


def test_a_lease_outlasts_the_call_that_it_covers(world):
    world.apply(action_types={TYPE: type_of(timeout_s=120.0), OTHER: type_of()})
    leases = []
    world.far.script += [lambda _: leases.append(world.attempt().lease_until - world.clock.at) or "yes"]
    world.submit()
    world.work()

    assert leases[0].total_seconds() == 125


def test_who_lost_the_lease_does_nothing_more(world):
    message, first, ref, request = begun(world)
    world.clock.pass_(minutes=5)
    second = world.executor()
    assert second.start(message.data) == ref

    assert first.preflight(ref) is False
    assert first.invoke(ref, request) == {"stop": True}
    assert first.record(ref, {"result": CallResult(acted="no", error_class="AUTH").wire()}) is None

    assert world.called() == 0 and world.outcome() is None
    assert second.invoke(ref, request)["status"] == "SUCCEEDED"


def test_a_replay_in_another_process_cannot_pass_for_the_holder(world):
    *_, ref, request = begun(world)

    replay = Executor(world.app.context, world.clock, "another-run")

    assert replay.preflight(ref) is False and replay.invoke(ref, request) == {"stop": True}


def test_a_dead_worker_s_attempt_is_found_and_delivered_again(world):
    begun(world)
    world.clock.pass_(seconds=25)

    assert world.app.reconcile().published == 1
    assert world.work() == ["SUCCEEDED"]
    world.assert_sound()


# --- late answers ---


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


# --- record ---


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
    assert world.record(Key(APPROVAL, TENANT, world.case().approval_id)).approval_source == by


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
