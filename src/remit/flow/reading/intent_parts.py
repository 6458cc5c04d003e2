"""The parts that answers about an intent are made of: its line, its votes, its content, and how it stands now."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from remit.core.gate.bounds import BoundsInForce
from remit.core.gate.fact import Facts
from remit.core.headline import headline
from remit.core.intent import ActionIntentV1
from remit.core.ledger.history import IntentHistory
from remit.core.lifecycle import WAITING, Case
from remit.core.mirrors import view_of
from remit.core.values import instant
from remit.flow.amounts import amounts_in, pinned_type
from remit.flow.context import Context, bounds_of
from remit.flow.obstacles import obstacle_now
from remit.ports import Snapshot

if TYPE_CHECKING:
    from typing_extensions import TypedDict

    from remit.core.delegation import AgentTier
    from remit.core.views import (
        AmountAnswer,
        FactAnswer,
        HopAnswer,
        IntentLine,
        Json,
        ObstacleAnswer,
        PrivateAnswer,
        QuestionAnswer,
        TargetAnswer,
        VoteAnswer,
    )

    class Line(IntentLine, closed=True):
        """Exactly that, so that it may be a part of a line that says more."""

    class VotesSoFar(TypedDict):
        approvals_required: int | None
        votes: list[VoteAnswer]

    class Standing(TypedDict):
        title: str
        tool: str | None
        obstacle: ObstacleAnswer | None
        amounts: dict[str, AmountAnswer]
        facts: dict[str, FactAnswer]

    class ProposedContent(TypedDict):
        target: TargetAnswer | None
        parameters: Json | None
        confidence_score: float | None
        why: list[str | PrivateAnswer] | None
        proposed_by: str | None
        on_behalf_of: str | None
        delegation: list[HopAnswer] | None
        agent_tier: AgentTier | None
        registry_version: int | None


_UNREAD: ProposedContent = {
    "target": None,
    "parameters": None,
    "confidence_score": None,
    "why": None,
    "proposed_by": None,
    "on_behalf_of": None,
    "delegation": None,
    "agent_tier": None,
    "registry_version": None,
}
"""For an intent whose content cannot be read."""


def line_of(case: Case) -> Line:
    return {
        "action_intent_id": case.action_intent_id,
        "tenant_id": case.tenant_id,
        "account_id": case.account_id,
        "action_type": case.action_type,
        "status": case.status,
        "reason": case.reason,
        "approval_source": case.approval_source,
        "created_at": instant(case.created_at),
        "updated_at": instant(case.updated_at),
        "expires_at": instant(case.expires_at),
        "digest": case.digest,
        "trace_id": case.trace_id,
    }


def votes_of(case: Case, history: IntentHistory | None, bounds: BoundsInForce) -> VotesSoFar:
    """
    Votes: who has approved, when, and how many different people have to.

    While it waits the number is that of the bounds as they are; afterwards what the last vote was told.
    """
    cast = history.votes if history else None
    if cast is None and history is not None and case.approval_id:
        cast = history.votes_for(case.approval_id)
    needed = cast.approvals_required if cast else None
    if case.status in WAITING:
        needed = bounds.approvals_required(case.action_type)
    return {"approvals_required": needed, "votes": [view_of(vote) for vote in cast.votes] if cast else []}


def questions_of(history: IntentHistory | None) -> list[QuestionAnswer]:
    return [view_of(question) for question in history.questions] if history else []


def proposed_in(intent: ActionIntentV1 | None) -> ProposedContent:
    """The content of it, on whose behalf it acts, through whom, and what for."""
    shown = view_of(intent)
    if shown is None:
        return _UNREAD
    return {
        "target": shown["target"],
        "parameters": shown["parameters"],
        "confidence_score": shown["confidence_score"],
        "why": shown["why"],
        "proposed_by": shown["proposed_by"],
        "on_behalf_of": shown["on_behalf_of"],
        "delegation": shown["delegation"],
        "agent_tier": shown["agent_tier"],
        "registry_version": shown["registry_version"],
    }


def standing_of(
    context: Context, seen: Snapshot, intent: ActionIntentV1, facts: Facts, now: datetime, *, waits: bool = True
) -> Standing:
    found = obstacle_now(context, seen, intent, facts, now) if waits else None
    pinned = pinned_type(seen, intent)
    amounts = {name: view_of(amount) for name, amount in amounts_in(seen, intent).items()}
    spec = bounds_of(seen, intent.tenant_id).action_type(intent.action_type)
    title = headline(spec.title if spec else None, intent.as_committed.wire(), amounts)
    return {
        "obstacle": view_of(found),
        "amounts": amounts,
        "facts": facts_shown(facts),
        "title": title,
        "tool": pinned.spec.tool.summary if pinned else None,
    }


def unreadable(case: Case) -> Standing:
    return {"obstacle": None, "amounts": {}, "facts": {}, "title": _untitled(case), "tool": None}


def _untitled(case: Case) -> str:
    """The headline of an intent whose content cannot be read."""
    return headline(None, {"action_type": case.action_type}, {})


def facts_shown(facts: Facts) -> dict[str, FactAnswer]:
    return {name: view_of(fact) for name, fact in facts.items()}
