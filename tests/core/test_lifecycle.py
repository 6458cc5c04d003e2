"""The life of an intent: what may follow what, who may be superseded, and what each status waits for."""

from datetime import timedelta
from typing import get_args

import pytest

from remit.core.errors import Forbidden, InvalidInput, NotFound, NotInThatState
from remit.core.execution.approval import PUBLISH_AFTER
from remit.core.lifecycle import (
    ENDED,
    FOLLOWS,
    GATE_AFTER,
    MOVING,
    WAITING,
    Status,
    after_gate,
    check_supersedes,
    due_in,
    due_step,
    is_due,
    moved,
    new_case,
    waited_for,
)

from .make import NOW, bounds, case, intent, stop, verdict

STATUSES = get_args(Status)
FINAL = {"REJECTED", "EXPIRED", "SUPERSEDED", "SUCCEEDED", "FAILED", "CANCELLED", "WITHDRAWN"}
SECOND = timedelta(seconds=1)


def test_the_statuses_are_the_contract_s():
    assert (
        set(STATUSES)
        == set(FOLLOWS)
        == FINAL
        | {
            "PROPOSED",
            "AWAITING_APPROVAL",
            "BLOCKED",
            "APPROVED",
            "RUNNING",
            "UNKNOWN",
        }
    )


def test_every_status_is_reached_from_a_proposal():
    reached: set[Status] = set()
    fresh: set[Status] = {"PROPOSED"}
    while fresh:
        reached |= fresh
        fresh = {after for status in fresh for after in FOLLOWS[status]} - reached

    assert reached == set(STATUSES)


def test_nothing_follows_a_final_status_and_every_other_one_comes_to_an_end():
    assert {status for status in STATUSES if not FOLLOWS[status]} == FINAL


def test_nothing_becomes_a_proposal_again_or_stays_where_it_is():
    for status, after in FOLLOWS.items():
        assert "PROPOSED" not in after
        assert status not in after


@pytest.mark.parametrize(
    ("status", "before"),
    [
        ("SUPERSEDED", {"AWAITING_APPROVAL", "BLOCKED"}),
        ("REJECTED", {"AWAITING_APPROVAL", "BLOCKED"}),
        ("APPROVED", {"PROPOSED", "AWAITING_APPROVAL", "BLOCKED"}),
        ("RUNNING", {"APPROVED"}),
        ("CANCELLED", {"RUNNING"}),
        ("UNKNOWN", {"RUNNING"}),
        ("SUCCEEDED", {"RUNNING", "UNKNOWN"}),
        ("FAILED", {"RUNNING", "UNKNOWN"}),
        ("EXPIRED", {"PROPOSED", "AWAITING_APPROVAL", "BLOCKED", "APPROVED"}),
        ("WITHDRAWN", {"PROPOSED", "AWAITING_APPROVAL", "BLOCKED", "APPROVED"}),
        ("BLOCKED", {"PROPOSED"}),
        ("AWAITING_APPROVAL", {"PROPOSED", "APPROVED"}),
    ],
)
def test_a_status_follows_only_these(status, before):
    assert {earlier for earlier, after in FOLLOWS.items() if status in after} == before


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("after", STATUSES)
def test_a_case_moves_only_as_the_table_says(status, after):
    if after in FOLLOWS[status]:
        assert moved(case(status), after, now=NOW, lease_until=NOW)["status"] == after
        return

    with pytest.raises(NotInThatState) as caught:
        moved(case(status), after, now=NOW)

    assert caught.value.status == status


def test_what_has_ended_is_in_no_queue_of_workers():
    assert moved(case("RUNNING", queued=True), "SUCCEEDED", now=NOW)["queued"] is False
    assert "queued" not in moved(case("APPROVED", queued=True), "RUNNING", now=NOW)


def test_approve_and_reject_exclude_each_other():
    for first, second in (("APPROVED", "REJECTED"), ("REJECTED", "APPROVED")):
        with pytest.raises(NotInThatState):
            case(first).require(second, "answered")


@pytest.mark.parametrize("status", STATUSES)
def test_a_person_may_answer_only_what_is_in_the_queue(status):
    if status in ("AWAITING_APPROVAL", "BLOCKED"):
        case(status).require_waiting("rejected")
        return

    with pytest.raises(NotInThatState):
        case(status).require_waiting("rejected")


def test_a_refusal_says_what_replaced_the_intent():
    with pytest.raises(NotInThatState, match="i-9"):
        case("SUPERSEDED", superseded_by="i-9").require_waiting("approved")


@pytest.mark.parametrize("status", ["AWAITING_APPROVAL", "BLOCKED"])
def test_an_intent_still_waiting_may_be_superseded_by_one_of_its_kind(status):
    old = case(status)

    assert check_supersedes(old, intent(supersedes="i-0")) is old


@pytest.mark.parametrize("status", [status for status in STATUSES if status not in WAITING])
def test_an_intent_no_longer_waiting_cannot_be_superseded(status):
    with pytest.raises(NotInThatState):
        check_supersedes(case(status), intent(supersedes="i-0"))


@pytest.mark.parametrize("change", [{"account_id": "south"}, {"action_type": "OTHER"}])
def test_an_intent_of_another_account_or_action_type_cannot_be_superseded(change):
    with pytest.raises(InvalidInput) as caught:
        check_supersedes(case(**change), intent(supersedes="i-0"))

    assert caught.value.field == "supersedes"


@pytest.mark.parametrize("change", [{}, {"account_id": "south"}, {"status": "EXPIRED"}])
def test_anothers_intent_cannot_be_superseded_and_nothing_is_said_of_it(change):
    with pytest.raises(Forbidden) as caught:
        check_supersedes(case(**{"proposed_by": "bot-a", **change}), intent(supersedes="i-0"))

    assert str(caught.value).startswith("intent 'i-0' was not proposed by 'agent'; only its proposer")


def test_an_intent_that_is_not_there_cannot_be_superseded():
    with pytest.raises(NotFound):
        check_supersedes(None, intent(supersedes="i-0"))


@pytest.mark.parametrize(
    ("status", "published", "expired", "step"),
    [
        ("PROPOSED", False, False, "gate"),
        ("PROPOSED", False, True, "gate"),
        ("AWAITING_APPROVAL", False, True, "expire"),
        ("BLOCKED", False, True, "expire"),
        ("APPROVED", False, False, "publish"),
        ("APPROVED", True, False, "publish_again"),
        ("APPROVED", False, True, "expire"),
        ("APPROVED", True, True, "expire"),
        ("RUNNING", True, False, "publish_again"),
        ("RUNNING", True, True, "publish_again"),
    ],
)
def test_a_case_that_is_due_has_one_next_step(status, published, expired, step):
    expires_at = NOW if expired else NOW + SECOND

    assert due_step(case(status, published=published, expires_at=expires_at), NOW) == step


@pytest.mark.parametrize("status", STATUSES)
def test_a_case_that_is_not_due_has_no_step(status):
    assert due_step(case(status, due_at=None), NOW) is None
    assert due_step(case(status, due_at=NOW + SECOND), NOW) is None


@pytest.mark.parametrize(
    ("status", "queued", "expired", "due", "looks"),
    [
        ("APPROVED", True, True, False, True),
        ("APPROVED", False, True, False, True),
        ("APPROVED", True, False, True, False),
        ("RUNNING", True, False, True, False),
        ("RUNNING", True, True, True, True),
        ("RUNNING", True, True, False, False),
        ("AWAITING_APPROVAL", False, False, True, True),
        ("AWAITING_APPROVAL", False, True, False, False),
    ],
)
def test_remit_looks_at_what_is_due_and_no_workers_and_at_every_approval_that_expired(
    status, queued, expired, due, looks
):
    expires_at, due_at = NOW if expired else NOW + SECOND, NOW if due else NOW + SECOND

    assert is_due(case(status, queued=queued, expires_at=expires_at, due_at=due_at), NOW) == looks
    assert not is_due(case("REJECTED", due_at=None), NOW)


@pytest.mark.parametrize("status", STATUSES)
def test_only_what_waits_unblocked_can_be_approved(status):
    assert case(status).can_be_approved == (status == "AWAITING_APPROVAL")


@pytest.mark.parametrize("status", STATUSES)
def test_a_mark_that_somebody_waits_is_prolonged_and_never_shortened(status):
    unmarked = case(status)
    marked = waited_for(unmarked, NOW)

    assert marked.waited_until == (None if status in ENDED else NOW)
    assert waited_for(marked, NOW - SECOND) == marked
    assert waited_for(marked, NOW + SECOND).waited_until == (None if status in ENDED else NOW + SECOND)


@pytest.mark.parametrize("status", sorted(FINAL))
def test_nothing_is_left_to_do_about_what_is_over(status):
    assert due_step(case(status), NOW) is None


def test_a_queued_attempt_is_the_workers_to_take_over():
    assert due_step(case("RUNNING", published=True, queued=True), NOW) is None
    assert due_step(case("RUNNING", published=True, queued=True, expires_at=NOW), NOW) == "expire_begun"
    assert due_step(case("RUNNING", published=True, queued=True, expires_at=NOW, due_at=NOW + SECOND), NOW) is None


def test_a_status_waits_for_a_person_or_for_remit_or_is_over():
    over = set(STATUSES) - WAITING - MOVING

    assert not WAITING & MOVING
    assert over == FINAL | {"UNKNOWN"}


@pytest.mark.parametrize(
    ("decision", "status"),
    [
        (verdict().decision, "APPROVED"),
        (verdict(now=NOW + timedelta(days=8)).decision, "EXPIRED"),
        (verdict(seen_bounds=bounds(modes={"default": "DISABLED"})).decision, "BLOCKED"),
        (verdict(seen_bounds=bounds(modes={"default": "PROPOSE_ONLY"})).decision, "AWAITING_APPROVAL"),
        (verdict(seen_bounds=bounds(allowlist=[])).decision, "AWAITING_APPROVAL"),
        (verdict(seen_bounds=bounds(budget={"max_autonomous_per_day": 0})).decision, "AWAITING_APPROVAL"),
        (verdict(stops=[stop()]).decision, "AWAITING_APPROVAL"),
        (verdict(edited_by="ann").decision, "AWAITING_APPROVAL"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.reason,
)
def test_a_decision_puts_the_case_where_it_belongs(decision, status):
    assert after_gate(decision) == status
    assert status in FOLLOWS["PROPOSED"]


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_is_due_when_remit_has_something_to_do_about_it(status):
    expires_at, lease_until = NOW + timedelta(days=1), NOW + 20 * SECOND
    due = {
        "PROPOSED": NOW + GATE_AFTER,
        "AWAITING_APPROVAL": expires_at,
        "BLOCKED": expires_at,
        "APPROVED": NOW + PUBLISH_AFTER,
        "RUNNING": lease_until,
    }

    due_at = due_in(status, now=NOW, expires_at=expires_at, lease_until=lease_until)

    assert due_at == due.get(status)


def test_an_approval_is_due_no_later_than_it_expires():
    assert due_in("APPROVED", now=NOW, expires_at=NOW + SECOND) == NOW + SECOND


@pytest.mark.parametrize(
    ("edited_by", "replaced", "required"),
    [
        (None, None, False),
        ("ann", None, True),
        (None, case("SUPERSEDED"), False),
        (None, case("SUPERSEDED", edited_by="ann", person_required=True), True),
        (None, case("SUPERSEDED", person_required=True), True),
        ("ben", case("SUPERSEDED", edited_by="ann", person_required=True), True),
    ],
)
def test_what_a_person_has_edited_stays_with_people_and_is_nobody_elses_edit(edited_by, replaced, required):
    made = new_case(intent(), NOW, connector="internal", edited_by=edited_by, replaced=replaced)

    assert (made.edited_by, made.person_required) == (edited_by, required)
    assert (made.status, made.decided, made.digest) == ("PROPOSED", False, intent().digest)


@pytest.mark.parametrize("status", STATUSES)
def test_a_case_is_decided_once_it_is_more_than_proposed(status):
    assert case(status).decided == (status != "PROPOSED")
    assert case(status).expired == (status == "EXPIRED")
