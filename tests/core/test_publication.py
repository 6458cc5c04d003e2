"""Publication, row by row: what may be delivered, delivered again, released and expired."""

from datetime import timedelta
from itertools import product
from typing import get_args

import pytest

from remit.core.execution.approval import PUBLISH_AFTER, next_publish
from remit.core.execution.publication import (
    due_when_published,
    due_when_unconfirmed,
    gives_back_unstarted,
    has_left,
    is_reserved,
    is_taken_by_workers,
    may_expire,
    may_publish,
    may_release_refused,
)
from remit.core.lifecycle import Status

from .make import NOW, attempt, case, state, verdict

STATUSES = get_args(Status)
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


@pytest.mark.parametrize(("status", "again"), list(product(STATUSES, [False, True])))
def test_what_is_reserved_is_published_whatever_the_intent_s_status(status, again):
    assert may_publish(case(status), state("RESERVED"), NOW, again=again)


@pytest.mark.parametrize("status", STATUSES)
def test_what_is_published_is_published_again_only_on_request_and_without_an_outcome(status):
    assert may_publish(case(status), state("PUBLISHED"), NOW, again=True) == (status in ("APPROVED", "RUNNING"))
    assert not may_publish(case(status), state("PUBLISHED"), NOW, again=False)


@pytest.mark.parametrize(("status", "again"), list(product(STATUSES, [False, True])))
def test_what_is_released_is_never_published(status, again):
    assert not may_publish(case(status), state("RELEASED"), NOW, again=again)


@pytest.mark.parametrize(
    ("status", "waits"), [("RESERVED", True), ("PUBLISHED", False), ("RELEASED", False), ("gone", False)]
)
def test_an_approval_still_has_to_leave_only_while_its_state_is_reserved(status, waits):
    assert is_reserved(state(status)) == waits


@pytest.mark.parametrize("was_published", [False, True])
def test_a_decision_has_left_when_policy_said_yes_and_it_was_published(was_published):
    yes, no = verdict().decision, verdict(edited_by="ann").decision

    assert has_left(yes, case("APPROVED", published=was_published)) == was_published
    assert not has_left(no, case("APPROVED", published=was_published))


@pytest.mark.parametrize("status", STATUSES)
def test_after_a_delivery_only_what_moves_is_looked_at_again(status):
    before = case(status, due_at=NOW - SECOND, expires_at=NOW + DAY)

    due_at = due_when_published(before, state("RESERVED"), NOW)

    moves = status in ("PROPOSED", "APPROVED", "RUNNING")
    assert due_at == (NOW + next_publish(0) if moves else NOW - SECOND)


@pytest.mark.parametrize(
    ("status", "due_at", "after"),
    [
        ("APPROVED", NOW, NOW + PUBLISH_AFTER),
        ("RUNNING", NOW - DAY, NOW + PUBLISH_AFTER),
        ("APPROVED", NOW + SECOND, NOW + SECOND),
        ("APPROVED", None, None),
        ("AWAITING_APPROVAL", NOW, NOW),
        ("SUCCEEDED", NOW, NOW),
    ],
)
def test_what_nobody_confirmed_goes_to_the_end_of_the_line(status, due_at, after):
    assert due_when_unconfirmed(case(status, due_at=due_at), NOW) == after


def test_an_approval_is_looked_at_no_later_than_it_expires_and_an_attempt_when_its_turn_comes():
    soon = NOW + SECOND
    approved, running = case("APPROVED", expires_at=soon), case("RUNNING", expires_at=soon)

    assert due_when_published(approved, state("RESERVED"), NOW) == soon
    assert due_when_unconfirmed(approved, NOW) == soon
    assert due_when_published(running, state("RESERVED"), NOW) == NOW + next_publish(0)
    assert due_when_unconfirmed(running, NOW) == NOW + PUBLISH_AFTER


@pytest.mark.parametrize(
    ("status", "begun", "may"),
    [
        ("RESERVED", False, True),
        ("RESERVED", True, False),
        ("PUBLISHED", False, False),
        ("PUBLISHED", True, False),
        ("RELEASED", False, False),
    ],
)
def test_only_what_was_never_delivered_and_never_began_is_released_on_refusal(status, begun, may):
    assert may_release_refused(state(status), attempt() if begun else None) == may


@pytest.mark.parametrize(
    ("status", "published", "connector", "taken"),
    [
        ("APPROVED", True, "http", True),
        ("RUNNING", True, "http", True),
        ("APPROVED", False, "http", False),
        ("APPROVED", True, "caller", False),
        ("SUCCEEDED", True, "http", False),
        ("AWAITING_APPROVAL", False, "http", False),
    ],
)
def test_workers_take_what_is_out_and_not_its_callers(status, published, connector, taken):
    assert is_taken_by_workers(case(status, published=published, connector=connector)) == taken


# --- what nobody answered or started ---


@pytest.mark.parametrize("status", STATUSES)
def test_what_is_over_expires_if_it_waits_or_was_approved_and_has_not_begun(status):
    over = case(status, expires_at=NOW)

    assert may_expire(over, None, NOW) == (status in ("AWAITING_APPROVAL", "BLOCKED", "APPROVED"))
    assert not may_expire(over, attempt(), NOW)
    assert not may_expire(over, None, NOW - SECOND)


@pytest.mark.parametrize(
    ("status", "kept", "gives"),
    [
        ("APPROVED", "RESERVED", True),
        ("APPROVED", "PUBLISHED", True),
        ("APPROVED", "RELEASED", False),
        ("AWAITING_APPROVAL", "RELEASED", False),
        ("AWAITING_APPROVAL", "RESERVED", False),
    ],
)
def test_only_an_approval_that_ends_unstarted_gives_its_charge_back_and_once(status, kept, gives):
    assert gives_back_unstarted(case(status, publication=state(kept))) == gives
