"""Questions: a person asks the agent instead of answering, and it answers with a supplement. The intent waits on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from remit.core.errors import Conflict, InvalidInput
from remit.core.execution.proposer import Proposer
from remit.core.identity.credential import Credential
from remit.core.intent import ActionIntentV1
from remit.core.lifecycle import Case
from remit.core.values import Record, UtcTime, check_text

MOST_QUESTIONS = 20
"""Of one intent: each is shown on its card."""


class Question(Record, frozen=True):
    """A person's question before answering; `supplement` is what its agent said to that, once it has."""

    asked_by: str
    asked_at: UtcTime
    text: str
    supplement: str | None = None
    answered_at: UtcTime | None = None


def checked_words(field: str, text: str) -> str:
    """Raises `InvalidInput` for what says nothing, or too much."""
    check_text(field, text)
    if not text.strip():
        raise InvalidInput(field, "says nothing", "send what is to be said")
    return text


def open_questions(questions: Sequence[Question]) -> list[Question]:
    """Those that no supplement has answered."""
    return [question for question in questions if question.supplement is None]


def check_may_ask(case: Case, questions: Sequence[Question]) -> None:
    """Raises `NotInThatState` for what does not wait, and `Conflict` where enough was asked."""
    case.require_waiting("asked about")
    if len(questions) >= MOST_QUESTIONS:
        problem = f"{MOST_QUESTIONS} questions were asked about intent {case.action_intent_id!r} already"
        raise Conflict(f"{problem}; approve, edit or reject it")


def check_may_supplement(
    case: Case, intent: ActionIntentV1 | None, questions: Sequence[Question], proposer: Proposer
) -> None:
    """Raises `Forbidden` for another's intent, `NotInThatState`, and `Conflict` where no question is open."""
    proposer.require_own(case, intent)
    case.require_waiting("supplemented")
    if not open_questions(questions):
        raise Conflict(f"no question about intent {case.action_intent_id!r} is open; wait for its answer")


def question_data(by: str, credential: Credential, text: str, digest: str) -> dict[str, Any]:
    """The data of a `QUESTION_ASKED` entry."""
    return {"asked_by": by, "credential": credential.wire(), "text": text, "digest": digest}


def supplement_data(proposer: Proposer, text: str, digest: str) -> dict[str, Any]:
    """The data of a `QUESTION_ANSWERED` entry: it answers every question that is open."""
    return {
        "answered_by": proposer.name,
        "credential": proposer.credential.wire(),
        "text": text,
        "digest": digest,
    }
