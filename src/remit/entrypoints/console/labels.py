"""What codes and records say in plain words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from remit.core.values import instant

REASONS: dict[str, str] = {
    "WITHIN_BOUNDS": "Within the bounds",
    "INTENT_EXPIRED": "It expired before it was decided",
    "AUTONOMY_STOPPED": "Autonomy is stopped",
    "EDITED_BY_PERSON": "A person edited it, so a person answers it",
    "ACTION_TYPE_NOT_ALLOWLISTED": "This kind of action may never run alone here",
    "ACTION_TYPE_DISABLED": "This kind of action is switched off here",
    "PROPOSE_ONLY": "This kind of action is only ever proposed here",
    "TENANT_POLICY": "A person approves every action of this kind here",
    "RISK_LEVEL_HIGH": "Its risk is too high to run alone",
    "CONFIDENCE_BELOW_THRESHOLD": "The agent is not sure enough",
    "POLICY_ERROR": "A policy could not be evaluated",
    "BUDGET_NOT_CONFIGURED": "The account has no budget",
    "BUDGET_EXCEEDED": "Today's budget is used up",
    "PUBLISH_REJECTED": "The event bus refused it; its charge was given back",
}

STATUSES: dict[str, str] = {
    "PROPOSED": "Proposed",
    "AWAITING_APPROVAL": "Needs a person",
    "BLOCKED": "Blocked",
    "REJECTED": "Rejected",
    "EXPIRED": "Expired",
    "SUPERSEDED": "Replaced",
    "APPROVED": "Approved",
    "RUNNING": "Running",
    "SUCCEEDED": "Done",
    "FAILED": "Failed",
    "UNKNOWN": "Nobody knows",
    "CANCELLED": "Cancelled",
}

MODES: dict[str, str] = {
    "AUTO_EXECUTE": "May run alone",
    "APPROVAL_REQUIRED": "A person approves",
    "PROPOSE_ONLY": "Only proposed",
    "DISABLED": "Switched off",
}

CHECKS: dict[str, str] = {
    "expiry": "Not expired",
    "stop_switch": "Not stopped",
    "not_edited": "Not edited by a person",
    "allowlist": "On the allowlist",
    "mode": "The autonomy mode",
    "policy": "The policy",
    "budget": "Room in the budget",
}

EVENTS: dict[str, str] = {
    "INTENT_PROPOSED": "Proposed",
    "INTENT_SUPERSEDED": "Replaced",
    "INTENT_EXPIRED": "Expired",
    "GATE_DECIDED": "Decided",
    "ACTION_APPROVED": "Approved",
    "ACTION_REJECTED": "Rejected",
    "ACTION_PUBLISHED": "Sent to execution",
    "BUDGET_RELEASED": "Charge given back",
    "EXECUTION_STARTED": "Execution began",
    "ACTION_EXECUTED": "Done",
    "ACTION_FAILED": "Failed",
    "ACTION_UNKNOWN": "Nobody knows whether it happened",
    "EXECUTION_CANCELLED": "Cancelled",
    "OUTCOME_RESOLVED": "Found out",
}

NOTICES: dict[str, str] = {
    "NEEDS_INPUT": "needs your input",
    "EXPIRES_SOON": "about to expire",
    "BUDGET_EXHAUSTED": "a budget is used up",
    "STOPPED": "stopped",
    "RESUMED": "resumed",
    "OUTCOME_UNKNOWN": "nobody knows whether it happened",
    "DAILY_DIGEST": "the day's digest",
    "TEST": "a test",
}


def reason(code: str | None) -> str:
    """A tenant's own reasons are said as they are, readably."""
    if code is None:
        return ""
    return REASONS.get(code) or code.replace("_", " ").capitalize()


def action(name: str | None) -> str:
    """`UPDATE_CONTACT` as people say it."""
    return (name or "").replace("_", " ").capitalize()


def source(approval_source: str | None) -> str:
    """Who approved: policy or a person."""
    return {"POLICY": "Autopilot", "HUMAN": "A person"}.get(approval_source or "", "")


def value(shown: Any) -> str:
    """A parameter, or what a check saw, on one line where that is possible."""
    if isinstance(shown, str):
        return shown
    if isinstance(shown, bool):
        return "yes" if shown else "no"
    return "" if shown is None else json.dumps(shown, ensure_ascii=False)


def exact(at: str | datetime) -> str:
    """A moment to the second in UTC."""
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def moment(at: str | datetime) -> dict[str, str]:
    """For a `<time>`: what machines read, and what people see until their own zone is known."""
    wire = at if isinstance(at, str) else instant(at)
    return {"datetime": wire, "text": exact(wire)}


def percent(share: float | None) -> str:
    return "not given" if share is None else f"{share:.0%}"


def flat(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """A record's fields by dotted path, for a table of two columns."""
    rows: list[tuple[str, str]] = []
    for name, item in record.items():
        if isinstance(item, Mapping) and item:
            rows += [(f"{name}.{path}", shown) for path, shown in flat(item)]
        else:
            rows.append((name, value(item)))
    return rows
