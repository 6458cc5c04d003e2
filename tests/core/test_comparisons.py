"""Comparisons: what said no held against what, read from a recorded decision and the text of its rule."""

import pytest

from remit.core.comparisons import comparisons, limit_name, limit_use, refused_limits

UNLESS = """@id("r") @reason("R")
forbid (principal, action, resource)
when { context.action_type == "REFUND" }
unless {
  context.numbers.hasTag("amount")
  && context.numbers.getTag("amount").greaterThan(decimal("0.00"))
  && context.numbers.getTag("amount").lessThanOrEqual(decimal("50.00"))
};"""
WHEN = """@id("r") @reason("R")
forbid (principal, action, resource)
when { context.numbers.getTag("order.total").greaterThanOrEqual(decimal("1000.0")) };"""


def decision(reason, check="policy", **saw):
    return {"reason": reason, "checks": [{"check": check, "passed": False, "saw": saw}]}


def rule(text):
    return {"text": text, "platform": False}


@pytest.mark.parametrize(
    ("text", "parameters", "said"),
    [
        (UNLESS, {"amount": 1299}, ["amount 1,299 > 50.00"]),
        (UNLESS, {"amount": -3}, ["amount -3 ≤ 0.00"]),
        (UNLESS, {"amount": "1299"}, []),
        (UNLESS, {}, []),
        (WHEN, {"order": {"total": 1000.5}}, ["order.total 1,000.5 ≥ 1000.0"]),
        (WHEN, {"order": {"total": 3}}, []),
    ],
)
def test_a_rule_says_the_comparison_that_made_it_hold(text, parameters, said):
    assert comparisons(decision("R"), rule(text), parameters) == said


def test_a_rule_of_the_platform_and_a_decision_without_a_rule_compare_nothing_here():
    assert comparisons(decision("R"), {**rule(WHEN), "platform": True}, {"order": {"total": 5000}}) == []
    assert comparisons(decision("ACTION_TYPE_NOT_ALLOWLISTED", "allowlist"), None, {}) == []


@pytest.mark.parametrize(
    ("saw", "said"),
    [
        ({"confidence": 7100, "min_confidence": 8500}, ["confidence 71 %, 85 % needed"]),
        ({"confidence": 6999, "min_confidence": 7000}, ["confidence 69.99 %, 70 % needed"]),
        ({"confidence": None, "min_confidence": 7000}, ["no confidence given, 70 % needed"]),
    ],
)
def test_confidence_is_said_in_percent(saw, said):
    assert comparisons(decision("CONFIDENCE_BELOW_THRESHOLD", **saw), None, {}) == said


def test_risk_says_what_it_is_and_what_may_run_alone():
    assert comparisons(decision("RISK_LEVEL_HIGH", effective_risk="MEDIUM"), None, {}) == [
        "risk MEDIUM, at most LOW runs alone"
    ]


def test_a_type_that_was_not_registered_is_said_to_be_that():
    assert comparisons(decision("RISK_LEVEL_HIGH", effective_risk="HIGH", risk_tier=None), None, {}) == [
        "not registered, which counts as HIGH risk"
    ]


def limit(used, most, window="2026-03-10@UTC|account:north|all", **more):
    return {"scope": "account", "window_id": window, "used_before": used, "limit": most, **more}


OF_TYPE = "2026-03-10@UTC|account:north|type:UPDATE_CONTACT"


def test_the_limit_that_had_no_room_is_the_one_that_is_said():
    refused = decision("BUDGET_EXCEEDED", "budget", limits=[limit(4, 12), limit(4, 4, OF_TYPE)])

    assert comparisons(refused, None, {}) == ["UPDATE_CONTACT 4 of 4 used"]
    assert [limit_name(each) for each in refused_limits(refused)] == ["UPDATE_CONTACT"]


def test_a_sum_says_what_this_one_would_have_added():
    of_sum = limit("980", "1000", name="refunds", unit="EUR", taken="240")
    fits = limit("10", "1000", name="small", unit="EUR", taken="240")

    assert comparisons(decision("BUDGET_EXCEEDED", "budget", limits=[fits, of_sum]), None, {}) == [
        "refunds 980 EUR + 240 EUR > 1,000 EUR"
    ]


def test_a_limit_that_only_watches_refuses_nothing_and_one_that_cannot_be_counted_says_why():
    watching = limit(9, None, name="watched", unit=None, taken=1)
    unknown = limit("0", "1000", name="refunds", unit="EUR", taken=None, problem="parameters.amount is not there")

    refused = refused_limits(decision("AMOUNT_UNKNOWN", "budget", limits=[watching, unknown]))

    assert [limit_use(each) for each in refused] == ["parameters.amount is not there"]


def test_no_limit_at_all_compares_nothing():
    assert comparisons(decision("BUDGET_NOT_CONFIGURED", "budget", limits=[]), None, {}) == []
