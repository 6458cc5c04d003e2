"""Decisions: their checks are the gate's in its order, and what each saw is what was in force."""

import pytest

from remit.stores.memory import MemoryStore

from ...flow.world import TENANT, TYPE, World, bounds, type_of
from .exports import Mutations, assert_that_one_alone

breaks = Mutations(8)


def checks_of(lines, name):
    return lines.data(name, "GATE_DECIDED")["checks"]


def saw(lines, name, which):
    return next(check["saw"] for check in checks_of(lines, name) if check["check"] == which)


def limit_seen(lines, intent, name):
    return next(each for each in saw(lines, intent, "budget")["limits"] if each.get("name") == name)


# --- the checks and their order ---


@breaks
def a_check_was_left_out_of_what_a_person_was_asked(lines):
    checks = checks_of(lines, "refund-over")
    checks[:] = [check for check in checks if check["check"] != "allowlist"]


@breaks
def a_check_bears_another_name(lines):
    next(check for check in checks_of(lines, "refund-over") if check["check"] == "mode")["check"] = "moods"


@breaks
def the_checks_stand_in_another_order(lines):
    checks_of(lines, "auto-1").reverse()


@breaks
def a_check_was_made_after_one_that_refused(lines):
    next(check for check in checks_of(lines, "refund-over") if check["check"] == "allowlist")["passed"] = False


@breaks
def what_was_asked_after_a_stop_is_told_as_well(lines):
    checks_of(lines, "while-stopped").append(checks_of(lines, "auto-1")[2])


@breaks
def what_watches_is_told_to_have_refused(lines):
    watching = next(check for check in checks_of(lines, "refund-over") if check["check"] == "log_only")
    watching["passed"] = False


@breaks
def a_clause_is_told_that_did_not_speak(lines):
    lines.data("for-sale", "GATE_DECIDED")["policy_clause"] = "another_rule"


@breaks
def a_policy_is_told_to_have_answered_that_nobody_asked(lines):
    lines.data("while-stopped", "GATE_DECIDED")["policy_decision"] = "AUTO_EXECUTE"


# --- edits and stops ---


@breaks
def an_edit_is_told_that_there_was_not(lines):
    saw(lines, "refund-over", "not_edited")["edited_by"] = "bob"


@breaks
def an_edit_passed_the_check_for_edits(lines):
    check = next(check for check in checks_of(lines, "auto-2") if check["check"] == "not_edited")
    check["saw"]["person_required"] = True


@breaks
def a_stop_was_seen_that_nobody_had_pulled(lines):
    saw(lines, "while-stopped", "stop_switch")["stop"]["stopped_by"] = "eve"


@breaks
def a_stop_was_seen_that_is_of_something_else(lines):
    saw(lines, "while-stopped", "stop_switch")["stop"]["scope"] |= {"tenant_id": None, "account_id": "north"}


@breaks
def a_stop_of_an_hour_ago_was_seen(lines):
    saw(lines, "while-stopped", "stop_switch")["stop"]["stopped_at"] = "2026-03-10T11:00:00Z"


# --- limits ---


@breaks
def a_refusal_claims_a_lower_limit(lines):
    limit_seen(lines, "refund-over", "money")["limit"] = "90.5"


@breaks
def a_refusal_claims_a_lower_budget(lines):
    saw(lines, "spill", "budget")["limits"][1]["limit"] = 0


@breaks
def a_refusal_claims_that_more_was_taken(lines):
    limit_seen(lines, "refund-over", "money")["taken"] = "200"


@breaks
def a_refusal_names_another_limit(lines):
    saw(lines, "refund-over", "budget")["refused_by"] = "each"


@breaks
def a_refusal_claims_that_less_was_used(lines):
    limit_seen(lines, "refund-over", "money").update(used_before="10", used_after="10")


@breaks
def a_refusal_leaves_a_limit_out(lines):
    saw(lines, "refund-over", "budget")["limits"].pop()


@breaks
def a_refusal_looked_at_another_window(lines):
    limit = limit_seen(lines, "refund-over", "money")
    limit["window_id"] = limit["window_id"].replace("2026-03-10", "2026-03-09")


@breaks
def a_refusal_looked_at_a_window_of_somebody_else(lines):
    limit = limit_seen(lines, "refund-over", "each")
    limit["window_id"] = limit["window_id"].replace("alice", "bob")


@breaks
def a_refusal_has_another_word_of_a_watching_limit(lines):
    limit_seen(lines, "refund-over", "watched")["would_say"] = None


@breaks
def an_unknown_amount_is_told_to_be_too_much(lines):
    lines.data("refund-unknown", "GATE_DECIDED")["reason"] = "BUDGET_EXCEEDED"


@breaks
def a_decision_tells_another_use_than_its_charge(lines):
    limit_seen(lines, "refund-2", "money").update(used_before="0", used_after="60")


@breaks
def a_decision_tells_a_higher_limit_than_its_charge(lines):
    limit_seen(lines, "refund-2", "money")["limit"] = "1000"


@breaks
def a_decision_tells_of_other_windows_than_its_charges(lines):
    limits = saw(lines, "refund-2", "budget")["limits"]
    limits.remove(limit_seen(lines, "refund-2", "each"))


@breaks
def a_watching_limit_said_nothing_of_what_it_would_refuse(lines):
    limit_seen(lines, "refund-2", "watched")["would_say"] = None


# --- by whom ---


@breaks
def a_person_is_told_to_have_approved_what_policy_did(lines):
    lines.data("auto-1", "ACTION_APPROVED")["approved_by"] = "bob"


@breaks
def a_person_wrote_the_approval_of_policy(lines):
    lines.entry("auto-1", "ACTION_APPROVED")["actor"] = "bob"


@breaks
def an_edit_took_a_place_by_somebody_else(lines):
    lines.entry("edited", "INTENT_SUPERSEDED")["actor"] = "eve"


@pytest.mark.parametrize("invariant, mutate", breaks)
def test_what_breaks_one_invariant_is_reported_as_that_one_alone(lines, invariant, mutate):
    assert_that_one_alone(lines, invariant, mutate)


def test_a_sum_that_only_watches_and_can_grow_no_further_is_sound():
    world = World(MemoryStore)
    watched = {"name": "all", "sum": "amount", "unit": "EUR", "most": 10, "per": "day", "of": "account"}
    kind = {**type_of(), "amounts": {"amount": {"value": "parameters.amount", "unit": "EUR"}}}
    limits = [
        {**watched, "log_only": True},
        {"name": "each", "most": 1, "per": "day", "of": "principal", "log_only": True},
    ]
    world.app.apply(bounds(action_types={TYPE: kind}, limits=limits), by="ann")

    for name in ("first", "beyond-what-is-counted"):
        world.submit(name, parameters={"amount": "500000000000", "text": "a lot"})

    report = world.app.verify(TENANT)
    assert report.ok and report.autonomous == 2, [str(finding) for finding in report.findings]
