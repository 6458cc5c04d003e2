"""Codes and values in plain words. Those of the ledger are in `remit.core.notifications.narration`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from remit.core.notifications.narration import AUTOPILOT, REASONS
from remit.core.notifications.narration import reason_in_words as reason
from remit.core.values import instant

__all__ = ["REASONS", "reason"]

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


def action(name: str | None) -> str:
    """`UPDATE_CONTACT` as people say it."""
    return (name or "").replace("_", " ").capitalize()


def source(approval_source: str | None) -> str:
    """The approver, policy or a person, in words."""
    return {"POLICY": AUTOPILOT, "HUMAN": "A person"}.get(approval_source or "", "")


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
