"""Order: published before started, started before ended, released once and never executed."""

import copy

import pytest

from .exports import Mutations, assert_that_one_alone

breaks = Mutations(5)


@breaks
def an_executed_approval_was_never_published(lines):
    lines.drop("auto-1", "ACTION_PUBLISHED")


@breaks
def an_executed_approval_was_released(lines):
    released = copy.deepcopy(lines.entry("stopped", "BUDGET_RELEASED"))
    done = lines.entry("late", "ACTION_EXECUTED")
    approved = lines.data("late", "ACTION_APPROVED")
    released |= {"action_intent_id": "late", "account_id": done["account_id"]}
    released["data"] |= {
        "approval_id": approved["approval_id"],
        "charges": [{**charge, "position": 99} for charge in approved["charges"]],
    }
    lines.insert_after(done, released)
    lines.renumbered()


@breaks
def a_released_approval_was_executed(lines):
    """The release stands before the start, as if a late event had been let in."""
    released = lines.entry("stopped", "BUDGET_RELEASED")
    lines.lines.remove(released)
    lines.insert_after(lines.entry("stopped", "ACTION_PUBLISHED"), released)


@breaks
def a_cancelled_execution_kept_its_charge(lines):
    lines.drop("stopped", "BUDGET_RELEASED")
    lines.renumbered()


@breaks
def it_expired_and_its_approval_stayed_in_force(lines):
    lines.drop("expired-reserved", "BUDGET_RELEASED")
    lines.renumbered()


@breaks
def it_was_published_twice(lines):
    published = lines.entry("own", "ACTION_PUBLISHED")
    lines.insert_after(published, published)


@breaks
def its_caller_began_what_was_never_published(lines):
    lines.drop("own", "ACTION_PUBLISHED")


@breaks
def it_was_taken_back_when_its_caller_had_begun_it(lines):
    withdrawn = copy.deepcopy(lines.entry("withdrawn", "INTENT_WITHDRAWN"))
    withdrawn["action_intent_id"] = "own"
    withdrawn["data"]["digest"] = lines.data("own", "INTENT_PROPOSED")["digest"]
    lines.insert_after(lines.entry("own", "EXECUTION_STARTED"), withdrawn)


@breaks
def it_was_taken_back_and_its_approval_stayed_in_force(lines):
    lines.drop("withdrawn-reserved", "BUDGET_RELEASED")
    lines.renumbered()


@breaks
def it_was_taken_back_after_it_was_cancelled(lines):
    """Its charge came back, so that nothing but the order is wrong."""
    withdrawn = copy.deepcopy(lines.entry("withdrawn", "INTENT_WITHDRAWN"))
    last = lines.chain("stopped")[-1]
    withdrawn |= {"action_intent_id": "stopped", "account_id": last["account_id"]}
    withdrawn["data"]["digest"] = lines.data("stopped", "INTENT_PROPOSED")["digest"]
    lines.insert_after(last, withdrawn)


@breaks
def it_was_approved_after_it_was_taken_back(lines):
    approved = copy.deepcopy(lines.entry("answered", "ACTION_APPROVED"))
    approved["action_intent_id"] = approved["data"]["action_intent_id"] = "withdrawn"
    approved["data"]["intent_digest"] = lines.data("withdrawn", "INTENT_PROPOSED")["digest"]
    lines.insert_after(lines.entry("withdrawn", "INTENT_WITHDRAWN"), approved)


@breaks
def it_ended_without_having_started(lines):
    lines.drop("auto-1", "EXECUTION_STARTED")


@breaks
def it_was_released_twice(lines):
    released = lines.entry("stopped", "BUDGET_RELEASED")
    again = copy.deepcopy(released)
    again["data"]["charges"] = []
    lines.insert_after(released, again)


@breaks
def it_was_approved_after_it_was_rejected(lines):
    approved = copy.deepcopy(lines.entry("answered", "ACTION_APPROVED"))
    approved["action_intent_id"] = approved["data"]["action_intent_id"] = "rejected"
    approved["data"]["intent_digest"] = lines.data("rejected", "INTENT_PROPOSED")["digest"]
    lines.insert_after(lines.entry("rejected", "ACTION_REJECTED"), approved)


@breaks
def something_was_published_that_nobody_approved(lines):
    lines.data("auto-1", "ACTION_PUBLISHED")["approval_id"] = "019c0000-0000-7000-8000-00000000000f"


@pytest.mark.parametrize("invariant, mutate", breaks)
def test_what_breaks_one_invariant_is_reported_as_that_one_alone(lines, invariant, mutate):
    assert_that_one_alone(lines, invariant, mutate)
