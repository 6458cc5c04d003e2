"""Approvals: one decision, one approval in force and one outcome, which agree on their source."""

import copy

import pytest

from .exports import Mutations, assert_that_one_alone

breaks = Mutations(3)


@breaks
def a_second_approval_is_in_force(lines):
    approved = lines.entry("answered", "ACTION_APPROVED")
    second = copy.deepcopy(approved)
    second["data"]["approval_id"] = "019c0000-0000-7000-8000-00000000000f"
    lines.insert_after(approved, second)


@breaks
def the_outcome_s_source_is_flipped(lines):
    outcome = lines.data("auto-1", "ACTION_EXECUTED")["outcome"]
    outcome |= {"approval_source": "HUMAN", "auto_executed": False}


@breaks
def the_source_and_auto_executed_of_an_approval_disagree(lines):
    for line in lines.chain("answered"):
        for part in (line["data"], line["data"].get("outcome") or {}):
            if "auto_executed" in part:
                part["auto_executed"] = True


@breaks
def the_start_says_another_source_than_the_approval(lines):
    lines.data("auto-1", "EXECUTION_STARTED")["approval_source"] = "HUMAN"


@breaks
def there_are_two_outcomes(lines):
    done = lines.entry("auto-1", "ACTION_EXECUTED")
    second = copy.deepcopy(done)
    second["event_type"], second["data"]["outcome"]["status"] = "ACTION_FAILED", "FAILED"
    lines.insert_after(done, second)


@breaks
def it_was_started_twice(lines):
    started = lines.entry("auto-1", "EXECUTION_STARTED")
    lines.insert_after(started, started)


@breaks
def its_caller_was_given_a_second_permit(lines):
    started = lines.entry("own", "EXECUTION_STARTED")
    lines.insert_after(started, started)


@breaks
def its_caller_finished_it_twice(lines):
    done = lines.entry("own", "ACTION_EXECUTED")
    second = copy.deepcopy(done)
    second["event_type"], second["data"]["outcome"]["status"] = "ACTION_FAILED", "FAILED"
    lines.insert_after(done, second)


@breaks
def it_was_decided_twice(lines):
    decided = lines.entry("auto-1", "GATE_DECIDED")
    lines.insert_after(decided, decided)


@breaks
def an_outcome_says_another_status_than_its_entry(lines):
    lines.data("auto-1", "ACTION_EXECUTED")["outcome"]["status"] = "FAILED"


@breaks
def policy_approved_what_the_gate_left_to_a_person(lines):
    decision = lines.data("auto-1", "GATE_DECIDED")
    decision |= {"result": "REQUIRE_APPROVAL", "reason": "BUDGET_EXCEEDED"}
    budget = next(check for check in decision["checks"] if check["check"] == "budget")
    budget["passed"] = False
    for limit in budget["saw"]["limits"]:
        limit["used_after"] = limit["used_before"]
    first = budget["saw"]["limits"][0]
    first |= {"used_before": first["limit"], "used_after": first["limit"]}


@breaks
def a_person_approved_what_the_gate_decided(lines):
    """The charge is gone with it, so that the counters agree."""
    for line in lines.chain("auto-1"):
        for part in (line["data"], line["data"].get("outcome") or {}):
            if "approval_source" in part:
                part |= {"approval_source": "HUMAN", "auto_executed": False}
    lines.data("auto-1", "ACTION_APPROVED")["charges"] = []
    lines.renumbered()


@breaks
def a_known_outcome_is_resolved(lines):
    resolved = copy.deepcopy(lines.entry("unknown", "OUTCOME_RESOLVED"))
    done = lines.entry("auto-1", "ACTION_EXECUTED")
    for name in ("approval_id", "digest", "approval_source", "auto_executed"):
        resolved["data"][name] = done["data"][name]
    resolved["data"]["outcome"]["action_intent_id"] = resolved["action_intent_id"] = "auto-1"
    resolved["account_id"] = done["account_id"]
    lines.insert_after(done, resolved)


@breaks
def an_outcome_is_resolved_twice(lines):
    resolved = lines.entry("unknown", "OUTCOME_RESOLVED")
    lines.insert_after(resolved, resolved)


@pytest.mark.parametrize("invariant, mutate", breaks)
def test_what_breaks_one_invariant_is_reported_as_that_one_alone(lines, invariant, mutate):
    assert_that_one_alone(lines, invariant, mutate)
