"""Rules made by choosing: Cedar that compiles, and lets run alone just what was chosen."""

from __future__ import annotations

import pytest

from remit.core.errors import InvalidInput
from remit.core.gate.policy import PolicySource, clauses_of, compile_policies
from remit.core.gate.policy.builder import WEEKDAYS, Hours, NumberBetween, OneOf, rule_text

from .make import question

EUROS = NumberBetween("amount", "0.01", "50", "EUR", "currency")
OFFICE = Hours(WEEKDAYS[:5], 8, 18)


def asked(policies, parameters, action_type="REFUND_ORDER", weekday="MON", hour=12):
    when = {"local_weekday": weekday, "local_hour": hour}
    return policies.evaluate(question(action_type=action_type, parameters=parameters, **when))


def policies_of(condition, **more):
    return compile_policies((PolicySource(name="rules.cedar", text=rule_text("REFUND_ORDER", condition, **more)),))


def runs_alone(condition, parameters, **when):
    return asked(policies_of(condition), parameters, **when).policy_decision == "AUTO_EXECUTE"


@pytest.mark.parametrize(
    ("parameters", "alone"),
    [
        ({"amount": 0.01, "currency": "EUR"}, True),
        ({"amount": 50, "currency": "EUR"}, True),
        ({"amount": 50.01, "currency": "EUR"}, False),
        ({"amount": 0, "currency": "EUR"}, False),
        ({"amount": -30, "currency": "EUR"}, False),
        ({"amount": 30, "currency": "USD"}, False),
        ({"amount": 30, "currency": "eur"}, False),
        ({"amount": 30}, False),
        ({"amount": 30, "currency": None}, False),
        ({"currency": "EUR"}, False),
        ({"amount": "30", "currency": "EUR"}, False),
        ({"amount": [30], "currency": "EUR"}, False),
        ({"amount": 1e15, "currency": "EUR"}, False),
        ({"amount": 0.00001, "currency": "EUR"}, False),
        ({}, False),
    ],
)
def test_a_number_between_two_ends_in_its_unit_runs_alone_and_nothing_else(parameters, alone):
    assert runs_alone(EUROS, parameters) is alone


@pytest.mark.parametrize(("amount", "alone"), [(-5, True), (-5.0001, False), (7.1234, True), (7.1235, False)])
def test_ends_may_be_negative_and_have_four_places(amount, alone):
    assert runs_alone(NumberBetween("['a.b']", "-5", "7.1234"), {"a.b": amount}) is alone


@pytest.mark.parametrize(
    ("parameters", "alone"),
    [
        ({"cause": "lost"}, True),
        ({"cause": 'a "break" \\ \u202e\n'}, True),
        ({"cause": "Lost"}, False),
        ({"cause": ""}, False),
        ({"cause": 1}, False),
        ({}, False),
    ],
)
def test_a_text_that_is_one_of_those_named_runs_alone(parameters, alone):
    assert runs_alone(OneOf("cause", ["lost", 'a "break" \\ \u202e\n']), parameters) is alone


def test_a_yes_is_chosen_like_a_text():
    assert runs_alone(OneOf("urgent", ["true"]), {"urgent": True})
    assert not runs_alone(OneOf("urgent", ["true"]), {"urgent": False})


@pytest.mark.parametrize(
    ("hours", "weekday", "hour", "alone"),
    [
        (OFFICE, "MON", 8, True),
        (OFFICE, "FRI", 17, True),
        (OFFICE, "MON", 7, False),
        (OFFICE, "MON", 18, False),
        (OFFICE, "SAT", 12, False),
        (Hours(WEEKDAYS, 22, 6), "SUN", 23, True),
        (Hours(WEEKDAYS, 22, 6), "SUN", 5, True),
        (Hours(WEEKDAYS, 22, 6), "SUN", 6, False),
        (Hours(["SAT"]), "SAT", 0, True),
        (Hours(["SAT"]), "SUN", 0, False),
    ],
)
def test_days_and_hours_hold_also_past_midnight(hours, weekday, hour, alone):
    assert runs_alone(hours, {}, weekday=weekday, hour=hour) is alone


def test_other_types_are_left_alone():
    assert asked(policies_of(EUROS), {}, action_type="SEND_EMAIL").policy_decision == "AUTO_EXECUTE"


def test_what_it_says_no_to_has_a_reason_and_words_that_say_what_is_fine():
    verdict = asked(policies_of(EUROS), {"amount": 70, "currency": "EUR"})

    assert (verdict.policy_decision, verdict.reason) == ("REQUIRE_APPROVAL", "REFUND_ORDER_AMOUNT")
    assert verdict.explanation == "REFUND_ORDER runs without a person only while amount is 0.01 to 50.00 EUR"
    assert "on weekdays, 8 to 18 o'clock" in asked(policies_of(OFFICE), {}, hour=3).explanation


def test_a_second_rule_of_its_kind_has_a_name_of_its_own_and_both_hold():
    first = rule_text("REFUND_ORDER", EUROS)
    second = rule_text("REFUND_ORDER", OneOf("cause", ["lost"]), taken=["refund_order_choice"])
    source = PolicySource(name="rules.cedar", text=f"{first}\n{second}")

    assert [clause.clause_id for clause in clauses_of([source])] == ["refund_order_amount", "refund_order_choice_2"]
    policies = compile_policies((source,))
    assert asked(policies, {"amount": 5, "currency": "EUR", "cause": "lost"}).policy_decision == "AUTO_EXECUTE"
    assert asked(policies, {"amount": 5, "currency": "EUR"}).policy_decision == "REQUIRE_APPROVAL"


@pytest.mark.parametrize(
    ("condition", "field"),
    [
        (NumberBetween("amount", "", "50"), "least"),
        (NumberBetween("amount", "0.01", ""), "most"),
        (NumberBetween("amount", "1e3", "50"), "least"),
        (NumberBetween("amount", "1,5", "50"), "least"),
        (NumberBetween("amount", "0.00001", "50"), "least"),
        (NumberBetween("amount", "999999999999999.9", "999999999999999.99"), "least"),
        (NumberBetween("amount", "50", "0.01"), "most"),
        (NumberBetween("a..b", "1", "2"), "path"),
        (NumberBetween("", "1", "2"), "path"),
        (OneOf("cause", []), "values"),
        (Hours([]), "days"),
        (Hours(["MON", "SOMEDAY"]), "days"),
        (Hours(WEEKDAYS), "days"),
        (Hours(["MON"], 8, 8), "until"),
        (Hours(["MON"], 8, 25), "until"),
    ],
)
def test_what_is_missing_or_means_nothing_is_refused_by_its_field(condition, field):
    with pytest.raises(InvalidInput) as refused:
        rule_text("REFUND_ORDER", condition)

    assert refused.value.field == field


def test_a_long_type_still_has_a_rule_that_compiles():
    text = rule_text("A" * 128, EUROS)

    assert len(compile_policies((PolicySource(name="rules.cedar", text=text),)).rules) > 1
