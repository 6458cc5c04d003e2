"""The state machine as it is deployed, with the real functions: every transition, and every failure of every step."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from infra.state_machine import STEPS, definition
from remit.connectors.http import HttpFacts
from remit.core.errors import OutcomeUnknown, TryLater
from remit.core.execution.breaker import ToolBreaker
from remit.core.gate.autonomy import StopScope
from remit.core.records import CASE, Key, breaker_key
from remit.entrypoints.aws_lambda import execution
from remit.entrypoints.aws_lambda.execution import QUICK_S
from remit.ports import CaseFilter
from remit.testing.samples import putting
from tests.far_side import egress, listed
from tests.flow.world import OTHER, OWN, TENANT, TYPE, own_type, type_of
from tests.record_keeper import record_keeper

from .broken import Broken

ONCE = ["Execute", "WhatFollows"]
BROKE = ["RecordFailure", "StepBroke"]


def carried_out(deployment, **changes):
    """One intent that policy approves, and everything that follows."""
    deployment.propose(**changes)
    deployment.gate()
    deployment.settle()


# --- from an event to an outcome ---


def test_from_a_proposal_s_event_to_a_written_outcome_that_says_who_approved(deployment):
    deployment.propose()

    deployment.cloud.put("ACTION_PROPOSED", {"action_intent_id": "i-1", "tenant_id": TENANT, "account_id": "north"})
    deployment.settle()

    outcome = deployment.outcome()
    assert (outcome["status"], outcome["approval_source"], outcome["auto_executed"]) == ("SUCCEEDED", "POLICY", True)
    (execution,) = deployment.cloud.executions()
    assert execution["status"] == "SUCCEEDED"
    assert deployment.cloud.states_of(execution) == [*ONCE, "Done"]
    deployment.assert_sound()


def test_what_a_person_approved_is_carried_out_as_a_person_s(deployment):
    deployment.propose(confidence_score=0.1)
    deployment.gate()
    digest = deployment.remit.queue(TENANT)[0][0]["digest"]

    deployment.call("review", verb="approve", tenant_id=TENANT, action_intent_id="i-1", by="bob", digest=digest)
    deployment.settle()

    outcome = deployment.outcome()
    assert (outcome["status"], outcome["approval_source"], outcome["auto_executed"]) == ("SUCCEEDED", "HUMAN", False)
    assert deployment.used() == 0
    deployment.assert_sound()


@pytest.mark.parametrize("source", ["POLICY", "HUMAN"])
def test_the_execution_s_input_is_the_approval_s_data(deployment, source):
    deployment.propose(confidence_score=0.9 if source == "POLICY" else 0.1)
    deployment.gate()
    if source == "HUMAN":
        digest = deployment.remit.queue(TENANT)[0][0]["digest"]
        deployment.remit.approve(TENANT, "i-1", by="bob", digest=digest)
    deployment.settle()

    ((name, event, _),) = [call for call in _calls(deployment) if call[0] == "executor"]
    data = event["data"]
    assert (data["approval_source"], data["auto_executed"]) == (source, source == "POLICY")
    assert data["intent_digest"] == deployment.remit.intent(TENANT, "i-1").digest
    assert name in STEPS.values()


def _calls(deployment):
    (execution,) = deployment.cloud.executions()
    calls = deployment.cloud.emulator.functions.calls
    return [call for call in calls if call[1].get("holder") == execution["executionArn"]]


# --- each transition, from what the state before it really said ---


def test_a_repeated_event_is_a_second_execution_that_does_nothing(deployment):
    carried_out(deployment)
    (first,) = _calls(deployment)[:1]

    deployment.cloud.put("ACTION_APPROVED", first[1]["data"])
    deployment.settle()

    assert sorted(deployment.paths()) == [[*ONCE, "Done"], [*ONCE, "NothingToDo"]]
    assert deployment.far.written[f"{TENANT}/i-1"] == 1


@pytest.mark.parametrize("data", [{}, {"tenant_id": TENANT}, {"approval_id": 7, "tenant_id": [], "extra": "x"}])
def test_an_approval_event_that_says_too_little_ends_as_failed_and_starts_nothing(deployment, data):
    deployment.cloud.put("ACTION_APPROVED", data)
    deployment.settle()

    assert deployment.paths() == [["Execute", "NotAnApproval"]]
    assert [execution["status"] for execution in deployment.cloud.executions()] == ["FAILED"]


def test_a_forged_approval_ends_as_failed_is_counted_and_starts_nothing(deployment, monkeypatch):
    counted = []
    monkeypatch.setattr(execution, "add", counted.append)
    deployment.propose(confidence_score=0.1)
    deployment.gate()
    digest = deployment.remit.intent(TENANT, "i-1").digest

    forged = {"tenant_id": TENANT, "action_intent_id": "i-1", "approval_id": "p-1", "intent_digest": digest}
    deployment.cloud.put("ACTION_APPROVED", forged)
    deployment.settle()

    assert deployment.paths() == [["Execute", "NotAnApproval"]]
    assert [each["status"] for each in deployment.cloud.executions()] == ["FAILED"]
    assert (deployment.far.calls, counted) == ([], ["ApprovalRefused"])


def test_an_approval_s_event_with_another_digest_is_forged(deployment):
    carried_out(deployment)
    (first,) = _calls(deployment)[:1]

    deployment.cloud.put("ACTION_APPROVED", {**first[1]["data"], "intent_digest": "0" * 64})
    deployment.settle()

    assert ["Execute", "NotAnApproval"] in deployment.paths()
    assert len(deployment.far.calls) == 1


def test_a_stop_ends_it_cancelled_and_gives_the_charge_back(deployment):
    deployment.propose()
    deployment.front.script.append("unreachable")
    deployment.gate()
    deployment.remit.stop(StopScope(tenant_id=TENANT), by="ann", reason="incident")
    deployment.gate()
    deployment.settle()

    assert deployment.paths() == [[*ONCE, "Done"]]
    assert (deployment.status(), deployment.used()) == ("CANCELLED", 0)
    deployment.assert_sound()


@pytest.mark.parametrize(
    ("total", "status", "code", "used"), [(12.5, "SUCCEEDED", None, 1), (980, "CANCELLED", "FACT_CHANGED", 0)]
)
def test_a_fact_is_looked_up_again_before_the_call_is_marked(deployment, total, status, code, used):
    with record_keeper() as keeper:
        keeper.records["/orders/c-1"] = {"total": 12.5}
        object.__setattr__(deployment.remit.context, "fact_source", HttpFacts(listed({}), egress()))
        order = {"url": f"{keeper.url}/orders/{{target.entity_id}}", "keep": ["total"], "recheck": True}
        deployment.apply(action_types={TYPE: {**type_of(), "facts": {"order": order}}}, allowed_hosts=[keeper.host])
        deployment.propose()
        deployment.gate()
        keeper.records["/orders/c-1"] = {"total": total}

        deployment.settle()

        assert len(keeper.asked) == 2
    assert deployment.paths() == [[*ONCE, "Done"]]
    outcome = deployment.outcome()
    assert (outcome["status"], outcome["error_code"], deployment.used()) == (status, code, used)
    assert deployment.remit.status(TENANT, "i-1")["rechecked"]["order"]["kept"] == {"total": total}
    deployment.assert_sound()


def test_a_mapping_that_fails_is_recorded(deployment, monkeypatch):
    def unmapped(tool, intent):
        raise KeyError("template")

    monkeypatch.setattr(deployment.far, "map", unmapped)
    carried_out(deployment)

    assert (deployment.status(), deployment.outcome()["error_code"]) == ("FAILED", "MAPPING")


def test_a_request_that_is_too_large_to_be_carried_is_a_recorded_failure(deployment, monkeypatch):
    monkeypatch.setattr(deployment.far, "map", lambda tool, intent: {"text": "x" * 300_000})
    carried_out(deployment)

    assert (deployment.status(), deployment.outcome()["error_class"]) == ("FAILED", "VALIDATION")
    assert deployment.far.calls == []


def test_the_largest_parameters_are_carried(deployment):
    carried_out(deployment, parameters={"text": "🚀" * 16_300})

    assert deployment.status() == "SUCCEEDED"


def test_a_refusal_that_may_pass_is_tried_again_after_a_pause(deployment):
    deployment.far.script.append("no RATE_LIMIT")
    carried_out(deployment)

    assert deployment.paths() == [[*ONCE, "Pause", *ONCE, "Done"]]
    assert deployment.status() == "SUCCEEDED"
    assert deployment.outcome()["attempt_count"] == len(deployment.far.calls) == 2


@pytest.mark.parametrize("answer", ["no VALIDATION", "no AUTH"])
def test_a_refusal_that_stays_is_recorded_and_not_tried_again(deployment, answer):
    deployment.far.script.append(answer)
    carried_out(deployment)

    assert deployment.paths() == [[*ONCE, "Done"]]
    assert (deployment.status(), len(deployment.far.calls)) == ("FAILED", 1)


@pytest.mark.parametrize("answer", ["lost", "nothing", "break"])
def test_a_lost_answer_is_unknown_and_never_repeated_on_a_guess(deployment, answer):
    deployment.far.script.append(answer)
    carried_out(deployment)

    assert (deployment.status(), len(deployment.far.calls)) == ("UNKNOWN", 1)
    outcome = deployment.outcome()
    assert (outcome["approval_source"], outcome["auto_executed"]) == ("POLICY", True)
    deployment.assert_sound()


def test_a_lost_answer_is_asked_for_again_where_the_far_side_honours_the_key(deployment):
    deployment.far.script.append("lost")
    carried_out(deployment, action_type=OTHER)

    assert deployment.status() == "SUCCEEDED"
    assert (len(deployment.far.calls), deployment.far.written[f"{TENANT}/i-1"]) == (2, 1)


def test_a_stop_between_two_calls_ends_it(deployment):
    def refuse_and_stop(call):
        deployment.remit.stop(StopScope(tenant_id=TENANT), by="ann", reason="incident")
        return "no DOWNSTREAM"

    deployment.far.script.append(refuse_and_stop)
    carried_out(deployment)

    assert deployment.paths() == [[*ONCE, "Pause", *ONCE, "Done"]]
    assert deployment.status() == "CANCELLED"
    deployment.assert_sound()


def test_where_the_tool_is_paused_the_execution_waits_and_makes_the_trial(deployment, monkeypatch):
    now, at = deployment.clock.now(), breaker_key(TENANT, TYPE)
    paused = ToolBreaker(
        action_type=TYPE, failures=10, failed_at=now, last_error="DOWNSTREAM", paused_since=now, pauses=1,
        trial_at=now + timedelta(hours=1),
    )  # fmt: skip
    deployment.remit.context.store.transact([putting((at, paused))])
    handlers, waited = deployment.cloud.emulator.functions.handlers, []
    execute = handlers[STEPS["Execute"]]

    def an_hour_in_a_second(event, context):
        answer = execute(event, context)
        if "retry_in_s" in answer:
            waited.append((answer["retry_in_s"], deployment.status()))
            deployment.clock.pass_(hours=1)
            return {"retry_in_s": 1}
        return answer

    monkeypatch.setitem(handlers, STEPS["Execute"], an_hour_in_a_second)
    carried_out(deployment)

    ((seconds, status),) = waited
    assert (3500 < seconds <= 3600, status) == (True, "RUNNING")
    assert deployment.paths() == [[*ONCE, "Pause", *ONCE, "Done"]]
    assert (deployment.status(), len(deployment.far.calls)) == ("SUCCEEDED", 1)
    assert deployment.remit.failing_tools(TENANT) == []
    deployment.assert_sound()


def test_a_tool_that_may_take_long_is_left_to_the_function_that_has_the_time(deployment):
    deployment.apply(action_types={TYPE: type_of(timeout_s=QUICK_S + 1)}, allowlist=[TYPE])
    deployment.far.script.append("no RATE_LIMIT")

    carried_out(deployment)

    waiting = [*ONCE, "ExecutePatiently", "WhatFollows"]
    assert deployment.paths() == [[*waiting, "Pause", *waiting, "Done"]]
    assert (deployment.status(), len(deployment.far.calls)) == ("SUCCEEDED", 2)
    deployment.assert_sound()


NOTHING_TO_DO = [*ONCE, "NothingToDo"]


def test_what_its_proposer_took_back_is_not_started_by_its_event(deployment):
    deployment.propose()
    deployment.gate()
    deployment.remit.withdraw(TENANT, "i-1", by="agent")

    deployment.settle()

    assert deployment.paths() == [NOTHING_TO_DO]
    assert (deployment.status(), deployment.used(), deployment.far.calls) == ("WITHDRAWN", 0, [])
    deployment.call("reconcile")
    deployment.settle()
    assert deployment.paths() == [NOTHING_TO_DO]
    deployment.assert_sound()


def test_what_its_caller_executes_is_announced_once_and_started_by_nobody_else(deployment):
    deployment.apply(action_types={OWN: own_type()}, allowlist=[OWN])
    carried_out(deployment, action_type=OWN)
    deployment.clock.pass_(hours=1)
    deployment.call("reconcile")
    deployment.settle()
    assert deployment.paths() == [NOTHING_TO_DO]

    permit = deployment.remit.begin(TENANT, "i-1", by="agent", key="call-1").permit
    deployment.clock.pass_(minutes=2)
    moved = deployment.call("reconcile")
    deployment.settle()

    assert (moved["moved"], deployment.status(), deployment.paths()) == (1, "UNKNOWN", [NOTHING_TO_DO])
    deployment.remit.finish(TENANT, "i-1", by="agent", approval_id=permit.approval_id, acted="yes")
    assert deployment.status() == "SUCCEEDED"
    deployment.assert_sound()


# --- each step broken: before it did anything, and after it had done everything ---


THROTTLED = type("Lambda.TooManyRequestsException", (Exception,), {})("Rate Exceeded.")


def breaks(deployment, monkeypatch, step, when, error, times=None):
    handlers = deployment.cloud.emulator.functions.handlers
    monkeypatch.setitem(handlers, STEPS[step], Broken(handlers[STEPS[step]], when, error, times))


def test_a_step_that_breaks_after_the_call_ends_in_what_the_call_came_to(deployment, monkeypatch):
    breaks(deployment, monkeypatch, "Execute", "after", ZeroDivisionError("secret-in-a-stack-trace"))

    carried_out(deployment)

    outcome = deployment.outcome()
    assert (outcome["status"], len(deployment.far.calls)) == ("SUCCEEDED", 1)
    assert (outcome["approval_source"], outcome["auto_executed"]) == ("POLICY", True)
    assert "secret" not in str(outcome)
    assert deployment.paths() == [["Execute", *BROKE]]
    assert [execution["status"] for execution in deployment.cloud.executions()] == ["FAILED"]
    deployment.assert_sound()


def fails_to_write(monkeypatch, deployment, *, which, times):
    """The store has no time for some writes of executions, counted from the first."""
    store, writes = deployment.remit.context.store, count()
    transact = store.transact

    def busy(units):
        executing = any(isinstance(key, Key) and key.kind is CASE for unit in units for key in unit.reads)
        if executing and which <= next(writes) < which + times:
            raise TryLater("busy")
        return transact(units)

    monkeypatch.setattr(store, "transact", busy)


@pytest.mark.parametrize(("times", "status"), [(2, "SUCCEEDED"), (3, "UNKNOWN")])
def test_an_answer_that_cannot_be_written_down_is_written_again_before_nobody_knows_it(
    deployment, monkeypatch, times, status
):
    def from_here_on(call):
        fails_to_write(monkeypatch, deployment, which=0, times=times)
        return "yes"

    deployment.far.script.append(from_here_on)
    carried_out(deployment)

    assert (deployment.status(), len(deployment.far.calls)) == (status, 1)
    assert [execution["status"] for execution in deployment.cloud.executions()] == ["SUCCEEDED"]
    deployment.assert_sound()


@pytest.mark.parametrize("error", [ZeroDivisionError("secret-in-a-stack-trace"), THROTTLED], ids=["bug", "throttled"])
def test_a_step_that_breaks_before_the_first_mark_fails_nothing_and_is_delivered_again(deployment, monkeypatch, error):
    with monkeypatch.context() as broken:
        breaks(deployment, broken, "Execute", "before", error)
        carried_out(deployment)
    before = deployment.remit.status(TENANT, "i-1")
    broke = [execution["status"] for execution in deployment.cloud.executions()]
    deployment.clock.pass_(minutes=11)
    deployment.call("reconcile")
    deployment.settle()

    assert (before["status"], before["outcome"]) == ("APPROVED", None)
    assert broke == ["FAILED"]
    assert "secret" not in str(before)
    assert (deployment.status(), deployment.far.calls) == ("SUCCEEDED", [f"{TENANT}/i-1"])
    deployment.assert_sound()


def breaks_after_a_pause(deployment, monkeypatch, error):
    """The first call is refused for a while, and after the pause the function breaks."""
    deployment.far.script.append("no RATE_LIMIT")
    handlers = deployment.cloud.emulator.functions.handlers
    execute, calls = handlers["executor"], count()

    def once(event, context):
        if next(calls):
            raise error
        return execute(event, context)

    monkeypatch.setitem(handlers, "executor", once)


def test_a_step_that_breaks_between_two_calls_gives_the_attempt_back_and_is_delivered_again(deployment, monkeypatch):
    with monkeypatch.context() as broken:
        breaks_after_a_pause(deployment, broken, ZeroDivisionError())
        carried_out(deployment)
    before = deployment.status()
    deployment.clock.pass_(minutes=11)
    deployment.call("reconcile")
    deployment.settle()

    assert (before, deployment.status()) == ("RUNNING", "SUCCEEDED")
    assert (len(deployment.far.calls), deployment.far.written[f"{TENANT}/i-1"]) == (2, 1)
    deployment.assert_sound()


def test_a_published_approval_that_never_starts_expires_and_is_paid_back_into_its_day(deployment, monkeypatch):
    breaks(deployment, monkeypatch, "Execute", "before", ZeroDivisionError())
    carried_out(deployment)
    day, taken = deployment.window()
    published = deployment.remit.ledger(TENANT, "i-1")[-1]["event_type"]
    deployment.clock.pass_(days=8)
    deployment.call("reconcile")
    deployment.settle()

    assert (published, taken, deployment.window()) == ("ACTION_PUBLISHED", 1, (day, 0))
    assert (deployment.status(), deployment.outcome()) == ("EXPIRED", None)
    events = [entry["event_type"] for entry in deployment.remit.ledger(TENANT, "i-1")]
    assert events[-2:] == ["BUDGET_RELEASED", "INTENT_EXPIRED"]

    # Whoever starts it now, late, finds that it is over.
    monkeypatch.undo()
    deployment.cloud.put("ACTION_APPROVED", _calls(deployment)[0][1]["data"])
    deployment.settle()
    assert (deployment.status(), deployment.far.calls, deployment.window()) == ("EXPIRED", [], (day, 0))
    deployment.assert_sound()


def test_a_start_that_never_took_the_attempt_leaves_the_approval_to_the_next_delivery(deployment, monkeypatch):
    breaks(deployment, monkeypatch, "Execute", "before", ZeroDivisionError(), times=1)

    carried_out(deployment)
    before = deployment.status()
    deployment.clock.pass_(minutes=11)
    deployment.call("reconcile")
    deployment.settle()

    assert (before, deployment.status()) == ("APPROVED", "SUCCEEDED")
    assert deployment.far.written[f"{TENANT}/i-1"] == 1


@pytest.mark.parametrize(
    ("error", "shown"), [("x" * 5_000, "x" * 200), ("", "an error without a name"), ("ha\ud83dlf", "ha?lf"), (None, "")]
)
def test_a_failure_of_any_shape_is_noted(deployment, monkeypatch, error, shown):
    breaks_after_a_pause(deployment, monkeypatch, ZeroDivisionError())
    handlers = deployment.cloud.emulator.functions.handlers
    recorder = handlers["execution_recorder"]
    told = {"Error": error}
    monkeypatch.setitem(
        handlers, "execution_recorder", lambda event, context: recorder({**event, "error": told}, context)
    )

    carried_out(deployment)

    assert deployment.outcome() is None
    (case,) = deployment.remit.context.store.cases(TENANT, CaseFilter(), None, 1)
    assert shown in case.attempt.last_error.error_message


def test_an_invocation_that_dies_in_mid_call_is_unknown(deployment, monkeypatch):
    """Lambda ends it at its time-out: the call is marked, and nobody is there to note an answer."""

    def dies(call):
        raise KeyboardInterrupt

    deployment.far.script.append(dies)
    handlers = deployment.cloud.emulator.functions.handlers
    execute = handlers["executor"]

    def as_lambda_says_it(event, context):
        try:
            return execute(event, context)
        except KeyboardInterrupt:
            raise type("Timedout", (Exception,), {})("Task timed out after 60.00 seconds") from None

    monkeypatch.setitem(handlers, "executor", as_lambda_says_it)
    carried_out(deployment)

    assert (deployment.status(), len(deployment.far.calls)) == ("UNKNOWN", 1)
    deployment.assert_sound()


@pytest.mark.parametrize("error", [TryLater("busy"), OutcomeUnknown("the answer was lost")])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_step_that_may_be_repeated_is_and_carries_on(deployment, monkeypatch, error, when):
    breaks(deployment, monkeypatch, "Execute", when, error, times=1)

    carried_out(deployment)

    assert deployment.status() == "SUCCEEDED"
    assert deployment.far.written[f"{TENANT}/i-1"] == len(deployment.far.calls) == 1
    assert [execution["status"] for execution in deployment.cloud.executions()] == ["SUCCEEDED"]
    deployment.assert_sound()


def test_executing_twice_changes_nothing(deployment):
    carried_out(deployment)
    ((name, event, first),) = [call for call in _calls(deployment) if call[0] == "executor"]
    entries = deployment.remit.ledger(TENANT, "i-1")

    second = deployment.call(name, **event)

    assert (first, second) == ({"status": "SUCCEEDED"}, {"status": None})
    assert deployment.remit.ledger(TENANT, "i-1") == entries


def test_where_even_recording_fails_the_next_delivery_records(deployment, monkeypatch):
    handlers = deployment.cloud.emulator.functions.handlers

    def gone(event, context):
        raise ZeroDivisionError

    with monkeypatch.context() as broken:
        broken.setitem(handlers, "execution_recorder", gone)

        def from_here_on(call):
            fails_to_write(broken, deployment, which=0, times=10**6)
            return "yes"

        deployment.far.script.append(from_here_on)
        carried_out(deployment)
    before = deployment.status()
    deployment.clock.pass_(minutes=11)
    deployment.call("reconcile")
    deployment.settle()

    assert (before, deployment.status()) == ("RUNNING", "UNKNOWN")
    assert len(deployment.far.calls) == 1
    deployment.assert_sound()


# --- traps of the contract that reach execution ---


def requested(deployment):
    """What the far side is asked by its next call, when that was made."""
    requests: list[dict[str, Any]] = []
    deployment.far.script.append(lambda call: (requests.append(dict(call.request)), "yes")[1])
    return requests


def test_approving_an_edited_intent_executes_what_was_edited_and_twice_is_once(deployment):
    deployment.propose(confidence_score=0.1)
    deployment.gate()
    edited = deployment.call(
        "review", verb="edit", tenant_id=TENANT, action_intent_id="i-1", by="bob", changes={"parameters.text": "new"}
    )["action_intent_id"]
    answer = {"verb": "approve", "tenant_id": TENANT, "action_intent_id": edited, "by": "carol"}
    digest = deployment.remit.intent(TENANT, edited).digest

    requests = requested(deployment)
    first = deployment.call("review", **answer, digest=digest)
    second = deployment.call("review", **answer, digest=digest)
    deployment.settle()

    assert first == second
    assert deployment.status() == "SUPERSEDED"
    assert deployment.far.calls == [f"{TENANT}/{edited}"]
    assert [request["parameters"] for request in requests] == [{"text": "new"}]


def test_a_late_duplicate_event_does_nothing_whatever_has_expired(deployment):
    carried_out(deployment)
    (first,) = _calls(deployment)[:1]

    for days in (1, 8, 200):
        deployment.clock.pass_(days=days)
        deployment.call("reconcile")
        deployment.cloud.put("ACTION_APPROVED", first[1]["data"])
        deployment.settle()

    assert len(deployment.far.calls) == 1


def test_the_version_of_the_tool_that_the_intent_pinned_is_what_runs(deployment):
    deployment.propose(confidence_score=0.1)
    deployment.gate()
    digest = deployment.remit.queue(TENANT)[0][0]["digest"]
    deployment.apply(action_types={"UPDATE_CONTACT": type_of(operation="other"), OTHER: type_of()})

    requests = requested(deployment)
    deployment.remit.approve(TENANT, "i-1", by="bob", digest=digest)
    deployment.settle()

    assert [request["operation"] for request in requests] == ["do"]


# --- the definition itself ---


def test_every_step_catches_everything_and_retries_only_what_says_that_it_may_be_repeated():
    states = definition(dict.fromkeys(STEPS.values(), "arn"))["States"]
    tasks = {name: state for name, state in states.items() if state["Type"] == "Task"}

    assert set(tasks) == set(STEPS)
    for name, task in tasks.items():
        *known, last = task["Catch"]
        assert [catch["ErrorEquals"] for catch in known] == ([] if name == "RecordFailure" else [["NotAnApproval"]])
        assert last["ErrorEquals"] == ["States.ALL"]
        assert last["Next"] == ("StepBroke" if name == "RecordFailure" else "RecordFailure")
        (retry,) = task["Retry"]
        assert not {"States.ALL", "States.TaskFailed", "Exception"} & set(retry["ErrorEquals"])
        assert task["TimeoutSeconds"] > 0


def test_every_state_can_be_reached_and_names_states_that_exist():
    machine = definition(dict.fromkeys(STEPS.values(), "arn"))
    states = machine["States"]
    named = {machine["StartAt"]}
    for state in states.values():
        named |= {choice["Next"] for choice in [*state.get("Choices", []), *state.get("Catch", [])]}
        named |= {state[field] for field in ("Next", "Default") if field in state}

    assert named == set(states)
