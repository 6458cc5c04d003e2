"""Fulfilment, row by row: what may be started, taken over, called, recorded and given back."""

from datetime import timedelta
from itertools import product
from typing import get_args

import pytest

from remit.core.execution.fulfilment import (
    NOBODY,
    Hold,
    after_break,
    approval_matches,
    before_call,
    concluded_before,
    conclusion,
    ended,
    event_says,
    forbidden,
    found_late,
    gives_back,
    hold_of,
    key_is_honoured,
    late_resolution,
    lease_after,
    left_to_another,
    marked,
    may_record,
    may_start,
    new_attempt,
    noted,
    outcome_of,
)
from remit.core.execution.outcome import LEASE_MARGIN, CallResult, Conclusion, ExternalObjectRef, Retry, conclude
from remit.core.gate.action_type import Tool
from remit.core.gate.autonomy import Stops
from remit.core.lifecycle import Status

from .make import APPROVAL_ID, NOW, approval, attempt, case, intent, state, stop

STATUSES = get_args(Status)
HOLDS = get_args(Hold)
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)

YES = CallResult(acted="yes", external_object_refs=[ExternalObjectRef(system="crm", object_type="note", object_id="n")])
NO = CallResult(acted="no", error_code="400", error_class="VALIDATION", error_message="bad note")
LOST = CallResult(acted="unknown", error_code="TIMEOUT", error_class="TIMEOUT", error_message="no answer")
RESULTS = {"yes": YES, "no": NO, "unknown": LOST}


# --- who may act ---


@pytest.mark.parametrize(
    ("found", "hold"),
    [
        (None, "nobody"),
        (attempt(), "ours"),
        (attempt(lease_until=NOW - SECOND), "ours"),
        (attempt(holder="other", lease_until=NOW + SECOND), "another"),
        (attempt(approval_id="another", lease_until=NOW + SECOND), "another"),
        (attempt(holder="other", lease_until=NOW), "lapsed"),
        (attempt(status="SUCCEEDED"), "ended"),
        (attempt(status="UNKNOWN", holder="other", lease_until=NOW - SECOND), "ended"),
    ],
)
def test_whose_the_attempt_is(found, hold):
    assert hold_of(found, "me", APPROVAL_ID, NOW) == hold


@pytest.mark.parametrize(
    ("kept", "to_do"),
    [("RESERVED", "publish and take"), ("PUBLISHED", "take"), ("RELEASED", "nothing"), ("gone", "nothing")],
)
def test_an_attempt_that_nobody_has_is_taken_under_an_approval_that_was_not_released(kept, to_do):
    assert may_start("nobody", state(kept), approval(), NOW) == to_do


def test_nothing_begins_under_the_state_of_another_approval():
    assert may_start("nobody", state("PUBLISHED").changed(approval_id="another"), approval(), NOW) == "nothing"


@pytest.mark.parametrize(
    ("hold", "to_do"),
    [("ours", "take over"), ("lapsed", "take over"), ("another", "nothing"), ("ended", "nothing")],
)
@pytest.mark.parametrize("kept", ["RESERVED", "PUBLISHED", "RELEASED", "gone"])
def test_an_attempt_that_exists_is_taken_over_only_if_it_is_ours_or_its_lease_is_over(hold, kept, to_do):
    assert may_start(hold, state(kept), approval(), NOW) == to_do


def test_an_event_matches_what_is_stored_or_nothing_begins():
    stored, approved = intent(), approval()
    data = {"intent_digest": stored.digest}
    of = case("APPROVED", approval_id=APPROVAL_ID)

    assert event_says(stored, approved, data) and approval_matches(of, stored, approved)
    for says in ({"intent_digest": "0" * 64}, {}):
        assert not event_says(stored, approved, says)
    assert not approval_matches(case("APPROVED", approval_id="another"), stored, approved)
    for another in (approved.changed(intent_digest="0" * 64), approved.changed(action_intent_id="i-2")):
        assert not approval_matches(of, stored, another) and not event_says(stored, another, data)
    other = stored.changed(parameters={"text": "other"})
    assert not approval_matches(of, other, approved) and not event_says(other, approved, data)


def test_a_new_attempt_has_called_nobody_and_names_its_tool():
    tool = Tool.model_validate({"connector": "internal", "operation": "create_note"})

    taken = new_attempt(intent(), APPROVAL_ID, tool, holder="me", now=NOW, until=NOW + SECOND)

    assert (taken.status, taken.attempt_count, taken.invoking, taken.in_doubt) == ("RUNNING", 0, False, False)
    assert (taken.tool, taken.holder, taken.lease_until) == ("internal create_note", "me", NOW + SECOND)
    assert taken.idempotency_key != attempt().idempotency_key


# --- preflight, and the mark before each call ---


@pytest.mark.parametrize(
    ("level", "source", "code"),
    [
        (None, "POLICY", None),
        (None, "HUMAN", None),
        ("autonomy", "POLICY", "AUTONOMY_STOPPED"),
        ("autonomy", "HUMAN", None),
        ("everything", "POLICY", "AUTONOMY_STOPPED"),
        ("everything", "HUMAN", "AUTONOMY_STOPPED"),
    ],
)
def test_a_stop_forbids_what_it_covers_by_level_and_source(level, source, code):
    stops = [Stops(stops=[stop(level, tenant_id="acme")] if level else [])]

    refusal = forbidden(intent(), source, stops, NOW)

    assert (refusal and refusal.code) == code
    assert forbidden(intent(), source, [Stops(stops=[stop("everything", tenant_id="globex")])], NOW) is None


@pytest.mark.parametrize("source", ["POLICY", "HUMAN"])
def test_what_has_expired_may_not_run_whoever_approved_it(source):
    over = intent().expires_at

    assert forbidden(intent(), source, [], over).code == "INTENT_EXPIRED"
    assert forbidden(intent(), source, [], over - SECOND) is None


EXPIRED = forbidden(intent(), "POLICY", [], intent().expires_at)
CONCLUDED = Conclusion(status="FAILED", result=NO)


def goes(found=None, hold="ours", refusal=None, marking=False, calls_seen=0):
    answer = before_call(found or attempt(), hold, refusal, marking=marking, calls_seen=calls_seen)
    return answer.status if isinstance(answer, Conclusion) else answer


@pytest.mark.parametrize(("hold", "marking", "refusal"), list(product(HOLDS, [True, False], [None, EXPIRED])))
def test_who_does_not_hold_the_attempt_leaves_it(hold, marking, refusal):
    if hold != "ours":
        assert goes(hold=hold, marking=marking, refusal=refusal) == "leave it"


@pytest.mark.parametrize(
    ("found", "marking", "calls_seen", "refusal", "answer"),
    [
        (attempt(), False, 0, None, "go on"),
        (attempt(), True, 0, None, "go on"),
        (attempt(attempt_count=2), True, 2, None, "go on"),
        (attempt(attempt_count=1), True, 0, None, "leave it"),
        (attempt(attempt_count=1), True, 0, EXPIRED, "leave it"),
        (attempt(attempt_count=1), False, 0, None, "go on"),
        (attempt(conclusion=CONCLUDED), True, 0, None, "leave it"),
        (attempt(conclusion=CONCLUDED), True, 0, EXPIRED, "leave it"),
        # An answer is noted and nothing will be called: a stop or an expiry comes too late to undo it.
        (attempt(conclusion=CONCLUDED), False, 0, EXPIRED, "go on"),
        (attempt(conclusion=CONCLUDED, in_doubt=True), False, 0, EXPIRED, "go on"),
        (attempt(), False, 0, EXPIRED, "CANCELLED"),
        (attempt(), True, 0, EXPIRED, "CANCELLED"),
        (attempt(invoking=True), False, 0, EXPIRED, "UNKNOWN"),
        (attempt(in_doubt=True), True, 0, EXPIRED, "UNKNOWN"),
        (attempt(invoking=True), False, 0, None, "go on"),
    ],
)
def test_whether_the_holder_goes_on(found, marking, calls_seen, refusal, answer):
    assert goes(found, marking=marking, calls_seen=calls_seen, refusal=refusal) == answer


def test_an_attempt_that_is_cancelled_says_why_and_one_in_doubt_keeps_the_last_error():
    cancelled = before_call(attempt(), "ours", EXPIRED, marking=False, calls_seen=0)
    doubtful = before_call(attempt(in_doubt=True, last_error=LOST), "ours", EXPIRED, marking=False, calls_seen=0)

    assert (cancelled.result.acted, cancelled.result.error_code) == ("no", "INTENT_EXPIRED")
    assert (doubtful.result.acted, doubtful.result.error_code) == ("unknown", "TIMEOUT")
    assert EXPIRED.why in doubtful.result.error_message


@pytest.mark.parametrize(("invoking", "in_doubt"), list(product([False, True], [False, True])))
def test_a_mark_counts_the_call_and_keeps_the_doubt_about_the_one_before(invoking, in_doubt):
    after = marked(attempt(invoking=invoking, in_doubt=in_doubt, attempt_count=1), NOW + DAY)

    assert (after.invoking, after.attempt_count, after.lease_until) == (True, 2, NOW + DAY)
    assert after.in_doubt == (invoking or in_doubt)


# --- the call ---


@pytest.mark.parametrize(
    ("found", "honours_key", "status"),
    [
        (attempt(conclusion=CONCLUDED), False, "FAILED"),
        (attempt(conclusion=CONCLUDED, invoking=True), True, "FAILED"),
        (attempt(), False, None),
        (attempt(attempt_count=5), False, None),
        (attempt(invoking=True, attempt_count=1), True, None),
        (attempt(in_doubt=True, attempt_count=2), True, None),
        (attempt(invoking=True, attempt_count=3), True, "UNKNOWN"),
        (attempt(invoking=True, attempt_count=1), False, "UNKNOWN"),
        (attempt(in_doubt=True, attempt_count=1), False, "UNKNOWN"),
    ],
)
def test_a_call_without_an_answer_is_repeated_only_under_a_key_that_is_honoured(found, honours_key, status):
    known = concluded_before(found, honours_key=honours_key, max_attempts=3)

    assert (known and known.status) == status


@pytest.mark.parametrize(("acted", "in_doubt"), list(product(["yes", "no", "unknown"], [False, True])))
def test_an_answer_is_noted_with_the_doubt_that_stays(acted, in_doubt):
    after = noted(attempt(invoking=True, in_doubt=in_doubt), RESULTS[acted], Retry(pause_s=1.0), NOW + DAY)

    assert (after.invoking, after.lease_until, after.conclusion) == (False, NOW + DAY, None)
    assert after.in_doubt == (in_doubt or acted == "unknown")
    assert after.last_error == (None if acted == "yes" else RESULTS[acted])


def test_an_answer_that_ends_it_is_noted_as_its_conclusion():
    after = noted(attempt(invoking=True), NO, "FAILED", NOW + DAY)

    assert after.conclusion == Conclusion(status="FAILED", result=NO)


def test_a_lease_lasts_through_a_pause():
    assert lease_after("SUCCEEDED", NOW, 15) == NOW + 15 * SECOND + LEASE_MARGIN
    assert lease_after(Retry(pause_s=60.0), NOW, 15) == NOW + 75 * SECOND + LEASE_MARGIN


# --- the record ---


@pytest.mark.parametrize(("hold", "acted"), list(product(HOLDS, ["yes", "no", "unknown"])))
def test_the_holder_records_and_anybody_a_success(hold, acted):
    assert may_record(hold, RESULTS[acted]) == (hold == "ours" or (acted == "yes" and hold != "nobody"))


@pytest.mark.parametrize(("acted", "status"), [("yes", "SUCCEEDED"), ("no", "FAILED"), ("unknown", "FAILED")])
def test_without_a_status_it_was_done_or_it_was_not(acted, status):
    assert outcome_of(RESULTS[acted]) == status


NOTED_UNKNOWN = Conclusion(status="UNKNOWN", result=LOST)


@pytest.mark.parametrize(
    ("found", "status", "result", "recorded"),
    [
        (attempt(), "SUCCEEDED", YES, ("SUCCEEDED", "yes")),
        (attempt(invoking=True), "SUCCEEDED", YES, ("SUCCEEDED", "yes")),
        (attempt(conclusion=CONCLUDED), "SUCCEEDED", YES, ("SUCCEEDED", "yes")),
        (attempt(conclusion=NOTED_UNKNOWN), "FAILED", NO, ("UNKNOWN", "unknown")),
        (attempt(conclusion=Conclusion(status="SUCCEEDED", result=YES)), "FAILED", NO, ("SUCCEEDED", "yes")),
        (attempt(), "FAILED", NO, ("FAILED", "no")),
        (attempt(invoking=True), "FAILED", NO, ("UNKNOWN", "unknown")),
        (attempt(in_doubt=True), "FAILED", NO, ("UNKNOWN", "unknown")),
        (attempt(in_doubt=True), "UNKNOWN", LOST, ("UNKNOWN", "unknown")),
    ],
)
def test_a_failure_beside_a_call_does_not_answer_that_call(found, status, result, recorded):
    end = conclusion(found, status, result)

    assert (end.status, end.result.acted) == recorded


@pytest.mark.parametrize(("result", "kept"), [(YES, None), (NO, NO), (LOST, LOST)])
def test_an_attempt_that_ends_marks_no_call_any_more(result, kept):
    after = ended(attempt(invoking=True), Conclusion(status="UNKNOWN", result=result))

    assert (after.status, after.invoking, after.last_error) == ("UNKNOWN", False, kept)


@pytest.mark.parametrize(
    ("status", "source"), list(product(["SUCCEEDED", "FAILED", "UNKNOWN", "CANCELLED"], ["POLICY", "HUMAN"]))
)
def test_only_what_policy_approved_and_never_ran_is_given_back(status, source):
    assert gives_back(status, approval(source)) == ((status, source) == ("CANCELLED", "POLICY"))


def unknown_outcome(status="UNKNOWN"):
    return conclude(intent(), approval(), attempt(), status, LOST, NOW)


@pytest.mark.parametrize(
    ("acted", "called", "in_doubt", "found"),
    [
        ("yes", True, False, "SUCCEEDED"),
        ("yes", False, True, "SUCCEEDED"),
        ("no", True, False, "FAILED"),
        ("no", True, True, None),
        ("no", False, False, None),
        ("no", False, True, None),
        ("unknown", True, False, None),
        ("unknown", False, True, None),
    ],
)
def test_a_late_answer_resolves_an_unknown_outcome_only_if_it_leaves_no_doubt(acted, called, in_doubt, found):
    known = found_late(unknown_outcome(), case("UNKNOWN"), attempt(in_doubt=in_doubt), RESULTS[acted], called=called)

    assert known == found


@pytest.mark.parametrize("status", [status for status in STATUSES if status != "UNKNOWN"])
def test_a_late_answer_says_nothing_about_an_intent_that_is_not_unknown(status):
    assert found_late(unknown_outcome(), case(status), attempt(), YES, called=True) is None


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED", "CANCELLED"])
def test_a_late_answer_says_nothing_about_a_known_outcome(status):
    assert found_late(unknown_outcome(status), case("UNKNOWN"), attempt(), YES, called=True) is None
    assert found_late(unknown_outcome(), None, attempt(), YES, called=True) is None


def test_a_late_resolution_is_the_system_s_and_keeps_what_was_made():
    resolution = late_resolution(unknown_outcome(), "SUCCEEDED", YES, NOW)

    assert (resolution.status, resolution.resolved_by) == ("SUCCEEDED", "remit")
    assert resolution.external_object_refs == YES.external_object_refs
    assert late_resolution(unknown_outcome(), "FAILED", NO, NOW).note == "bad note"


@pytest.mark.parametrize(("always", "says"), list(product([False, True], [False, True])))
def test_a_key_is_honoured_where_the_connector_knows_or_the_tool_says_so(always, says):
    assert key_is_honoured(always, says) == (always or says)


# --- a step that broke ---

BROKE = CallResult(acted="no", error_code="STEP_BROKE", error_class="UNKNOWN", error_message="a step broke")
NOTED = Conclusion(status="FAILED", result=NO)


@pytest.mark.parametrize(
    ("fields", "expired", "status"),
    [
        ({}, False, None),
        ({}, True, "CANCELLED"),
        ({"attempt_count": 2}, False, None),
        ({"attempt_count": 1, "invoking": True}, False, "UNKNOWN"),
        ({"attempt_count": 1, "in_doubt": True}, True, "UNKNOWN"),
        ({"attempt_count": 1, "conclusion": NOTED}, False, "FAILED"),
        ({"attempt_count": 1, "conclusion": NOTED, "in_doubt": True}, True, "FAILED"),
    ],
)
def test_a_step_that_broke_fails_nothing_that_is_not_known_to_have_failed(fields, expired, status):
    found = after_break(attempt(**fields), BROKE, expired=expired)

    assert (found and found.status) == status


def test_what_is_left_to_another_is_nobody_s_and_is_taken_over_by_any_run():
    left = left_to_another(attempt(holder="run-1"), BROKE, NOW)

    assert left.holder == NOBODY
    assert [hold_of(left, run, APPROVAL_ID, NOW) for run in ("run-1", "run-2")] == ["lapsed", "lapsed"]
