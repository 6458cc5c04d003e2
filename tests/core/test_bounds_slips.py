"""Names in the bounds that nothing bears, told as warnings."""

from __future__ import annotations

import pytest

from remit.core.gate.bounds_checks import parse_bounds
from remit.core.gate.bounds_slips import slips

CLOSED = {
    "type": "object",
    "properties": {
        "amount": {"type": "number"},
        "currency": {"type": "string"},
        "customer": {"type": "object", "properties": {"email": {}}, "additionalProperties": False},
        "items": {"type": "array"},
    },
    "additionalProperties": False,
}
OPEN = {name: value for name, value in CLOSED.items() if name != "additionalProperties"}
HTTP = {"connector": "http", "method": "POST", "url": "https://shop.example/{target.entity_id}", "body": "{parameters}"}
FACT = {"url": "https://shop.example/{parameters.currency}", "keep": ["total"]}
IN_EURO = 'context.texts.hasTag("currency") && context.texts.getTag("currency") == "EUR"'


def told(*rules, **changes):
    spec = {"risk_tier": "LOW", "tool": HTTP, "parameters": CLOSED} | changes
    policies = [{"name": f"p{n}.cedar", "text": text} for n, text in enumerate(rules)]
    return slips(parse_bounds({"tenant": "acme", "action_types": {"REFUND": spec}, "policies": policies}))


def amount(value, unit="EUR"):
    return {"amounts": {"sum": {"value": value, "unit": unit}}}


def rule(body, head=""):
    return f"{head}forbid (principal, action, resource) {body};"


@pytest.mark.parametrize(
    "sound",
    [
        amount("parameters.amount", "parameters.currency"),
        {"private": ["parameters.customer.email", "target.entity_id", "why[0]"]},
        {"title": "{amounts.sum} {parameters.items.count} {account_id}"} | amount("parameters.amount"),
        {"tool": HTTP | {"body": {"all": "{parameters}", "of": "{parameters.amount} {{}}", "id": "{trace_id}"}}},
        {"facts": {"order": FACT}},
        {"parameters": None} | amount("parameters.anything"),
        {"parameters": {"type": "object"}} | amount("parameters.anything"),
        {"parameters": CLOSED | {"patternProperties": {"^x": {}}}, "private": ["parameters.x1"]},
        {"parameters": OPEN, "private": ["parameters.note"]},
    ],
)
def test_what_a_type_has_is_no_slip(sound):
    assert told(**sound) == []


@pytest.mark.parametrize(
    ("slip", "said"),
    [
        (amount("parameters.amont"), "amounts.sum.value: parameters.amont: the type has no argument amont; is amount"),
        (amount("parameters.amount", "parameters.x"), "amounts.sum.unit: parameters.x: the type has no argument x"),
        ({"title": "{parameters.amont}"}, "title: parameters.amont: the type has no argument amont; is amount meant?"),
        (
            {"title": "{amounts.sums}"} | amount("parameters.amount"),
            "title: amounts.sums: the type declares no such amo",
        ),
        ({"tool": HTTP | {"body": {"a": "{parameters.amont}"}}}, "tool: parameters.amont: the type has no argument"),
        (
            {"facts": {"order": FACT | {"url": "https://shop.example/{parameters.id}"}}},
            "facts.order.url: parameters.id",
        ),
        (
            {"private": ["parameters.customer.emial"]},
            "private: parameters.customer.emial: the type has no argument emial",
        ),
    ],
)
def test_a_name_that_a_type_does_not_have_is_told(slip, said):
    (warning,) = told(**slip)

    assert warning.startswith(f"action_types.REFUND.{said}")


def test_a_schema_that_lets_others_be_there_is_taken_at_its_word_but_for_a_near_name():
    assert told(**amount("parameters.total"), parameters=OPEN) == []
    assert told(**amount("parameters.amont"), parameters=OPEN) != []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (rule('when { context.action_type == "REFUNDS" }'), "names REFUNDS, which is no action type; is REFUND meant?"),
        (rule('when { "PAY" != context.action_type }'), "names PAY, which is no action type"),
        (rule('when { ["REFUND", "PAY"].contains(context.action_type) }'), "names PAY, which is no action type"),
        (rule(f"unless {{ {IN_EURO} }}", '@efect("BLOCK") '), "has @efect, which says nothing here; is @effect meant?"),
        (
            rule(f"unless {{ {IN_EURO} }}", '@owner("ann") '),
            "has @owner, which says nothing here; there is: @id, @reason",
        ),
        (
            rule(f"when {{ {IN_EURO} }}".replace("currency", "curency")),
            "reads curency, and its action type has no argu",
        ),
    ],
)
def test_a_name_that_a_rule_slipped_in_is_told(text, said):
    (warning,) = told(text)

    assert warning.startswith(f"policies: rule 'p0' {said}")


def test_what_rules_may_name_is_no_slip():
    annotated = '@id("a") @reason("A") @effect("BLOCK") @explanation("b") '
    sound = rule(f'when {{ context.action_type == "REFUND" && context.texts.hasTag("customer.email") && {IN_EURO} }}')

    assert told(sound, rule('when { context.action_type like "PAY*" }', annotated)) == []
    assert told(rule(f"when {{ {IN_EURO} }}".replace("currency", "curency")), parameters=OPEN) == []
