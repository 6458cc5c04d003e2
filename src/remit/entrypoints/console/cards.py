"""Cards of the queue: how a page tells that a card is not what it was, and who has voted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from remit.core.identity.person import is_among
from remit.core.ledger.history import Votes


def standing(item: Mapping[str, Any]) -> str:
    """An intent's id and what its card offers: a card whose text differs from this is shown anew."""
    obstacle = item["obstacle"]["code"] if item["obstacle"] else "OPEN"
    return f"{item['action_intent_id']} {item['digest']} {obstacle} {len(item['votes'])}"


def voted(item: Mapping[str, Any], person: str) -> bool:
    """Has this person approved it already, while it waits for others?"""
    return is_among(person, [vote["voted_by"] for vote in item["votes"]])


def votes_in_words(votes: Votes) -> str:
    """`1 of 2: ann`."""
    return f"{len(votes.approved_by)} of {votes.approvals_required}: {', '.join(votes.approved_by)}"
