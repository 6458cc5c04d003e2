"""In force: what decided, voted, approved and started is what the changes of the bounds come to."""

import copy

import pytest

from remit.app.offline import verify_export
from remit.core.canonical import digest_of
from remit.core.execution.outcome import tool_hash
from remit.core.gate.action_type import Tool
from remit.core.gate.policy import POLICY_NAME
from remit.core.gate.policy.shipped import EARLIER_SETS

from ...flow.world import OTHER, TYPE, tool
from .exports import NOT_FOR_SALE, PAY, SCOPED, WATCHES, Mutations, assert_that_one_alone, found

breaks = Mutations(8)


def check(lines, name, which):
    checks = lines.data(name, "GATE_DECIDED")["checks"]
    return next(each for each in checks if each["check"] == which)


# --- somebody else said that it was done ---


@breaks
def a_worker_said_what_its_caller_did(lines):
    lines.entry("own", "ACTION_EXECUTED")["actor"] = "remit"


@breaks
def another_agent_said_what_its_caller_did(lines):
    lines.entry("own", "ACTION_EXECUTED")["actor"] = "another-agent"


@breaks
def its_proposer_said_what_a_worker_did(lines):
    lines.entry("auto-1", "ACTION_EXECUTED")["actor"] = "agent"


@breaks
def its_proposer_said_that_a_worker_failed(lines):
    lines.entry("spill", "ACTION_FAILED")["actor"] = "agent"


# --- somebody else took it back ---


@breaks
def another_agent_took_it_back(lines):
    entry = lines.entry("withdrawn", "INTENT_WITHDRAWN")
    entry["actor"] = entry["data"]["withdrawn_by"] = "another-agent"


@breaks
def it_was_taken_back_in_the_name_of_its_proposer(lines):
    lines.entry("withdrawn", "INTENT_WITHDRAWN")["actor"] = "another-agent"


# --- somebody wrote what another is said to have done ---


@breaks
def a_rejection_is_told_of_somebody_else(lines):
    lines.data("rejected", "ACTION_REJECTED")["rejected_by"] = "eve"


@breaks
def a_question_is_told_of_somebody_else(lines):
    lines.data("asked", "QUESTION_ASKED")["asked_by"] = "eve"


@breaks
def a_supplement_is_told_of_another_agent(lines):
    lines.data("asked", "QUESTION_ANSWERED")["answered_by"] = "another-agent"


@breaks
def what_was_found_out_is_told_of_somebody_else(lines):
    lines.data("unknown", "OUTCOME_RESOLVED")["outcome"]["resolved_by"] = "eve"


@breaks
def a_queue_was_handed_over_for_another(lines):
    lines.data(None, "QUEUE_HANDED_OVER")["handed_from"] = "eve"


@breaks
def a_stop_is_told_of_somebody_else(lines):
    lines.data(None, "AUTONOMY_STOPPED")["by"] = "eve"


# --- what a decision came to does not follow from its checks ---


@breaks
def an_edit_ran_without_a_person(lines):
    decision = lines.data("auto-1", "GATE_DECIDED")
    decision["checks"] = [each for each in decision["checks"] if each["check"] != "not_edited"]
    lines.entry("auto-1", "INTENT_PROPOSED")["actor"] = "bob"


@breaks
def a_decision_ran_past_a_check_that_is_told_twice(lines):
    checks = lines.data("scoped", "GATE_DECIDED")["checks"]
    checks.insert(0, {**check(lines, "scoped", "scopes"), "passed": False})


@breaks
def what_had_expired_is_told_to_have_been_alive(lines):
    check(lines, "auto-1", "expiry")["passed"] = False


@breaks
def a_decision_saw_another_expiry(lines):
    check(lines, "auto-1", "expiry")["saw"]["expires_at"] = "2026-03-10T11:00:00Z"


@breaks
def a_decision_is_told_to_be_of_long_before(lines):
    lines.data("auto-1", "GATE_DECIDED")["decided_at"] = "2026-03-09T12:00:00Z"


@breaks
def a_decision_has_a_reason_that_its_check_never_gives(lines):
    lines.data("while-stopped", "GATE_DECIDED")["reason"] = "SCOPE_MISSING"


@breaks
def a_decision_asks_a_person_and_nothing_refused_it(lines):
    decision = lines.data("while-stopped", "GATE_DECIDED")
    decision["checks"] = [each for each in decision["checks"] if each["passed"]]


# --- one took another's place ---


@breaks
def another_took_its_place_than_its_chain_says(lines):
    lines.data("superseded", "INTENT_SUPERSEDED")["superseded_by"] = "auto-1"


@breaks
def what_took_its_place_does_not_say_so(lines):
    lines.data("superseding", "INTENT_PROPOSED")["supersedes"] = None


@breaks
def what_took_its_place_is_taken_out(lines):
    lines.drop(lines.data("edited", "INTENT_SUPERSEDED")["superseded_by"])


@breaks
def what_took_an_edit_s_place_ran_alone(lines):
    lines.entry("superseded", "INTENT_PROPOSED")["actor"] = "bob"
    check(lines, "superseded", "not_edited")["saw"]["edited_by"] = "bob"


# --- the bounds were others than they are said to have been ---


@breaks
def the_type_was_not_listed(lines):
    lines.alter_configs(lambda bounds: bounds["allowlist"].remove(OTHER))


@breaks
def nobody_had_a_list(lines):
    lines.alter_configs(lambda bounds: bounds.update(allowlist=None))


@breaks
def a_list_of_the_account_s_own_was_empty(lines):
    lines.alter_configs(lambda bounds: bounds["accounts"].update(north={"allowlist": [], "modes": {}, "budget": None}))


@breaks
def the_mode_asked_for_a_person(lines):
    lines.alter_configs(lambda bounds: bounds["modes"].update(default="APPROVAL_REQUIRED"))


@breaks
def the_type_was_disabled(lines):
    lines.alter_configs(lambda bounds: bounds["modes"].update({PAY: "DISABLED"}))


@breaks
def the_tier_was_higher(lines):
    lines.alter_configs(lambda bounds: bounds["action_types"][OTHER].update(risk_tier="HIGH"))


@breaks
def the_type_asked_for_more_confidence(lines):
    lines.alter_configs(lambda bounds: bounds["action_types"][OTHER].update(min_confidence=0.95))


@breaks
def there_was_a_policy_more(lines):
    text = '@effect("BLOCK") forbid (principal, action, resource) when { context.hour == 3 };'
    lines.alter_configs(lambda bounds: bounds["policies"].append({"name": "more.cedar", "text": text}))


@breaks
def a_third_approver_was_asked_for(lines):
    lines.alter_configs(lambda bounds: bounds["action_types"][PAY].update(approvals_required=3))


@breaks
def one_approver_was_enough(lines):
    lines.alter_configs(lambda bounds: bounds["action_types"][PAY].update(approvals_required=1))


@breaks
def nobody_might_approve_what_was_their_own(lines):
    lines.alter_configs(lambda bounds: bounds.update(proposer_may_approve=False))
    for line in lines.chain("paid"):
        if line["event_type"] == "INTENT_PROPOSED":
            line["actor"] = line["data"]["proposed_by"] = "eve"


@breaks
def the_tool_was_another(lines):
    lines.alter_configs(lambda bounds: bounds["action_types"][TYPE]["tool"].update(operation="undo"))


@breaks
def a_change_of_the_bounds_is_taken_out(lines):
    lines.lines.remove(lines.entry(None, "CONFIG_CHANGED", 1))


@breaks
def a_state_of_the_bounds_has_another_number(lines):
    lines.alter_numbers(lambda number: number + 1)


# --- what is said to have been seen is not what the bounds say ---


@breaks
def a_decision_claims_bounds_that_never_were(lines):
    lines.data("auto-1", "GATE_DECIDED")["config_sequence"] = 17
    lines.data("auto-1", "ACTION_APPROVED")["config_sequence"] = 17


@breaks
def a_decision_claims_bounds_that_came_later(lines):
    for event_type in ("GATE_DECIDED", "ACTION_APPROVED"):
        lines.data("auto-1", event_type)["config_sequence"] = 3


@breaks
def a_decision_claims_bounds_that_were_replaced_long_before(lines):
    for event_type in ("GATE_DECIDED", "ACTION_APPROVED"):
        lines.data("late", event_type)["config_sequence"] = 2
    lines.data("late", "ACTION_APPROVED")["charges"][0]["limit"] = 5
    lines.entry("late", "GATE_DECIDED")["at"] = "2026-03-10T14:06:00Z"


@breaks
def an_approval_claims_other_bounds_than_its_decision(lines):
    lines.data("auto-1", "ACTION_APPROVED")["config_sequence"] = 2


@breaks
def a_start_claims_bounds_that_never_were(lines):
    lines.data("auto-1", "EXECUTION_STARTED")["config_sequence"] = 17


@breaks
def a_vote_claims_bounds_that_never_were(lines):
    lines.data("paid", "APPROVAL_VOTED")["config_sequence"] = 17


@breaks
def a_person_s_approval_claims_bounds_that_never_were(lines):
    lines.data("answered", "ACTION_APPROVED")["config_sequence"] = 17


@breaks
def a_decision_saw_a_list_of_another_level(lines):
    check(lines, "auto-1", "allowlist")["saw"]["level"] = "account"


@breaks
def a_decision_saw_a_mode_from_elsewhere(lines):
    check(lines, "auto-1", "mode")["saw"]["source"] = "account default"


@breaks
def a_decision_saw_another_tier(lines):
    check(lines, "auto-1", "policy")["saw"]["risk_tier"] = "MINIMAL"


@breaks
def a_decision_ran_past_a_check_that_failed(lines):
    check(lines, "auto-1", "budget")["passed"] = False


@breaks
def a_decision_ran_without_a_check(lines):
    checks = lines.data("auto-1", "GATE_DECIDED")["checks"]
    checks.remove(check(lines, "auto-1", "allowlist"))


@breaks
def a_decision_has_the_version_of_other_policies(lines):
    version = "AutoApprovalPolicyV1@" + "0" * 64
    for event_type in ("GATE_DECIDED", "ACTION_APPROVED"):
        lines.data("auto-1", event_type)["policy_version"] = version


@breaks
def an_approval_has_the_version_of_other_policies(lines):
    lines.data("answered", "ACTION_APPROVED")["policy_version"] = "AutoApprovalPolicyV1@" + "0" * 64


@breaks
def a_block_is_told_as_a_question(lines):
    data = lines.data("for-sale", "GATE_DECIDED")
    data["policy_decision"] = "REQUIRE_APPROVAL"


@breaks
def a_rule_that_blocked_is_left_out(lines):
    saw = check(lines, "for-sale", "policy")["saw"]
    saw["clauses"] = [name for name in saw["clauses"] if name != "not_for_sale"]


@breaks
def a_log_only_policy_is_left_out_of_a_decision(lines):
    checks = lines.data("refund-1", "GATE_DECIDED")["checks"]
    checks.remove(check(lines, "refund-1", "log_only"))


@breaks
def a_log_only_policy_is_told_to_have_said_nothing(lines):
    check(lines, "refund-1", "log_only")["saw"]["policies"] = [{"name": "watch.cedar", "would_say": None}]


@breaks
def a_log_only_policy_is_told_to_have_asked_by_another_rule(lines):
    check(lines, "refund-1", "log_only")["saw"]["policies"][0]["clauses"] = ["another"]


@breaks
def a_decision_tells_of_a_log_only_policy_that_there_was_not(lines):
    said = check(lines, "refund-1", "log_only")["saw"]["policies"]
    said.append({"name": "more.cedar", "would_say": None})


@breaks
def a_log_only_policy_counted(lines):
    saw = check(lines, "refund-1", "policy")["saw"]
    saw["clauses"] = [*saw["clauses"], "watched"]


@breaks
def a_decision_gives_another_reason_than_its_policy(lines):
    lines.data("for-sale", "GATE_DECIDED")["reason"] = "TENANT_POLICY"


@breaks
def the_policy_saw_an_hour_of_another_day(lines):
    check(lines, "auto-1", "policy")["saw"]["local_time"] = "2026-03-12 THU 12"


@breaks
def what_a_person_edited_was_decided_as_if_nobody_had(lines):
    lines.entry("auto-1", "INTENT_PROPOSED")["actor"] = "bob"


@breaks
def a_blocked_intent_was_approved(lines):
    """By bounds in which a rule blocks what it says, as if the rule had been gone for a moment."""
    forged = copy.deepcopy(lines.entry("answered", "ACTION_APPROVED"))
    proposed = lines.data("for-sale", "INTENT_PROPOSED")
    forged |= {"action_intent_id": "for-sale", "account_id": proposed["account_id"]}
    forged["data"] |= {"action_intent_id": "for-sale", "intent_digest": proposed["digest"]}
    lines.insert_after(lines.entry("for-sale", "GATE_DECIDED"), forged)


@breaks
def it_started_with_another_tool(lines):
    changed = Tool.model_validate(tool(operation="undo"))
    lines.data("auto-1", "EXECUTION_STARTED")["tool_hash"] = tool_hash(changed)


@breaks
def it_started_without_any_tool(lines):
    lines.data("auto-1", "EXECUTION_STARTED")["tool_hash"] = None


@breaks
def its_outcome_names_another_tool(lines):
    lines.data("auto-1", "ACTION_EXECUTED")["outcome"]["tool"] = "far undo"


# --- votes ---


@breaks
def one_vote_is_taken_out(lines):
    lines.lines.remove(lines.entry("paid", "APPROVAL_VOTED"))


@breaks
def the_first_vote_is_another_s(lines):
    lines.data("paid", "APPROVAL_VOTED")["voted_by"] = "mallory"


@breaks
def one_person_votes_twice(lines):
    """And is counted twice."""
    second = lines.entry("paid", "APPROVAL_VOTED", 1)
    second["actor"] = second["data"]["voted_by"] = "bob"
    approved = lines.entry("paid", "ACTION_APPROVED")
    approved["actor"] = approved["data"]["approved_by"] = "bob"
    approved["data"]["approvers"] = ["bob", "bob"]


@breaks
def somebody_approved_who_did_not_vote(lines):
    lines.data("paid", "ACTION_APPROVED")["approvers"].append("mallory")


@breaks
def one_of_two_approved(lines):
    """With the vote and the name of the other left out."""
    lines.lines.remove(lines.entry("paid", "APPROVAL_VOTED"))
    lines.data("paid", "APPROVAL_VOTED")["votes"] = 1
    lines.data("paid", "ACTION_APPROVED")["approvers"] = ["eve"]


@breaks
def an_approval_is_another_s(lines):
    lines.entry("answered", "ACTION_APPROVED")["actor"] = "mallory"


# --- on whose behalf ---


@breaks
def the_principal_had_not_that_scope(lines):
    lines.alter_configs(lambda bounds: bounds["principals"]["alice"].update(scopes=["crm:read"]))


@breaks
def the_type_took_another_scope(lines):
    lines.alter_configs(lambda bounds: bounds["action_types"][SCOPED].update(required_scopes=["crm:admin"]))


@breaks
def the_principal_had_no_scopes_at_all(lines):
    lines.alter_configs(lambda bounds: bounds.update(principals={}))


@breaks
def a_decision_saw_scopes_that_a_hop_had_not(lines):
    check(lines, "narrowed", "scopes")["saw"]["effective"] = ["crm:read", "crm:write"]


@breaks
def a_decision_of_policy_did_not_look_at_scopes(lines):
    checks = lines.data("scoped", "GATE_DECIDED")["checks"]
    checks.remove(check(lines, "scoped", "scopes"))


@breaks
def a_decision_saw_another_principal(lines):
    check(lines, "scoped", "scopes")["saw"]["on_behalf_of"] = "mallory"


@breaks
def a_confidence_was_asked_for_after_all(lines):
    lines.alter_configs(lambda bounds: bounds["action_types"][SCOPED].update(min_confidence=0.1))


# --- stops ---


@breaks
def it_was_decided_long_after_everything_was_stopped(lines):
    """In the chain the stop stands first, and nobody put it back."""
    stopped = lines.entry(None, "AUTONOMY_STOPPED")
    lines.lines = [line for line in lines.lines if line["event_type"] != "AUTONOMY_RESUMED"]
    stopped["at"] = "2026-03-10T11:00:00Z"


@pytest.mark.parametrize("invariant, mutate", breaks)
def test_what_breaks_one_invariant_is_reported_as_that_one_alone(lines, invariant, mutate):
    assert_that_one_alone(lines, invariant, mutate)


def test_a_clock_that_is_minutes_wrong_is_no_finding(lines):
    lines.entry("auto-1", "GATE_DECIDED")["at"] = "2026-03-10T11:56:00Z"

    assert found(lines.rehashed()) == set()


def test_a_chain_of_the_second_format_does_not_go_back_to_the_first(lines):
    del lines.entry("auto-1", "EXECUTION_STARTED")["v"]

    assert found(lines.rehashed()) == {6}


def test_an_export_is_read_as_a_stream_too(lines):
    report = verify_export(line for line in lines.lines)

    assert report.ok and report.sealed


@pytest.mark.parametrize("earlier", EARLIER_SETS)
def test_what_was_decided_by_rules_that_an_earlier_release_shipped_verifies(lines, earlier):
    beside = [["own.cedar", NOT_FOR_SALE], ["watch.cedar", WATCHES, "log_only"]]
    version = f"{POLICY_NAME}@{digest_of([earlier.schema, earlier.policies, beside])}"
    for line in lines.lines:
        if line["data"].get("policy_version"):
            line["data"]["policy_version"] = version

    assert found(lines.rehashed()) == set()
