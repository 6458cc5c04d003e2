"""Answers that HTTP and the functions on AWS give alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from remit.core.execution.approval import Approval
from remit.core.execution.question import Question
from remit.core.ledger.history import Votes


def approved(action_intent_id: str, answered: Approval | Votes) -> dict[str, Any]:
    """The answer to an approval: complete, or with the votes so far and how many it takes."""
    if isinstance(answered, Approval):
        return {"action_intent_id": action_intent_id, "complete": True, "approval": answered.wire()}
    votes = answered.wire()
    told = {name: votes[name] for name in ("approved_by", "approvals_required", "votes")}
    return {"action_intent_id": action_intent_id, "complete": False, **told}


def questions_shown(questions: Sequence[Question]) -> dict[str, Any]:
    """All that was asked about an intent."""
    return {"items": [question.wire() for question in questions]}
