"""What happened, in one sentence a person reads: the timeline's words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from remit.core.intent import ActionIntentV1
from remit.core.ledger.entries import LedgerEntry

_Tell = Callable[[Mapping[str, Any], str, str], str | None]


def _who(data: Mapping[str, Any]) -> str:
    return "Autopilot" if data.get("auto_executed") else "On a person's approval, Remit"


def _outcome(data: Mapping[str, Any]) -> Mapping[str, Any]:
    outcome: Mapping[str, Any] = data.get("outcome") or {}
    return outcome


def _made(data: Mapping[str, Any]) -> str:
    refs = _outcome(data).get("external_object_refs") or []
    made = ", ".join(" ".join((ref["system"], ref["object_type"], ref["object_id"])) for ref in refs)
    return f" ({made})" if made else ""


def _failure(data: Mapping[str, Any]) -> str:
    outcome = _outcome(data)
    return outcome.get("error_message") or outcome.get("error_code") or "no reason was given"


def _decided(data: Mapping[str, Any], what: str, _: str) -> str | None:
    return None if data["result"] == "AUTO_EXECUTED" else f"A person is asked about {what}: {data['explanation']}"


_TELL: dict[str, _Tell] = {
    "GATE_DECIDED": _decided,
    "ACTION_APPROVED": lambda data, what, actor: None if data["auto_executed"] else f"{actor} approved {what}",
    "INTENT_SUPERSEDED": lambda data, what, actor: f"{actor} replaced {what} by intent {data['superseded_by']}",
    "INTENT_EXPIRED": lambda _, what, __: f"{what} expired before it was answered or begun",
    "ACTION_REJECTED": lambda data, what, actor: (
        f"{actor} rejected {what}" + (f": {data['reason']}" if data.get("reason") else "")
    ),
    "BUDGET_RELEASED": lambda data, what, _: f"The charge for {what} was given back ({data['why']})",
    "ACTION_EXECUTED": lambda data, what, _: f"{_who(data)} did {what}{_made(data)}",
    "ACTION_FAILED": lambda data, what, _: f"{_who(data)} tried {what} and failed: {_failure(data)}",
    "ACTION_UNKNOWN": lambda data, what, _: f"{_who(data)} tried {what}, and nobody knows whether it happened",
    "EXECUTION_CANCELLED": lambda data, what, _: f"{what} was cancelled before it ran: {_failure(data)}",
    "OUTCOME_RESOLVED": lambda data, what, actor: f"{actor} found out: {what} {_outcome(data)['status'].lower()}",
    "CONFIG_CHANGED": lambda data, _, actor: f"{actor} changed the bounds (now number {data['config_sequence']})",
    "AUTONOMY_STOPPED": lambda data, _, actor: f"{actor} stopped {_scope(data)} ({data['level']}): {data['reason']}",
    "AUTONOMY_RESUMED": lambda data, _, actor: f"{actor} resumed {_scope(data)} ({data['level']}): {data['reason']}",
}

TOLD = tuple(_TELL)
"""The event types that make a timeline; the rest is bookkeeping that `ledger` shows."""


def _scope(data: Mapping[str, Any]) -> str:
    scope = data["scope"]
    named = [("account", scope.get("account_id")), ("action type", scope.get("action_type"))]
    return ", ".join(f"{what} {name}" for what, name in named if name) or "everything"


def narrate(entry: LedgerEntry, intent: ActionIntentV1 | None) -> str | None:
    """
    One sentence about one entry of a type in `TOLD`.

    `None` for the steps on Autopilot's way to what it did: the outcome tells them.
    """
    what = ""
    if intent is not None:
        target = intent.target
        what = f"{intent.action_type} on {target.entity_type} {target.entity_id} for {intent.account_id}"
    return _TELL[entry.event_type](entry.data, what, entry.actor)
