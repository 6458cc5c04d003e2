"""What is measured: one tenant whose bounds let every intent run, and intents proposed before the clock starts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from remit import GateRequest, Remit, RemitError

TENANT = "bench"
ACCOUNT = "acct-1"
BOUNDS = {
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
PROPOSAL = {
    "tenant_id": TENANT,
    "account_id": ACCOUNT,
    "action_type": "CREATE_INTERNAL_NOTE",
    "target": {"entity_type": "contact", "entity_id": "c-17"},
    "parameters": {"text": "asked about the invoice of October", "channel": "phone"},
    "confidence_score": 0.91,
    "risk_level": "LOW",
    "proposed_by": "bench-agent",
}


@contextmanager
def open_world(url: str, *, publishing: bool = False) -> Iterator[Remit]:
    """A Remit that decides and does not publish: the rows of one reservation are what is compared."""
    with Remit.open(url, publishing=publishing) as remit:
        remit.apply(BOUNDS, by="bench")
        yield remit


def proposed(remit: Remit, count: int) -> list[GateRequest]:
    """`count` fresh intents, stored and not gated."""
    requests = []
    for intent in remit.propose([PROPOSAL] * count):
        assert not isinstance(intent, RemitError), intent
        requests.append(GateRequest(intent.action_intent_id, TENANT, ACCOUNT))
    return requests


def all_ran(answers: list[Any]) -> None:
    """Every measured decision was a clean yes; anything else would be cheaper and not comparable."""
    odd = [answer for answer in answers if isinstance(answer, RemitError) or answer.result != "AUTO_EXECUTED"]
    assert not odd, odd[0]
