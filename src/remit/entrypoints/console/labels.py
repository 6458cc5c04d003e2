"""Codes and values in plain words. Those of the ledger are in `remit.core.notifications.narration`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from remit.core.execution.result import NO_CONTENT
from remit.core.gate.autonomy import Stop, StopScope
from remit.core.notifications.narration import AUTOPILOT, REASONS
from remit.core.notifications.narration import reason_in_words as reason
from remit.core.values import instant, to_the_second, utc

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
    "WITHDRAWN": "Taken back",
}

MODES: dict[str, str] = {
    "AUTO_EXECUTE": "May run alone",
    "APPROVAL_REQUIRED": "A person approves",
    "PROPOSE_ONLY": "Only proposed",
    "DISABLED": "Switched off",
}

CONNECTORS: dict[str, str] = {
    "caller": "whoever proposes it executes it",
    "function": "a function of a worker",
    "http": "an HTTP request",
    "internal": "a note or a task in Remit itself",
    "mcp": "a server behind the gateway",
}

KINDS: dict[str, str] = {
    "string": "text",
    "number": "number",
    "integer": "whole number",
    "boolean": "yes or no",
    "array": "list",
    "object": "object",
    "any": "anything",
}
"""Of an argument."""

CHECKS: dict[str, str] = {
    "expiry": "Not expired",
    "stop_switch": "Not stopped",
    "not_edited": "Not edited by a person",
    "allowlist": "On the allowlist",
    "scopes": "The scopes it takes",
    "mode": "The autonomy mode",
    "policy": "The policy",
    "budget": "Room in the budget and every limit",
    "block": "Not blocked",
    "log_only": "Policies that decide nothing",
}

NOTICES: dict[str, str] = {
    "NEEDS_INPUT": "needs your input",
    "EXPIRES_SOON": "about to expire",
    "BUDGET_EXHAUSTED": "a budget or limit has no room",
    "STOPPED": "stopped",
    "RESUMED": "resumed",
    "OUTCOME_UNKNOWN": "nobody knows whether it happened",
    "TO_JUDGE": "automatic actions to judge",
    "DAILY_DIGEST": "the day's digest",
    "TEST": "a test",
    "INTENT_ENDED": "an agent's callback",
    "CARD_CHANGED": "what became of a card",
}


RESULTS: dict[str | None, str] = {
    **{code: f"{words[0].upper()}{words[1:]}." for code, words in NO_CONTENT.items()},
    "KEPT": "It is no text.",
    None: "Its content is for whoever proposed the action.",
}
"""What stands in the place of a result's content."""


ORDERS: dict[str, str] = {"turns": "proposers in turns", "expiry": "soonest to expire", "amount": "largest amount"}


def as_it_is(name: str) -> str:
    return name


def action(name: str | None) -> str:
    """`UPDATE_CONTACT` as people say it."""
    return (name or "").replace("_", " ").capitalize()


def whose(owner: str) -> str:
    """The owner of a budget or a limit: `account:north`, `principal:alice`, `tenant`."""
    kind, _, name = owner.partition(":")
    return {"account": name, "principal": f"on behalf of {name}"}.get(kind, "all accounts together")


def source(approval_source: str | None) -> str:
    """The approver, policy or a person, in words."""
    return {"POLICY": AUTOPILOT, "HUMAN": "A person"}.get(approval_source or "", "")


def exact(at: str | datetime) -> str:
    """A moment to the second in UTC."""
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    return to_the_second(utc(moment))


def moment(at: str | datetime) -> dict[str, str]:
    """For a `<time>`: what machines read, and what people see until their own zone is known."""
    wire = at if isinstance(at, str) else instant(at)
    return {"datetime": wire, "text": exact(wire)}


def percent(share: float | None) -> str:
    return "not given" if share is None else f"{share:.0%}"


def as_shares(saw: Mapping[str, Any]) -> dict[str, Any]:
    """The values that a check saw, with confidences as people write them: rules compare whole ten-thousandths."""
    counted = {name: saw[name] for name in ("confidence", "min_confidence") if isinstance(saw.get(name), int)}
    return {**saw, **{name: value / 10_000 for name, value in counted.items()}}


def share(of_all: float) -> str:
    """A part of a whole, with the place that tells 4 from 5 %."""
    return f"{100 * of_all:.1f} %"


def threshold(share: float | str) -> str:
    """The confidence that an action type asks for."""
    return share if isinstance(share, str) else percent(share)


def stopped_part(stops: Sequence[Stop], accounts: Collection[str], action_types: Collection[str]) -> str:
    """`1 of 5 accounts stopped`, where no stop covers all."""
    whole = [stop.scope.model_dump(exclude={"tenant_id"}, exclude_none=True) for stop in stops]
    named = {field: {scope[field] for scope in whole if [*scope] == [field]} for field in StopScope.model_fields}
    parts = [_part(named["account_id"], accounts, "account"), _part(named["action_type"], action_types, "action type")]
    if people := named["principal"]:
        parts.append(f"{len(people)} principal{'' if len(people) == 1 else 's'}")
    return " and ".join(part for part in parts if part) + " stopped" if any(parts) else "Partly stopped"


def _part(stopped: Collection[str], known: Collection[str], what: str) -> str | None:
    count = len({*known, *stopped})
    return f"{len(stopped)} of {count} {what}{'' if count == 1 else 's'}" if stopped else None
