"""Answers that HTTP and the functions on AWS give alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from remit.core.execution.approval import Approval
from remit.core.execution.question import Question
from remit.core.ledger.history import Votes
from remit.core.mirrors import view_of

if TYPE_CHECKING:
    from remit.core.views import ApprovedAnswer, QuestionsAnswer


def approved(action_intent_id: str, answered: Approval | Votes) -> ApprovedAnswer:
    """The answer to an approval: complete, or with the votes so far and how many it takes."""
    if isinstance(answered, Approval):
        return {"action_intent_id": action_intent_id, "complete": True, "approval": view_of(answered)}
    return {
        "action_intent_id": action_intent_id,
        "complete": False,
        "approved_by": answered.approved_by,
        "approvals_required": answered.approvals_required,
        "votes": [view_of(vote) for vote in answered.votes],
    }


def questions_shown(questions: Sequence[Question]) -> QuestionsAnswer:
    """All that was asked about an intent."""
    return {"items": [view_of(question) for question in questions]}
