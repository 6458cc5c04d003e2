"""Review, row by row: who may approve, what may be rejected and resolved, and what a second answer finds."""

from datetime import timedelta
from typing import get_args

import pytest

from remit.core.errors import Conflict, DigestChanged, Forbidden, InvalidInput, NotInThatState
from remit.core.execution.outcome import CallResult, Resolution, conclude
from remit.core.execution.review import (
    approved_before,
    check_finding,
    check_may_approve,
    check_may_reject,
    check_may_resolve,
    resolved_before,
)
from remit.core.lifecycle import WAITING, Status

from .make import NOW, approval, attempt, bounds, case, intent

STATUSES = get_args(Status)
SECOND = timedelta(seconds=1)


def may(by="ann", status="AWAITING_APPROVAL", now=NOW, edited_by=None, **of_bounds):
    check_may_approve(case(status, edited_by=edited_by), intent(proposed_by="bot"), bounds(**of_bounds), by, now, {})


@pytest.mark.parametrize("status", STATUSES)
def test_only_what_is_in_the_queue_may_be_approved(status):
    if status in WAITING:
        may(status=status)
    else:
        with pytest.raises(NotInThatState, match="cannot be approved"):
            may(status=status)


def test_what_has_expired_may_not_be_approved_from_that_moment_on():
    over = intent().expires_at

    may(now=over - SECOND)
    with pytest.raises(Conflict, match="expired at"):
        may(now=over)


def test_what_is_blocked_now_may_not_be_approved_whatever_the_gate_said():
    with pytest.raises(Conflict, match=r"blocked .*lift the block first"):
        may(modes={"default": "DISABLED"})

    may(status="BLOCKED")


@pytest.mark.parametrize(
    ("by", "edited_by", "proposer_may_approve", "allowed"),
    [
        ("ann", None, None, True),
        ("bot", None, None, False),
        ("Bot", None, None, False),
        (" bo\u200dt ", None, None, False),
        ("ann", "ann", None, True),
        ("bot", "ann", None, False),
        ("ann", None, False, True),
        ("bot", None, True, True),
        ("bot", None, False, False),
        ("ann", "ann", True, True),
        ("ann", "ann", False, False),
        ("ANN", "ann", False, False),
        ("bot", "ann", False, False),
        ("ben", "ann", False, True),
    ],
)
def test_whose_own_it_is_has_no_say_as_the_bounds_put_it(by, edited_by, proposer_may_approve, allowed):
    if allowed:
        may(by, edited_by=edited_by, proposer_may_approve=proposer_may_approve)
    else:
        with pytest.raises(Forbidden, match="somebody else has to approve it"):
            may(by, edited_by=edited_by, proposer_may_approve=proposer_may_approve)


@pytest.mark.parametrize("earlier", [None, "HUMAN", "POLICY"])
def test_an_approval_is_bound_to_what_was_seen_even_where_one_exists(earlier):
    stored = intent()

    with pytest.raises(DigestChanged):
        approved_before(stored, earlier and approval(earlier), "0" * 64)
    found = approved_before(stored, earlier and approval(earlier), stored.digest)

    assert (found and found.approval_source) == ("HUMAN" if earlier == "HUMAN" else None)


@pytest.mark.parametrize("status", STATUSES)
def test_what_waits_is_rejected_what_is_rejected_stays_so_and_nothing_else_is(status):
    if status in WAITING or status == "REJECTED":
        assert check_may_reject(case(status), None) == (status != "REJECTED")
    else:
        with pytest.raises(NotInThatState, match="cannot be rejected"):
            check_may_reject(case(status), None)


@pytest.mark.parametrize("status", STATUSES)
def test_a_rejection_of_something_else_than_was_seen_is_refused(status):
    with pytest.raises(Conflict, match="look at it again"):
        check_may_reject(case(status), "1" * 64)

    if status in WAITING:
        assert check_may_reject(case(status), case().digest)


def outcome(status):
    return conclude(intent(), approval(), attempt(), status, CallResult(acted="unknown"), NOW)


def resolution(status):
    return Resolution(action_intent_id="i-1", tenant_id="acme", status=status, resolved_by="ann", resolved_at=NOW)


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED"])
def test_an_unknown_outcome_is_resolved_once(status):
    unknown = outcome("UNKNOWN")

    assert check_may_resolve(case("UNKNOWN"), unknown, None, status) == unknown
    assert resolved_before(resolution(status), status) == resolution(status)
    assert resolved_before(None, status) is None


@pytest.mark.parametrize(
    ("of_case", "found", "earlier"),
    [
        ("SUCCEEDED", "SUCCEEDED", None),
        ("FAILED", "FAILED", None),
        ("CANCELLED", "CANCELLED", None),
        ("RUNNING", None, None),
        ("SUCCEEDED", "UNKNOWN", "SUCCEEDED"),
    ],
)
def test_what_is_known_or_was_resolved_otherwise_is_not_resolved(of_case, found, earlier):
    before = earlier and resolution(earlier)

    assert resolved_before(before, "FAILED") is None
    with pytest.raises(NotInThatState, match="cannot be resolved"):
        check_may_resolve(case(of_case), found and outcome(found), before, "FAILED")


@pytest.mark.parametrize("status", STATUSES)
def test_what_is_found_out_is_that_it_happened_or_that_it_did_not(status):
    if status in ("SUCCEEDED", "FAILED"):
        check_finding(status)
    else:
        with pytest.raises(InvalidInput, match="say SUCCEEDED or FAILED"):
            check_finding(status)
