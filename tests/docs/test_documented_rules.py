"""The refund rule that people copy, wherever it is shown: what is plainly fine runs, and nothing else does."""

import re
from pathlib import Path

import pytest

from remit.core.gate.policy import PolicyQuestion, PolicySource, compile_policies

ROOT = Path(__file__).parents[2]


def rules_in(path):
    text = (ROOT / path).read_text(encoding="utf-8")
    found = re.findall(r'@id\("refund_above_50"\).*?\n\};\n', text, re.DOTALL)
    return [pytest.param(rule, id=f"{path}:{number}") for number, rule in enumerate(found)]


RULES = [rule for path in ("README.md", "docs/policies.md", "src/remit/demo/refunds.cedar") for rule in rules_in(path)]
FINE = [{"amount": 30}, {"amount": 0.01}, {"amount": 50}, {"amount": 50.0}, {"amount": 30, "currency": "EUR"}]
FINE += [{"amount": 30, "currency": None}, {"amount": 30, "note": "-500", "list": [500]}]
NOT_FINE = [
    *[
        {"amount": amount}
        for amount in (-30, -0.01, 0, -0.0, 50.01, 500, 1e-5, 10**15, "30", True, None, [30], {"": 30})
    ],
    *[{"amount": 30, "currency": other} for other in ("USD", "eur", "", "EUR ", 978, True, ["EUR"], {"code": "USD"})],
    {},
    {"": {"amount": 30}},
    {"Amount": 30},
    {"refund": {"amount": 30}},
    {"amount": 500, "": {"amount": 30}},
]


def ask(rule, parameters):
    question = PolicyQuestion(
        tenant_id="acme",
        account_id="a",
        proposed_by="agent",
        action_type="REFUND_ORDER",
        mode="AUTO_EXECUTE",
        risk="LOW",
        confidence=9000,
        min_confidence=7000,
        target_type="order",
        target_id="o-1",
        local_date="2026-11-23",
        local_weekday="MON",
        local_hour=12,
        parameters=parameters,
    )
    return compile_policies((PolicySource(name="refunds.cedar", text=rule),)).evaluate(question)


def test_the_rule_is_shown_in_each_place():
    assert len(RULES) == 3


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("parameters", FINE, ids=str)
def test_a_refund_that_is_plainly_fine_runs(rule, parameters):
    assert ask(rule, parameters).policy_decision == "AUTO_EXECUTE"


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("parameters", NOT_FINE, ids=str)
def test_every_other_refund_is_a_person_s(rule, parameters):
    assert ask(rule, parameters).policy_decision == "REQUIRE_APPROVAL"
