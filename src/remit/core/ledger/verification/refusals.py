"""Refusals: what a decision came to follows from its own checks, in their order, and from when its intent expired."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from remit.core.gate.budget import AMOUNT_UNKNOWN, BUDGET_EXCEEDED, PRINCIPAL_MISSING
from remit.core.gate.decision import (
    ACTION_TYPE_NOT_ALLOWLISTED,
    AUTONOMY_STOPPED,
    BUDGET_NOT_CONFIGURED,
    EDITED_BY_PERSON,
    FACT_UNAVAILABLE,
    INTENT_EXPIRED,
    PERSON_REQUIRED,
    SCOPE_MISSING,
)
from remit.core.gate.plan import BOUNDS_UNREADABLE
from remit.core.gate.policy import WITHIN_BOUNDS
from remit.core.intent import ActionIntentV1
from remit.core.ledger.verification.entry_data import Data, moment
from remit.core.values import instant

MUST_PASS = ("expiry", "stop_switch", "not_edited", "allowlist", "mode", "policy", "budget")
"""What is looked at of everything that runs without a person."""
_REASONS: Mapping[str, Sequence[str]] = {
    "expiry": (INTENT_EXPIRED,),
    "stop_switch": (AUTONOMY_STOPPED,),
    "not_edited": (EDITED_BY_PERSON, PERSON_REQUIRED),
    "bounds": (BOUNDS_UNREADABLE,),
    "allowlist": (ACTION_TYPE_NOT_ALLOWLISTED,),
    "scopes": (SCOPE_MISSING,),
    "facts": (FACT_UNAVAILABLE,),
    "budget": (BUDGET_NOT_CONFIGURED, PRINCIPAL_MISSING, AMOUNT_UNKNOWN, BUDGET_EXCEEDED),
}
"""By the check that refused; what the policies say, and the mode that they are told, is asked again."""


def contradictions(intent: ActionIntentV1, data: Data, entry: Data, clocks_agree: timedelta) -> Iterator[str]:
    """Contradictions in a `GATE_DECIDED` entry's data."""
    yield from _of_expiry(intent, data, entry, clocks_agree)
    checks = data["checks"]
    refused = [check["check"] for check in checks if check["passed"] is not True]
    if data["result"] == "AUTO_EXECUTED":
        made = {check["check"] for check in checks}
        for name in (*refused, *(name for name in MUST_PASS if name not in made)):
            yield f"it was decided AUTO_EXECUTED and its check {name!r} did not pass"
        if data["reason"] != WITHIN_BOUNDS:
            yield f"it was decided AUTO_EXECUTED for the reason {data['reason']}"
    elif data["result"] != "REQUIRE_APPROVAL" or not refused:
        yield f"it was decided {data['result']}, and no check of it refused"
    elif data["reason"] not in _REASONS.get(refused[0], (data["reason"],)):
        yield f"its reason is {data['reason']}, and its check {refused[0]!r} refused it"


def _of_expiry(intent: ActionIntentV1, data: Data, entry: Data, clocks_agree: timedelta) -> Iterator[str]:
    decided_at = moment(data["decided_at"])
    if abs(decided_at - moment(entry["at"])) > clocks_agree:
        yield f"it was decided at {data['decided_at']}, says its entry of {entry['at']}"
    for check in data["checks"]:
        if check["check"] != "expiry":
            continue
        if check["passed"] is not (decided_at < intent.expires_at):
            yield f"it was decided at {data['decided_at']} as if it expired at another time than {check['saw']}"
        if check["saw"].get("expires_at") != instant(intent.expires_at):
            yield f"its check 'expiry' saw {check['saw']}, and it expires at {instant(intent.expires_at)}"
