"""Obstacles: why an intent that waits could not be carried out if a person approved it now, and what would help."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from remit.core.errors import Conflict
from remit.core.gate.autonomy import Stop
from remit.core.gate.bounds import BoundsInForce
from remit.core.gate.decision import block_now
from remit.core.gate.fact import NO_FACTS, Facts
from remit.core.intent import ActionIntentV1
from remit.core.values import Record, instant

ObstacleCode = Literal[
    "INTENT_EXPIRED", "BLOCKED", "UNREGISTERED", "TOOL_MISSING", "MAPPING", "HOST_NOT_ALLOWED", "STOPPED"
]


class Obstacle(Record, frozen=True):
    """A cause that keeps an approval from succeeding."""

    code: ObstacleCode
    explanation: str
    way_out: str

    def refuse(self, action_intent_id: str) -> Conflict:
        return Conflict(f"intent {action_intent_id!r} cannot be carried out: {self.explanation}; {self.way_out}")


def over(intent: ActionIntentV1, now: datetime) -> Obstacle | None:
    if now < intent.expires_at:
        return None
    return Obstacle(
        code="INTENT_EXPIRED", explanation=f"it expired at {instant(intent.expires_at)}", way_out="propose it again"
    )


def blocked(intent: ActionIntentV1, bounds: BoundsInForce, now: datetime, facts: Facts = NO_FACTS) -> Obstacle | None:
    """A block of the bounds as they are now, with the facts that were recorded."""
    verdict = block_now(intent, bounds, now, facts)
    if verdict is None:
        return None
    why = f"it is blocked ({verdict.reason}): {verdict.explanation}"
    return Obstacle(code="BLOCKED", explanation=why, way_out="lift the block first, or reject it")


def unregistered(intent: ActionIntentV1) -> Obstacle | None:
    """Under the digest stands that no version is pinned: registering the type later gives this intent no tool."""
    if intent.registry_version is not None:
        return None
    return Obstacle(
        code="UNREGISTERED",
        explanation=f"{intent.action_type} was not registered when it was proposed, so no tool can carry it out",
        way_out="register the type and propose it again, or reject it",
    )


def version_gone(intent: ActionIntentV1) -> Obstacle:
    return Obstacle(
        code="TOOL_MISSING",
        explanation=f"version {intent.registry_version} of {intent.action_type}, which it was proposed under, is gone",
        way_out="propose it again, or reject it",
    )


def connector_missing(name: str) -> Obstacle:
    return Obstacle(
        code="TOOL_MISSING",
        explanation=f"the connector {name!r} of its tool is not installed here",
        way_out="install it, or give the type another tool and propose it again, or reject it",
    )


def not_mapped(problem: str) -> Obstacle:
    return Obstacle(
        code="MAPPING",
        explanation=f"its tool cannot make a request of it: {problem}",
        way_out="edit it, or propose it again as the tool needs it, or reject it",
    )


def host_not_allowed(problem: str) -> Obstacle:
    return Obstacle(code="HOST_NOT_ALLOWED", explanation=problem, way_out="have the host listed, or reject it")


def stopped(stop: Stop) -> Obstacle:
    return Obstacle(
        code="STOPPED",
        explanation=f"{stop.stopped_by} stopped {stop.scope} ({stop.level}), so that it would be cancelled",
        way_out="answer it once the stop is lifted",
    )
