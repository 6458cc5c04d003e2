"""What is measured: one tenant whose bounds let every intent run, and what its agents propose."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from remit import GateRequest, Remit, RemitError

TENANT = "bench"
ACCOUNT = "acct-1"
BOUNDS: dict[str, Any] = {
    "tenant": TENANT,
    "action_types": {
        "CREATE_INTERNAL_NOTE": {
            "risk_tier": "LOW",
            "expires_after": "90d",
            "tool": {"connector": "internal", "operation": "create_note"},
        }
    },
    "allowlist": ["CREATE_INTERNAL_NOTE"],
    "modes": {"default": "APPROVAL_REQUIRED", "CREATE_INTERNAL_NOTE": "AUTO_EXECUTE"},
    "budget": {"max_autonomous_per_day": 10**9, "max_per_action_type": {"CREATE_INTERNAL_NOTE": 10**9}},
}
PROPOSAL: dict[str, Any] = {
    "tenant_id": TENANT,
    "account_id": ACCOUNT,
    "action_type": "CREATE_INTERNAL_NOTE",
    "target": {"entity_type": "contact", "entity_id": "c-17"},
    "parameters": {"text": "asked about the invoice of October", "channel": "phone"},
    "confidence_score": 0.91,
    "risk_level": "LOW",
    "proposed_by": "bench-agent",
}


_LIMIT = 'context.numbers.hasTag("amount") && context.numbers.getTag("amount").greaterThan(decimal("5000.0"))'
POLICIES = [
    {"name": "amount.cedar", "text": f'@reason("TOO_MUCH") forbid (principal, action, resource) when {{ {_LIMIT} }};'},
    {
        "name": "channel.cedar",
        "text": '@reason("BY_LETTER") forbid (principal, action, resource) when { context.texts.hasTag("channel") '
        '&& context.texts.getTag("channel") == "letter" };',
    },
    {
        "name": "text.cedar",
        "text": '@reason("COMPLAINT") forbid (principal, action, resource) when { context.texts.hasTag("text") '
        '&& context.texts.getTag("text") like "*complain*" };',
    },
]
"""Rules that read three parameters, as tenants write them."""


def same(_: int) -> dict[str, Any]:
    return PROPOSAL


def with_amount(number: int) -> dict[str, Any]:
    """Half of the amounts are the same few, the other half are all new."""
    amount = number % 20 if number % 2 else round(20 + number / 100, 2)
    return {**PROPOSAL, "parameters": {**PROPOSAL["parameters"], "amount": amount}}


def with_new_amount(number: int) -> dict[str, Any]:
    return {**PROPOSAL, "parameters": {**PROPOSAL["parameters"], "amount": round(20 + number / 100, 2)}}


def with_new_text(number: int) -> dict[str, Any]:
    """A pattern is laid on the text: that is Cedar's to say, each time anew."""
    return {**PROPOSAL, "parameters": {**PROPOSAL["parameters"], "text": f"asked about the invoice {number}"}}


@contextmanager
def open_world(url: str, **bounds: Any) -> Iterator[Remit]:
    """A Remit that proposes, decides and publishes; nobody executes."""
    with Remit.open(url) as remit:
        remit.apply({**BOUNDS, **bounds}, by="bench")
        yield remit


def proposed(remit: Remit, count: int) -> list[GateRequest]:
    """`count` fresh intents, stored and not gated."""
    requests = []
    for intent in remit.propose([PROPOSAL] * count):
        assert not isinstance(intent, RemitError), intent
        requests.append(GateRequest(intent.action_intent_id, TENANT, ACCOUNT))
    return requests


def all_ran(answers: list[Any]) -> list[str]:
    """
    The ids of what was decided. Every one was a clean yes; anything else would be cheaper and not comparable.
    """
    odd = [answer for answer in answers if isinstance(answer, RemitError) or answer.result != "AUTO_EXECUTED"]
    assert not odd, odd[0]
    return [answer.action_intent_id for answer in answers]
