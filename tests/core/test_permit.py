"""Permits, row by row: who is given one, once, and what becomes of it."""

from datetime import timedelta
from typing import get_args

import pytest

from remit.core.errors import Conflict, InvalidInput, NotInThatState
from remit.core.execution.fulfilment import left_alone, marked
from remit.core.execution.outcome import CallResult, ExternalObjectRef
from remit.core.execution.permit import (
    LONGEST_KEY,
    MOST_REFS,
    Acted,
    check_is_callers,
    check_key,
    check_permit,
    explained,
    finish_result,
    has_lapsed,
    holder_of,
    lapsed,
    may_begin,
    renewed,
)
from remit.core.execution.proposer import Proposer
from remit.core.execution.publication import due_when_published, may_publish
from remit.core.gate.action_type import ActionTypeSpec
from remit.core.identity.credential import Credential
from remit.core.lifecycle import Status, due_step

from .make import APPROVAL_ID, NOW, attempt, case, state, type_json

STATUSES = get_args(Status)
UNSTARTED = ("PROPOSED", "AWAITING_APPROVAL", "BLOCKED", "APPROVED")
SECOND = timedelta(seconds=1)
LATER = NOW + timedelta(seconds=60)
OVER = case().expires_at


def own(status="APPROVED", **fields):
    return case(status, connector="caller", **fields)


def running(holder="caller/1", **fields):
    return own("RUNNING", attempt=marked(attempt(holder=holder), LATER), due_at=LATER, **fields)


# --- begin ---


@pytest.mark.parametrize("status", STATUSES)
def test_what_is_approved_is_begun_and_of_all_else_is_said_where_it_stands(status):
    assert may_begin(own(status), "caller/1", NOW) == ("begin" if status == "APPROVED" else "say")


@pytest.mark.parametrize("status", UNSTARTED)
def test_what_has_expired_is_not_begun_from_that_moment_on(status):
    ends = "expire" if status != "PROPOSED" else "say"

    assert may_begin(own(status), "caller/1", OVER - SECOND) != "expire"
    assert may_begin(own(status), "caller/1", OVER) == ends


def test_the_holder_is_given_its_permit_again_while_its_lease_lives_and_nobody_else_is():
    assert may_begin(running(), "caller/1", LATER - SECOND) == "give again"
    assert may_begin(running(), "caller/1", LATER) == "say"
    assert may_begin(running(), "caller/2", NOW) == "say"


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED", "UNKNOWN", "CANCELLED"])
def test_there_is_no_permit_for_what_has_ended_whatever_its_lease_says(status):
    ended = running().changed(status=status, attempt=running().attempt.changed(status=status))

    assert may_begin(ended, "caller/1", NOW) == "say"


def test_a_holder_is_one_credential_under_one_key():
    key, other = Credential("key", "k-1"), Credential("key", "k-2")
    holders = [
        holder_of(Proposer("bot", key), "a"),
        holder_of(Proposer("bot", other), "a"),
        holder_of(Proposer("bob", key), "a"),
        holder_of(Proposer("bot", key), "b"),
    ]

    assert len(set(holders)) == 4
    assert holder_of(Proposer("bot", key), "a") == holders[0]
    assert holder_of(Proposer("bot", Credential("key", "k-1", "session", ("ann",))), "a") == holders[0]


@pytest.mark.parametrize("key", ["", " ", "x" * (LONGEST_KEY + 1), "a\0"])
def test_a_key_that_is_none_is_refused(key):
    with pytest.raises(InvalidInput, match="key"):
        check_key(key)


@pytest.mark.parametrize(
    ("of_case", "of_tool"), [("http", "http"), ("http", "caller"), ("caller", "http"), ("", ""), ("caller", "")]
)
def test_what_a_worker_executes_is_not_begun_by_its_caller(of_case, of_tool):
    with pytest.raises(Conflict, match="give SEND_NOTE a tool with connector 'caller'"):
        check_is_callers(case("APPROVED", connector=of_case), of_tool)


@pytest.mark.parametrize("status", STATUSES)
def test_there_are_words_for_every_status_which_forbid_to_run_what_must_not(status):
    told = explained(own(status), None, NOW)

    assert told
    assert ("must not run" in told) == (status not in ("PROPOSED", "APPROVED", "FAILED"))


@pytest.mark.parametrize("status", ["APPROVED", "RUNNING"])
def test_what_is_not_its_caller_s_says_who_executes_it(status):
    at_worker, nobodys = (case(status, connector=name) for name in ("http", ""))

    assert "executed by a worker (connector 'http'); it must not run here" in explained(at_worker, None, NOW)
    assert explained(nobodys, None, NOW) == "nobody executes it: it had no tool when it was proposed"


# --- what workers and publishers leave alone ---


@pytest.mark.parametrize("moment", [NOW, LATER, OVER - SECOND])
def test_a_caller_s_approval_is_delivered_until_it_is_out_and_then_never_again(moment):
    leaving, out = own(due_at=NOW), own(due_at=NOW, published=True)

    assert due_step(leaving, moment) == "publish" and due_step(out, moment) is None
    assert may_publish(leaving, state("RESERVED"), NOW, again=True)
    assert not may_publish(out, state("PUBLISHED"), NOW, again=True)


def test_a_caller_s_approval_that_is_out_is_due_when_it_expires_and_then_expires():
    out = own(published=True)

    assert due_when_published(out, state("RESERVED"), NOW) == OVER
    assert due_step(out.changed(due_at=OVER), OVER) == "expire"
    assert out.moving and not out.changed(due_at=OVER).moving


def test_what_a_caller_runs_is_ended_when_its_lease_is_over_and_not_before():
    assert due_step(running(), LATER - SECOND) is None
    assert due_step(running(), LATER) == "lapse"
    assert running().moving


# --- finish ---


@pytest.mark.parametrize("acted", get_args(Acted))
def test_whatever_came_of_it_can_be_said(acted):
    ref = ExternalObjectRef(system="crm", object_type="note", object_id="n-\ud800")

    result = finish_result(acted, external_object_refs=[ref], error_code="NO", error_class="AUTH", error_message="x")

    assert (result.acted, result.error_code, result.error_class) == (acted, "NO", "AUTH")
    assert result.external_object_refs[0].object_id == "n-?"


def test_what_is_no_answer_is_refused():
    with pytest.raises(InvalidInput, match="acted"):
        finish_result("maybe")
    with pytest.raises(InvalidInput, match="external_object_refs"):
        refs = [ExternalObjectRef(system="s", object_type="t", object_id="o")] * (MOST_REFS + 1)
        finish_result("yes", external_object_refs=refs)


def test_only_what_was_begun_under_that_approval_is_finished():
    assert check_permit(running(), APPROVAL_ID, "finished") == running().attempt
    with pytest.raises(NotInThatState, match="is APPROVED: it cannot be finished; begin it first"):
        check_permit(own(), APPROVAL_ID, "finished")
    with pytest.raises(Conflict, match="another approval"):
        check_permit(running(), "019c0000-0000-7000-8000-00000000000f", "finished")
    with pytest.raises(Conflict, match="executed by a worker"):
        check_permit(running().changed(connector="http"), APPROVAL_ID, "finished")


# --- renew and lapse ---


def test_a_lease_is_prolonged_and_never_shortened():
    begun = running().attempt

    assert renewed(begun, LATER + SECOND).lease_until == LATER + SECOND
    assert renewed(begun, LATER - SECOND) == begun


def test_a_permit_lapses_when_its_lease_is_over_and_nobody_knows_whether_it_ran():
    assert has_lapsed(running(), LATER) and not has_lapsed(running(), LATER - SECOND)
    assert not has_lapsed(running().changed(connector="http"), LATER)
    assert not has_lapsed(running().changed(status="SUCCEEDED"), LATER)

    end = lapsed(running().attempt)

    assert (end.status, end.result.acted, end.result.error_code) == ("UNKNOWN", "unknown", "PERMIT_LAPSED")
    assert isinstance(end.result, CallResult)


# --- whether somebody still waits ---


@pytest.mark.parametrize(
    ("says", "waited_until", "runs"),
    [
        ("expire", None, True),
        ("expire", LATER, True),
        ("expire", NOW, False),
        ("execute", NOW, True),
        (None, NOW, True),
    ],
)
def test_what_its_caller_has_left_runs_unless_its_type_lets_it_expire(says, waited_until, runs):
    spec = ActionTypeSpec.model_validate(type_json(**({"if_nobody_waits": says} if says else {})))

    refusal = left_alone(spec, waited_until, NOW)

    assert (refusal is None) is runs
    assert runs or refusal.code == "NOBODY_WAITS"


def test_a_type_that_says_nothing_of_it_is_stored_as_it_was_before():
    spec = ActionTypeSpec.model_validate(type_json())

    assert "if_nobody_waits" not in spec.model_dump(mode="json")
    assert left_alone(None, NOW, NOW) is None
