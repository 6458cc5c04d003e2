"""Cards of the queue: what stands in an answer's way, and how a page tells that a card is not what it was."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from remit.core.gate.autonomy import StopScope
from remit.core.identity.person import is_among
from remit.core.ledger.history import Votes

Obstacle = Literal["BLOCKED", "UNREGISTERED", "STOPPED"]


def obstacle(item: Mapping[str, Any], stops: Iterable[Mapping[str, Any]]) -> Obstacle | None:
    """Why this waiting intent could not be carried out if somebody approved it now."""
    if item["status"] == "BLOCKED":
        return "BLOCKED"
    # Under the digest stands that no version is pinned: registering the type later gives this one no tool.
    if item["registry_version"] is None:
        return "UNREGISTERED"
    return "STOPPED" if any(_stops(stop, item) for stop in stops) else None


def _stops(stop: Mapping[str, Any], item: Mapping[str, Any]) -> bool:
    scope = StopScope.model_validate(stop["scope"])
    covered = scope.covers(item["tenant_id"], item["account_id"], item["action_type"])
    return covered and stop["level"] == "everything"


def standing(item: Mapping[str, Any], stops: Iterable[Mapping[str, Any]]) -> str:
    """An intent's id and what its card offers: a card whose text differs from this is shown anew."""
    return f"{item['action_intent_id']} {item['digest']} {obstacle(item, stops) or 'OPEN'} {len(item['votes'])}"


def voted(item: Mapping[str, Any], person: str) -> bool:
    """Has this person approved it already, while it waits for others?"""
    return is_among(person, [vote["voted_by"] for vote in item["votes"]])


def votes_in_words(votes: Votes) -> str:
    """`1 of 2: ann`."""
    return f"{len(votes.approved_by)} of {votes.approvals_required}: {', '.join(votes.approved_by)}"
