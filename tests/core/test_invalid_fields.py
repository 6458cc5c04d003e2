"""Fields that do not fit are told in words that anybody understands, with a way out that is one."""

from __future__ import annotations

import pytest

from remit.connectors.http.tool import parse_tool
from remit.core.errors import InvalidInput
from remit.core.gate.bounds_checks import InvalidBounds, parse_bounds
from remit.core.notifications.subscription import parse_subscription
from remit.core.proposal import parse_proposal

TYPE = {"risk_tier": "LOW", "tool": {"connector": "caller"}}
BOUNDS = {"tenant": "shop", "action_types": {"REFUND": TYPE}}


def told(parse, data):
    with pytest.raises(InvalidInput) as refused:
        parse(data)
    return {error.field: str(error) for error in refused.value.all}


@pytest.mark.parametrize(
    ("bounds", "field", "says"),
    [
        ({"polices": []}, "polices", "unknown field; write policies"),
        (
            {"action_types": {"REFUND": {**TYPE, "paramaters": {}}}},
            "action_types.REFUND.paramaters",
            "write parameters",
        ),
        ({"colour": "red"}, "colour", "unknown field; remove it or correct its spelling"),
        ({"action_types": {"REFUND": {**TYPE, "risk_tier": "low"}}}, "action_types.REFUND.risk_tier", "write LOW"),
        ({"modes": {"default": "AUTO"}}, "modes.default", "PROPOSE_ONLY or DISABLED; write AUTO_EXECUTE"),
        ({"allowlist": "REFUND"}, "allowlist", "is no list; write [REFUND]"),
        ({"action_types": []}, "action_types", "is no object"),
        ({"action_types": {"REFUND": "internal"}}, "action_types.REFUND", "is no object (received 'internal')"),
        ({"budget": {"max_autonomous_per_day": "ten"}}, "budget.max_autonomous_per_day", "is no whole number"),
        ({"budget": {"max_autonomous_per_day": 1.5}}, "budget.max_autonomous_per_day", "is no whole number"),
        ({"budget": {"timezone": 1}}, "budget.timezone", 'is no text; write "1", in quotes'),
        ({"allowlist": ["REFUND", 5]}, "allowlist.1", 'write "5", in quotes'),
        ({"budget": {"max_autonomous_per_day": -1}}, "budget.max_autonomous_per_day", "has to be greater than"),
        (
            {"tenant": "two words"},
            "tenant",
            "has to match the pattern of an id (received 'two words'); write 1 to 128 characters of A-Z a-z 0-9",
        ),
        ({"action_types": {"refundOrder": TYPE}}, "action_types.refundOrder.[key]", "; write REFUND_ORDER"),
        ({"action_types": {"5": TYPE}}, "action_types.5.[key]", "UPPER_SNAKE (received '5'); write one such as"),
        ({"allowed_hosts": ["https://crm.example.com:8443/x"]}, "allowed_hosts.0", "; write crm.example.com:8443"),
        (
            {"allowed_hosts": ["a b"]},
            "allowed_hosts.0",
            "has to match the pattern of a host (received 'a b'); write a name or an address",
        ),
        (
            {"action_types": {"REFUND": {**TYPE, "expires_after": 7}}},
            "action_types.REFUND.expires_after",
            "is no duration; write it with its unit, s, m, h, d or w: 7d",
        ),
        (
            {"action_types": {"REFUND": {**TYPE, "result": {"keep": 7}}}},
            "action_types.REFUND.result.keep",
            "is no duration; write it with its unit, s, m, h, d or w: 7d",
        ),
    ],
)
def test_what_is_wrong_with_bounds_is_said_in_plain_words(bounds, field, says):
    assert says in told(parse_bounds, {**BOUNDS, **bounds})[field]


def test_a_misspelt_field_of_a_proposal_is_told_with_the_right_one():
    said = told(parse_proposal, {"tenant_id": "shop", "action_type": "REFUND", "confidence": 0.9, "target": "o-1"})

    assert said["confidence"] == "confidence: unknown field; write confidence_score"
    assert said["target"] == "target: is no object (received 'o-1')"


def test_what_was_received_is_no_way_out_and_is_not_repeated_at_any_length():
    whole = {"tenant_id": "shop", "account_id": "a", "action_type": "REFUND"}

    with pytest.raises(InvalidInput) as long:
        parse_proposal({**whole, "why": ["x" * 9000]})
    with pytest.raises(InvalidInput) as late:
        parse_proposal({**whole, "expires_at": "1700000000"})

    assert (len(str(long.value)) < 400, long.value.way_out) == (True, "")
    assert "8,800 more characters" in str(long.value)
    assert late.value.problem == "is no time (received '1700000000')"
    assert "2026-03-10T12:00:00Z" in late.value.way_out


def test_zones_limits_and_tools_are_told_together_though_they_are_looked_at_one_after_the_other():
    zone, limit = {"timezone": "Berlin"}, {"name": "few", "sum": "amount", "unit": "EUR", "most": 5}

    with pytest.raises(InvalidBounds) as refused:
        parse_bounds({**BOUNDS, "budget": zone, "limits": [{**limit, "per": "day", "of": "account"}]})

    assert refused.value.rest is not None and refused.value.rest.action_types
    assert [error.field for error in refused.value.all] == ["budget.timezone", "limits.0.sum"]


@pytest.mark.parametrize(
    ("parse", "data"),
    [
        (parse_tool, {"connector": "http", "method": "post", "url": 5, "bearer_token": "sk-live-1"}),
        (parse_tool, {"connector": "http", "method": "post", "url": 5, "headers": {"X-Key": 5, "a b": "sk-live-1"}}),
        (parse_subscription, {"channel": "fax", "signing_secret": "sk-live-1", "bot_token": "sk-live-1"}),
    ],
)
def test_what_stands_in_a_secret_s_place_is_not_said_again_whatever_else_is_wrong(parse, data):
    said = told(parse, data)

    assert len(said) > 1 and "sk-live-1" not in " ".join(said.values())
