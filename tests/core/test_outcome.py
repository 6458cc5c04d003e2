"""Execution: what may follow a call, the key it carries, and the outcome that ends it."""

from datetime import timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.core.canonical import canonical, sha256_hex
from remit.core.execution.outcome import (
    LEASE_MARGIN,
    LONGEST_MESSAGE,
    LONGEST_PAUSE_S,
    OUTCOME_EVENT,
    CallResult,
    ExecutionAttempt,
    ExternalObjectRef,
    Retry,
    after_call,
    conclude,
    idempotency_key,
    lease,
    storable,
    tool_hash,
)
from remit.core.gate.action_type import Tool

from .make import APPROVAL_ID, NOW, approval, intent

CLASSES = ["AUTH", "RATE_LIMIT", "VALIDATION", "DOWNSTREAM", "TIMEOUT", "UNKNOWN"]
TRIES = [1, 2, 3]


def after(acted, error_class, *, tries=1, most=3, honours_key=False, in_doubt=False, retry_after_s=None):
    return after_call(
        CallResult(acted=acted, error_class=error_class, retry_after_s=retry_after_s),
        attempt_count=tries,
        max_attempts=most,
        honours_key=honours_key,
        in_doubt=in_doubt,
    )


def kind(answer):
    return "RETRY" if isinstance(answer, Retry) else answer


@pytest.mark.parametrize(("honours_key", "in_doubt", "tries"), list(product([True, False], [True, False], TRIES)))
def test_an_action_that_was_done_succeeded_whatever_was_before(honours_key, in_doubt, tries):
    assert after("yes", None, tries=tries, honours_key=honours_key, in_doubt=in_doubt) == "SUCCEEDED"


@pytest.mark.parametrize(("error_class", "tries", "in_doubt"), list(product([None, *CLASSES], TRIES, [True, False])))
def test_a_lost_answer_is_never_repeated_on_a_guess(error_class, tries, in_doubt):
    assert after("unknown", error_class, tries=tries, in_doubt=in_doubt, honours_key=False) == "UNKNOWN"


@pytest.mark.parametrize(("error_class", "tries"), list(product([None, *CLASSES], TRIES)))
def test_what_was_in_doubt_before_stays_unknown_where_no_key_is_honoured(error_class, tries):
    assert after("no", error_class, tries=tries, in_doubt=True, honours_key=False) == "UNKNOWN"


@pytest.mark.parametrize("error_class", ["TIMEOUT", "DOWNSTREAM", "RATE_LIMIT"])
@pytest.mark.parametrize("in_doubt", [True, False])
def test_a_lost_answer_is_repeated_where_the_key_is_honoured_until_the_tries_are_used_up(error_class, in_doubt):
    answers = [after("unknown", error_class, tries=n, honours_key=True, in_doubt=in_doubt) for n in TRIES]

    assert [kind(answer) for answer in answers] == ["RETRY", "RETRY", "UNKNOWN"]


@pytest.mark.parametrize(
    ("error_class", "honours_key", "repeated"),
    [
        ("RATE_LIMIT", False, True),
        ("RATE_LIMIT", True, True),
        ("DOWNSTREAM", False, True),
        ("DOWNSTREAM", True, True),
        ("TIMEOUT", True, True),
        ("TIMEOUT", False, False),
        *[
            (error_class, key, False)
            for error_class in ("AUTH", "VALIDATION", "UNKNOWN", None)
            for key in (True, False)
        ],
    ],
)
def test_what_was_certainly_not_done_is_repeated_only_for_these(error_class, honours_key, repeated):
    answers = [after("no", error_class, tries=n, honours_key=honours_key) for n in TRIES]

    assert [kind(answer) for answer in answers] == (["RETRY", "RETRY", "FAILED"] if repeated else ["FAILED"] * 3)


@pytest.mark.parametrize("error_class", ["RATE_LIMIT", "DOWNSTREAM", "TIMEOUT"])
def test_an_answer_lost_earlier_is_unknown_when_the_tries_end_with_no_answer_to_it(error_class):
    answers = [after("no", error_class, tries=n, honours_key=True, in_doubt=True) for n in TRIES]

    assert [kind(answer) for answer in answers] == ["RETRY", "RETRY", "UNKNOWN"]


@given(
    st.sampled_from(["yes", "no", "unknown"]),
    st.none() | st.sampled_from(CLASSES),
    st.integers(1, 30),
    st.integers(1, 20),
    st.booleans(),
    st.booleans(),
)
def test_a_call_is_repeated_no_more_often_than_allowed_and_never_blindly(acted, error_class, tries, most, key, doubt):
    answer = after(acted, error_class, tries=tries, most=most, honours_key=key, in_doubt=doubt)

    if isinstance(answer, Retry):
        assert tries < most
        assert key or (acted == "no" and not doubt and error_class in ("RATE_LIMIT", "DOWNSTREAM"))
    if answer == "FAILED":
        assert acted == "no"
        assert key or not doubt


def test_the_pause_doubles_and_has_an_end():
    pauses = [after("no", "DOWNSTREAM", tries=n, most=100).pause_s for n in range(1, 30)]

    assert pauses[:4] == [1.0, 2.0, 4.0, 8.0]
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE_S


def test_the_far_side_may_ask_for_a_longer_pause_within_the_longest():
    asked = [after("no", "RATE_LIMIT", retry_after_s=s).pause_s for s in (0.0, 0.5, 20.0, 86_400.0, -5.0)]

    assert asked == [1.0, 1.0, 20.0, LONGEST_PAUSE_S, 1.0]


def tool(method="POST"):
    return Tool(connector="http", method=method)


def test_the_key_is_the_hash_of_tenant_intent_tool_parameters_and_version():
    parts = ["acme", "i-1", tool().wire(), {"text": "hello"}, 1]

    assert idempotency_key(intent(), tool()) == sha256_hex(canonical(parts))


@pytest.mark.parametrize(
    "change",
    [
        {"tenant_id": "other"},
        {"action_intent_id": "i-2"},
        {"parameters": {"text": "bye"}},
        {"parameters": {}},
        {"registry_version": 2},
        {"registry_version": None},
    ],
    ids=str,
)
def test_the_key_differs_with_anything_it_names(change):
    assert idempotency_key(intent(**change), tool()) != idempotency_key(intent(), tool())


def test_the_key_differs_with_the_tool_and_with_nothing_else():
    key = idempotency_key(intent(parameters={"a": 1, "b": 2}), tool())

    assert idempotency_key(intent(parameters={"a": 1, "b": 2}), tool(method="PUT")) != key
    assert idempotency_key(intent(parameters={"a": 1, "b": 2}), None) != key
    assert idempotency_key(intent(parameters={"b": 2.0, "a": 1}), Tool(**dict(reversed(tool().wire().items())))) == key
    assert idempotency_key(intent(parameters={"a": 1, "b": 2}, trace_id="t-2", why=["x"]), tool()) == key


def test_a_changed_copy_of_a_tool_is_another_tool_whatever_was_asked_of_the_first():
    first = tool()
    key, hash = idempotency_key(intent(), first), tool_hash(first)

    changed = first.model_copy(update={"timeout_s": 7.0})

    assert changed.wire()["timeout_s"] == 7.0
    assert (idempotency_key(intent(), changed), tool_hash(changed)) != (key, hash)
    assert changed.canonical == canonical(changed.wire()) and first.canonical == canonical(first.wire())


def test_a_lease_outlasts_the_call_it_is_for():
    assert lease(NOW, 30.0) == NOW + timedelta(seconds=30) + LEASE_MARGIN
    assert timedelta(0) < LEASE_MARGIN


def test_each_outcome_has_its_own_event():
    assert OUTCOME_EVENT == {
        "SUCCEEDED": "ACTION_EXECUTED",
        "FAILED": "ACTION_FAILED",
        "UNKNOWN": "ACTION_UNKNOWN",
        "CANCELLED": "EXECUTION_CANCELLED",
    }


def attempt(**changes):
    fields = {
        "approval_id": APPROVAL_ID,
        "status": "RUNNING",
        "attempt_count": 2,
        "tool": "http POST",
        "holder": "w-1",
        "lease_until": NOW,
        "invoking": False,
        "in_doubt": False,
        "idempotency_key": "0" * 64,
        "started_at": NOW,
    }
    return ExecutionAttempt(**{**fields, **changes})


@pytest.mark.parametrize(("source", "auto_executed"), [("POLICY", True), ("HUMAN", False)])
@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED", "UNKNOWN", "CANCELLED"])
def test_an_outcome_carries_the_approval_s_source(source, auto_executed, status):
    outcome = conclude(intent(), approval(source), attempt(), status, CallResult(acted="no"), NOW)

    assert (outcome.status, outcome.approval_source, outcome.auto_executed) == (status, source, auto_executed)
    assert outcome.approval_id == APPROVAL_ID


def test_an_outcome_carries_what_the_contract_names():
    made = ExternalObjectRef(system="crm", object_type="note", object_id="n-1", object_url="https://crm.example/n-1")
    done = CallResult(acted="yes", external_object_refs=[made])

    wire = conclude(intent(), approval(), attempt(), "SUCCEEDED", done, NOW + timedelta(seconds=3)).wire()

    assert wire == {
        "action_intent_id": "i-1",
        "tenant_id": "acme",
        "account_id": "north",
        "approval_id": APPROVAL_ID,
        "status": "SUCCEEDED",
        "external_object_refs": [
            {"system": "crm", "object_type": "note", "object_id": "n-1", "object_url": "https://crm.example/n-1"}
        ],
        "error_code": None,
        "error_class": None,
        "error_message": None,
        "attempt_count": 2,
        "tool": "http POST",
        "registry_version": 1,
        "started_at": "2026-03-10T12:00:00Z",
        "completed_at": "2026-03-10T12:00:03Z",
        "trace_id": "trace",
        "approval_source": "POLICY",
        "auto_executed": True,
    }


@pytest.mark.parametrize("message", [None, "", "x", "x" * 1_000_000, "é" * 5000, "\U0001f600" * 5000])
@pytest.mark.parametrize("error_class", [None, *CLASSES])
def test_no_failure_is_too_long_or_too_odd_to_be_recorded(message, error_class):
    failure = CallResult(acted="no", error_class=error_class, error_code="E", error_message=message)

    outcome = conclude(intent(), approval(), attempt(attempt_count=0, tool=None), "FAILED", failure, NOW)

    assert len(outcome.error_message or "") <= LONGEST_MESSAGE
    assert (outcome.error_message or "") == (message or "")[:LONGEST_MESSAGE]
    canonical(outcome.wire())


def test_a_mark_without_an_answer_is_an_unanswered_call():
    assert attempt(invoking=True).unanswered
    assert attempt(in_doubt=True).unanswered
    assert not attempt().unanswered


@pytest.mark.parametrize("error_class", ["AUTH", "VALIDATION", "UNKNOWN", None])
@pytest.mark.parametrize("acted", ["no", "unknown"])
def test_no_other_class_is_ever_retried_however_it_came_about(error_class, acted):
    result = CallResult(acted=acted, error_class=error_class)

    end = after_call(result, attempt_count=1, max_attempts=5, honours_key=True, in_doubt=False)

    assert end == ("UNKNOWN" if acted == "unknown" else "FAILED")


def test_half_a_character_from_the_far_side_does_not_keep_its_success_from_being_written():
    said = CallResult(
        acted="yes", external_object_refs=[ExternalObjectRef(system="crm", object_type="note", object_id="\ud800")]
    )

    kept = storable(said)

    assert kept.external_object_refs[0].object_id == "?"
    kept.to_json()
