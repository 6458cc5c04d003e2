"""The verdict: its checks in order, each reason, what was seen, and nothing charged without a clean yes."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remit.core.canonical import canonical
from remit.core.errors import InvalidInput
from remit.core.gate.budget import Counter, Usage
from remit.core.gate.charging import charge
from remit.core.proposal import parse_proposal

from .make import NOW, TYPE, bounds, intent, proposal_json, rule, stop, type_json, verdict

MIDNIGHT = datetime(2026, 3, 11, tzinfo=UTC)
ACCOUNT_DAY, TENANT_DAY = "2026-03-10@UTC|account:north", "2026-03-10@UTC|tenant"
IN_ORDER = ["expiry", "stop_switch", "not_edited", "allowlist", "mode", "policy", "budget"]


def used(total=0, of_type=0, tenant=0):
    counters = {"all": Counter(used=total, position=total), f"type:{TYPE}": Counter(used=of_type, position=of_type)}
    return {
        ACCOUNT_DAY: Usage(usage_id=ACCOUNT_DAY, ends_at=MIDNIGHT, counters=counters),
        TENANT_DAY: Usage(
            usage_id=TENANT_DAY, ends_at=MIDNIGHT, counters={"all": Counter(used=tenant, position=tenant)}
        ),
    }


def check(answer, name):
    return next(c for c in answer.decision.checks if c.check == name)


def names(answer):
    return [c.check for c in answer.decision.checks]


def test_a_clean_yes_passes_every_check_in_order_and_is_charged():
    answer = verdict()

    assert (answer.decision.result, answer.decision.reason) == ("AUTO_EXECUTED", "WITHIN_BOUNDS")
    assert names(answer) == IN_ORDER
    assert all(c.passed for c in answer.decision.checks)
    assert [(c.window_id, c.limit, c.used_after) for c in answer.charges] == [
        (f"{ACCOUNT_DAY}|all", 10, 1),
        (f"{ACCOUNT_DAY}|type:{TYPE}", None, 1),
    ]
    assert set(answer.usages) == {ACCOUNT_DAY}


def test_a_decision_says_which_bounds_which_policy_and_which_intent_it_saw():
    seen, proposed = bounds(), intent()

    decision = verdict(proposed, seen).decision

    assert (decision.action_intent_id, decision.tenant_id, decision.account_id) == ("i-1", "acme", "north")
    assert decision.config_sequence == seen.config_sequence
    assert decision.policy_version.startswith("AutoApprovalPolicyV1@")
    assert (decision.policy_decision, decision.policy_clause) == ("AUTO_EXECUTE", "auto_execute_within_bounds")
    assert (decision.decided_at, decision.intent_digest) == (NOW, proposed.digest)


# Each refusal, in the gate's order, as (what makes it so, the reason, the check that fails).
REFUSALS = [
    ("expired", "INTENT_EXPIRED", "expiry"),
    ("stopped", "AUTONOMY_STOPPED", "stop_switch"),
    ("edited", "EDITED_BY_PERSON", "not_edited"),
    ("unlisted", "ACTION_TYPE_NOT_ALLOWLISTED", "allowlist"),
    ("disabled", "ACTION_TYPE_DISABLED", "policy"),
    ("risky", "RISK_LEVEL_HIGH", "policy"),
    ("unsure", "CONFIDENCE_BELOW_THRESHOLD", "policy"),
    ("forbidden", "OWN_RULE", "policy"),
    ("used up", "BUDGET_EXCEEDED", "budget"),
]


def with_faults(faults, block=None):
    own = '@id("own") @reason("OWN_RULE") forbid (principal, action, resource) when { context.target_id == "c-1" };'
    seen = bounds(
        allowlist=[] if "unlisted" in faults else [TYPE],
        modes={"default": "DISABLED" if "disabled" in faults else "AUTO_EXECUTE"},
        action_types={TYPE: type_json(risk_tier="HIGH" if "risky" in faults else "LOW")},
        policies=[rule(block or own)] if block or "forbidden" in faults else [],
    )
    return verdict(
        intent(confidence_score=0.1 if "unsure" in faults else 0.9),
        seen,
        stops=[stop("autonomy", tenant_id="acme")] if "stopped" in faults else [],
        usages=used(total=10 if "used up" in faults else 0),
        edited_by="ann" if "edited" in faults else None,
        now=NOW + timedelta(days=8) if "expired" in faults else NOW,
    )


@pytest.mark.parametrize(("fault", "reason", "failing"), REFUSALS)
def test_a_refusal_alone_gives_its_reason_and_charges_nothing(fault, reason, failing):
    answer = with_faults({fault})

    assert (answer.decision.result, answer.decision.reason) == ("REQUIRE_APPROVAL", reason)
    assert names(answer)[-1] == failing
    assert not answer.decision.checks[-1].passed
    assert answer.decision.explanation
    assert (answer.charges, answer.usages) == ([], {})


@pytest.mark.parametrize("first", range(len(REFUSALS)))
def test_the_first_check_that_fails_decides_whatever_fails_after_it(first):
    answer = with_faults({fault for fault, _, _ in REFUSALS[first:] if fault != "expired" or first == 0})

    assert answer.decision.reason == REFUSALS[first][1]
    # Expired it goes nowhere; with `policy` the block was seen in its turn.
    blocked = ["block"] if REFUSALS[first][2] in ("stop_switch", "not_edited", "allowlist") else []
    assert names(answer) == IN_ORDER[: IN_ORDER.index(REFUSALS[first][2]) + 1] + blocked


@pytest.mark.parametrize("mode", ["AUTO_EXECUTE", "APPROVAL_REQUIRED", "DISABLED"])
def test_a_refusal_by_the_allowlist_looks_at_mode_and_policy_for_a_block_alone(mode):
    broken = rule("forbid (principal, action, resource) when { context.confidence + 9223372036854775807 > 0 };")

    answer = verdict(seen_bounds=bounds(allowlist=[], modes={"default": mode}, policies=[broken], budget=None))

    assert answer.decision.reason == "ACTION_TYPE_NOT_ALLOWLISTED"
    is_blocked = mode == "DISABLED"
    assert names(answer) == ["expiry", "stop_switch", "not_edited", "allowlist", *(["block"] if is_blocked else [])]
    assert answer.decision.policy_decision == ("BLOCK" if is_blocked else None)


@pytest.mark.parametrize("fault", ["stopped", "edited", "unlisted"])
def test_what_a_rule_blocks_is_blocked_whatever_refused_it_first(fault):
    own = '@id("own") @effect("BLOCK") forbid (principal, action, resource) when { context.target_id == "c-1" };'

    answer = with_faults({fault}, own)

    assert answer.decision.reason == next(reason for name, reason, _ in REFUSALS if name == fault)
    assert (answer.decision.policy_decision, answer.decision.policy_clause) == ("BLOCK", "own")
    assert check(answer, "block").saw["mode"] == "AUTO_EXECUTE"


def test_an_empty_account_list_does_not_fall_through_to_the_tenant_s():
    answer = verdict(seen_bounds=bounds(accounts={"north": {"allowlist": []}}))

    assert answer.decision.reason == "ACTION_TYPE_NOT_ALLOWLISTED"
    assert check(answer, "allowlist").saw == {"level": "account", "entries": 0}


def test_an_intent_is_expired_from_the_very_moment_it_names():
    proposed = intent(expires_at=NOW + timedelta(hours=1))

    before = verdict(proposed, now=NOW + timedelta(hours=1) - timedelta(microseconds=1))
    at = verdict(proposed, now=NOW + timedelta(hours=1))

    assert (before.decision.result, at.decision.reason) == ("AUTO_EXECUTED", "INTENT_EXPIRED")


@pytest.mark.parametrize("level", ["autonomy", "everything"])
@pytest.mark.parametrize(
    ("scope", "stops_it"),
    [
        ({}, True),
        ({"tenant_id": "acme"}, True),
        ({"tenant_id": "acme", "account_id": "north"}, True),
        ({"tenant_id": "acme", "action_type": TYPE}, True),
        ({"tenant_id": "other"}, False),
        ({"tenant_id": "acme", "account_id": "south"}, False),
        ({"tenant_id": "acme", "action_type": "OTHER"}, False),
    ],
)
def test_either_level_of_a_stop_that_covers_it_stops_autonomy(scope, stops_it, level):
    answer = verdict(stops=[stop(level, **scope)])

    assert (answer.decision.reason == "AUTONOMY_STOPPED") == stops_it
    assert (answer.decision.result == "AUTO_EXECUTED") == (not stops_it)


def test_a_stop_names_who_and_why():
    answer = verdict(stops=[stop("everything", tenant_id="acme")])

    assert "ann" in answer.decision.explanation
    assert "incident 7" in answer.decision.explanation
    assert check(answer, "stop_switch").saw["stop"]["stopped_by"] == "ann"


TIERS = ["MINIMAL", "LOW", "MEDIUM", "HIGH"]


@pytest.mark.parametrize(("tier", "proposed"), list(product(TIERS, [None, *TIERS])))
def test_the_effective_risk_is_the_highest_of_tier_and_proposal(tier, proposed):
    highest = max(TIERS.index(tier), TIERS.index(proposed) if proposed else 0)

    answer = verdict(intent(risk_level=proposed), bounds(action_types={TYPE: type_json(risk_tier=tier)}))

    assert check(answer, "policy").saw["effective_risk"] == TIERS[highest]
    assert answer.decision.reason == ("RISK_LEVEL_HIGH" if highest >= 2 else "WITHIN_BOUNDS")


@pytest.mark.parametrize("proposed", [None, *TIERS])
def test_an_unregistered_type_counts_as_high_whatever_the_agent_says(proposed):
    answer = verdict(intent(risk_level=proposed, registry_version=None), bounds(action_types={}))

    assert answer.decision.reason == "RISK_LEVEL_HIGH"
    assert check(answer, "policy").saw["effective_risk"] == "HIGH"


def effective_risk(proposed, seen_bounds):
    return seen_bounds.type_in_force(proposed.action_type).effective_risk(proposed)


def test_a_type_registered_after_the_proposal_or_removed_since_counts_as_high():
    registered_later = effective_risk(intent(registry_version=None), bounds())
    removed_since = effective_risk(intent(registry_version=1), bounds(action_types={}))

    assert (registered_later, removed_since) == ("HIGH", "HIGH")


def test_an_older_version_of_a_type_counts_as_high_since_its_tool_is_not_the_one_that_was_rated():
    pinned_to_another = effective_risk(intent(registry_version=2), bounds())

    assert pinned_to_another == "HIGH"


@pytest.mark.parametrize(
    ("confidence", "threshold", "passes"),
    [
        (0.7, None, True),
        (0.69999, None, False),
        (0.6999999999999999, None, False),
        (None, None, False),
        (0, None, False),
        (None, 0, True),
        (0.57, 0.57, True),
        (0.3, 0.1 + 0.2, False),
        (1, 1, True),
        (0.99999, 1, False),
    ],
)
def test_the_confidence_must_reach_the_type_s_minimum_and_missing_is_zero(confidence, threshold, passes):
    spec = type_json() if threshold is None else type_json(min_confidence=threshold)

    answer = verdict(intent(confidence_score=confidence), bounds(action_types={TYPE: spec}))

    assert answer.decision.reason == ("WITHIN_BOUNDS" if passes else "CONFIDENCE_BELOW_THRESHOLD")


@pytest.mark.parametrize(
    ("mode", "reason", "decision"),
    [
        ("DISABLED", "ACTION_TYPE_DISABLED", "BLOCK"),
        ("PROPOSE_ONLY", "PROPOSE_ONLY", "REQUIRE_APPROVAL"),
        ("APPROVAL_REQUIRED", "TENANT_POLICY", "REQUIRE_APPROVAL"),
    ],
)
def test_a_mode_is_refused_with_its_reason_and_where_it_came_from(mode, reason, decision):
    answer = verdict(seen_bounds=bounds(accounts={"north": {"modes": {TYPE: mode}}}))

    assert (answer.decision.reason, answer.decision.policy_decision) == (reason, decision)
    assert answer.decision.result == "REQUIRE_APPROVAL"
    assert check(answer, "mode").saw == {"mode": mode, "source": "account + type"}


def test_no_mode_set_anywhere_asks_a_person():
    answer = verdict(seen_bounds=bounds(modes={}))

    assert answer.decision.reason == "TENANT_POLICY"
    assert check(answer, "mode").saw == {"mode": "APPROVAL_REQUIRED", "source": "nothing set"}


def test_a_rule_that_errors_asks_a_person():
    broken = rule("forbid (principal, action, resource) when { context.confidence + 9223372036854775807 > 0 };")

    answer = verdict(seen_bounds=bounds(policies=[broken]))

    assert (answer.decision.result, answer.decision.reason) == ("REQUIRE_APPROVAL", "POLICY_ERROR")
    assert check(answer, "policy").saw["errors"]
    assert answer.charges == []


def test_a_rule_sees_the_hour_of_the_account_s_own_zone():
    at_night = rule('@id("night") forbid (principal, action, resource) when { context.hour >= 20 };')
    seen = bounds(policies=[at_night], accounts={"tokyo": {"budget": {"timezone": "Asia/Tokyo"}}})

    assert verdict(intent(account_id="tokyo"), seen).decision.reason == "NIGHT"
    assert verdict(intent(account_id="north"), seen).decision.result == "AUTO_EXECUTED"


@pytest.mark.parametrize("budget", [None, {}, {"timezone": "UTC"}, {"max_per_action_type": {TYPE: 5}}])
def test_no_budget_is_no_autonomy(budget):
    answer = verdict(seen_bounds=bounds(budget=budget, tenant_budget={"max_autonomous_per_day": 100}))

    assert answer.decision.reason == "BUDGET_NOT_CONFIGURED"
    assert "north" in answer.decision.explanation
    assert answer.charges == []


@pytest.mark.parametrize(
    ("changes", "usages", "scope", "limit"),
    [
        ({"budget": {"max_autonomous_per_day": 3}}, used(total=3), "account", 3),
        ({"budget": {"max_autonomous_per_day": 0}}, {}, "account", 0),
        ({"budget": {"max_autonomous_per_day": 9, "max_per_action_type": {TYPE: 2}}}, used(2, 2), "account_type", 2),
        ({"budget": {"max_autonomous_per_day": 9, "max_per_action_type": {TYPE: 0}}}, {}, "account_type", 0),
        ({"tenant_budget": {"max_autonomous_per_day": 4}}, used(tenant=4), "tenant", 4),
        ({"tenant_budget": {"max_autonomous_per_day": 0}}, {}, "tenant", 0),
        # Lowered below what is used already.
        ({"budget": {"max_autonomous_per_day": 3}}, used(total=7), "account", 3),
    ],
)
def test_a_full_limit_is_named_with_its_use_and_its_reset_and_charges_nothing(changes, usages, scope, limit):
    answer = verdict(seen_bounds=bounds(**changes), usages=usages)
    full = next(seen for seen in check(answer, "budget").saw["limits"] if seen["scope"] == scope)

    assert answer.decision.reason == "BUDGET_EXCEEDED"
    assert f"{full['used_before']} of {limit} used" in answer.decision.explanation
    assert "2026-03-11T00:00:00Z" in answer.decision.explanation
    assert (full["limit"], full["used_after"], full["resets_at"]) == (
        limit,
        full["used_before"],
        "2026-03-11T00:00:00Z",
    )
    assert (answer.charges, answer.usages) == ([], {})


def test_a_yes_saw_every_limit_with_its_use_before_and_after():
    seen = bounds(
        budget={"max_autonomous_per_day": 9, "max_per_action_type": {TYPE: 5}},
        tenant_budget={"max_autonomous_per_day": 20, "timezone": "UTC"},
    )

    limits = check(verdict(seen_bounds=seen, usages=used(3, 2, 7)), "budget").saw["limits"]

    assert [(s["scope"], s["limit"], s["used_before"], s["used_after"]) for s in limits] == [
        ("account", 9, 3, 4),
        ("account_type", 5, 2, 3),
        ("tenant", 20, 7, 8),
    ]


def test_the_policy_check_saw_risk_and_confidence():
    saw = check(verdict(intent(confidence_score=0.9, risk_level="LOW")), "policy").saw

    assert (saw["effective_risk"], saw["risk_tier"], saw["proposed_risk"]) == ("LOW", "LOW", "LOW")
    assert (saw["confidence"], saw["min_confidence"]) == (9000, 7000)
    assert (saw["policy_decision"], saw["clauses"], saw["errors"]) == (
        "AUTO_EXECUTE",
        ["auto_execute_within_bounds"],
        [],
    )


def test_use_of_another_account_or_yesterday_does_not_count():
    full = Counter(used=10, position=10)
    others = [ACCOUNT_DAY.replace("north", "south"), ACCOUNT_DAY.replace("03-10", "03-09")]
    usages = {name: Usage(usage_id=name, ends_at=NOW, counters={"all": full}) for name in others}

    assert verdict(usages=usages).decision.result == "AUTO_EXECUTED"


def test_each_day_of_the_zone_has_its_own_budget():
    seen = bounds(budget={"max_autonomous_per_day": 1, "timezone": "America/New_York"})
    first = verdict(seen_bounds=seen)
    until = datetime(2026, 3, 11, 4, tzinfo=UTC)

    before = verdict(seen_bounds=seen, usages=first.usages, now=until - timedelta(seconds=1))
    after = verdict(seen_bounds=seen, usages=first.usages, now=until)

    assert (before.decision.reason, after.decision.result) == ("BUDGET_EXCEEDED", "AUTO_EXECUTED")


def test_the_same_input_gives_the_same_answer():
    seen, proposed = bounds(policies=[rule('@id("b") forbid (principal, action, resource);')]), intent()

    assert verdict(proposed, seen) == verdict(proposed, seen)


def test_a_value_outside_a_closed_enum_never_gets_as_far_as_a_decision():
    for change in ({"risk_level": "CRITICAL"}, {"risk_level": ""}, {"risk_level": "low"}, {"confidence_score": 85}):
        with pytest.raises(InvalidInput):
            parse_proposal(proposal_json(**change))


modes = st.none() | st.sampled_from(["AUTO_EXECUTE"] * 4 + ["APPROVAL_REQUIRED", "PROPOSE_ONLY", "DISABLED"])
lists = st.sampled_from([None, None, [], [TYPE], [TYPE], [TYPE], ["OTHER"]])
counts = st.sampled_from([None, 0, 1, 2, 5, 5])
confidences = st.sampled_from([None, 0, 0.5, 0.69999, 0.7, 0.9, 0.9, 1]) | st.floats(0, 1)
scenes = st.fixed_dictionaries(
    {
        "lists": st.tuples(lists, lists),
        "modes": st.tuples(modes, modes, modes, modes),
        "tier": st.sampled_from([None, "MINIMAL", "LOW", "LOW", "LOW", "MEDIUM", "HIGH"]),
        "min_confidence": st.sampled_from([0.7, 0.7, 0, 1]) | st.floats(0, 1),
        "pinned": st.sampled_from([1, 1, 1, None]),
        "risk": st.none() | st.sampled_from([*TIERS, "MINIMAL", "LOW"]),
        "confidence": confidences,
        "per_day": st.tuples(counts, counts),
        "per_type": st.tuples(counts, counts),
        "ceiling": counts,
        "used": st.tuples(*[st.integers(0, 3)] * 3),
        "stop": st.sampled_from([None] * 6 + ["autonomy", "everything"]),
        "edited_by": st.sampled_from([None] * 6 + ["ann"]),
        "late": st.sampled_from([False] * 6 + [True]),
    }
)


def set_only(**fields):
    return {name: value for name, value in fields.items() if value is not None}


def bounds_of(scene):
    def own(level, type_mode, default_mode):
        per_type = scene["per_type"][level]
        limits = {} if per_type is None else {"max_per_action_type": {TYPE: per_type}}
        return set_only(
            allowlist=scene["lists"][level],
            modes=set_only(**{TYPE: type_mode, "default": default_mode}),
            budget={**set_only(max_autonomous_per_day=scene["per_day"][level]), **limits},
        )

    account_type, tenant_type, account_default, tenant_default = scene["modes"]
    spec = type_json(risk_tier=scene["tier"] or "LOW", min_confidence=scene["min_confidence"])
    without = {"allowlist": None, "modes": {}, "budget": None}
    return bounds(
        **{
            **without,
            **own(1, tenant_type, tenant_default),
            "accounts": {"north": own(0, account_type, account_default)},
            "action_types": {TYPE: spec} if scene["tier"] else {},
            "tenant_budget": None if scene["ceiling"] is None else {"max_autonomous_per_day": scene["ceiling"]},
        }
    )


def first_set(*values):
    return next((value for value in values if value is not None), None)


def expected_mode(modes):
    return "DISABLED" if "DISABLED" in modes else first_set(*modes) or "APPROVAL_REQUIRED"


def expected_risk(scene):
    tier = scene["tier"] if scene["pinned"] else None
    return max(tier or "HIGH", scene["risk"] or "MINIMAL", key=TIERS.index)


def refused_by_policy(scene):
    by_mode = {"DISABLED": "ACTION_TYPE_DISABLED", "PROPOSE_ONLY": "PROPOSE_ONLY", "APPROVAL_REQUIRED": "TENANT_POLICY"}
    mode = expected_mode(scene["modes"])
    if mode != "AUTO_EXECUTE":
        return by_mode[mode]
    return "RISK_LEVEL_HIGH" if expected_risk(scene) in ("MEDIUM", "HIGH") else None


def refused_by_budget(scene):
    per_day = first_set(*scene["per_day"])
    if per_day is None:
        return "BUDGET_NOT_CONFIGURED"
    limits = (per_day, first_set(*scene["per_type"]), scene["ceiling"])
    full = any(limit is not None and use >= limit for limit, use in zip(limits, scene["used"], strict=True))
    return "BUDGET_EXCEEDED" if full else None


def refused_before(scene):
    if scene["late"]:
        return "INTENT_EXPIRED"
    if scene["stop"]:
        return "AUTONOMY_STOPPED"
    if scene["edited_by"]:
        return "EDITED_BY_PERSON"
    return None if TYPE in (first_set(*scene["lists"]) or []) else "ACTION_TYPE_NOT_ALLOWLISTED"


def expected(scene, reason):
    """The reason the contract asks for. Between two ten-thousandths a confidence may count as too low."""
    unsure = "CONFIDENCE_BELOW_THRESHOLD"
    early = refused_before(scene) or refused_by_policy(scene)
    above = (scene["confidence"] or 0) - scene["min_confidence"]
    if early is None and (above < 0 or (above < 0.0002 and reason == unsure)):
        return unsure
    return early or refused_by_budget(scene) or "WITHIN_BOUNDS"


@settings(max_examples=1200)
@given(scenes)
def test_whatever_the_bounds_and_the_intent_the_verdict_is_the_contract_s(scene):
    seen = bounds_of(scene)
    proposed = intent(registry_version=scene["pinned"], confidence_score=scene["confidence"], risk_level=scene["risk"])

    answer = verdict(
        proposed,
        seen,
        stops=[stop(scene["stop"], tenant_id="acme")] if scene["stop"] else [],
        usages=used(*scene["used"]),
        edited_by=scene["edited_by"],
        now=NOW + timedelta(days=7 if scene["late"] else 0),
    )

    decision, has_block = answer.decision, "block" in names(answer)
    assert decision.reason == expected(scene, decision.reason)
    assert (decision.result == "AUTO_EXECUTED") == (decision.reason == "WITHIN_BOUNDS")
    assert bool(answer.charges) == bool(answer.usages) == (decision.result == "AUTO_EXECUTED")
    assert all(c.limit is None or c.used_after <= c.limit for c in answer.charges)
    assert [name for name in names(answer) if name != "block"] == IN_ORDER[: len(decision.checks) - has_block]
    live = decision.reason != "INTENT_EXPIRED"
    assert (decision.policy_decision == "BLOCK") == (live and expected_mode(scene["modes"]) == "DISABLED")
    canonical(decision.wire())


def test_what_a_yes_charges_is_exactly_what_its_budget_asks():
    seen = bounds(tenant_budget={"max_autonomous_per_day": 3})

    answer = verdict(seen_bounds=seen)

    assert (answer.charges, answer.usages) == charge(seen.budget("north", NOW).limits("north", TYPE), {})
