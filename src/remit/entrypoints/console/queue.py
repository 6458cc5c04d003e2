"""Needs your input: the queue, and the answers to one or many of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from remit.core.errors import Conflict, InvalidInput, RemitError
from remit.core.execution.approval import Approval
from remit.entrypoints.console.auth import AnswererVisitor, ReaderVisitor, Visitor
from remit.entrypoints.console.render import page
from remit.entrypoints.web.callers import CurrentRemit
from remit.wiring import Remit

router = APIRouter()
PAGE = 25
MOST_AT_ONCE = 100
Items = Annotated[list[str] | None, Form(alias="item", max_length=MOST_AT_ONCE)]


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one answer, to be shown above the queue."""

    action_intent_id: str
    good: bool
    text: str


@router.get("/queue")
def queue(request: Request, remit: CurrentRemit, visitor: ReaderVisitor, after: str | None = None) -> Response:
    return _page(request, remit, visitor, [], after)


@router.post("/queue/approve")
def approve(request: Request, remit: CurrentRemit, visitor: AnswererVisitor, items: Items = None) -> Response:
    """Each item is an intent's id and the digest under which the visitor saw it; each is answered by itself."""

    def one(action_intent_id: str, digest: str) -> str:
        answer = remit.approve(visitor.tenant_id, action_intent_id, by=visitor.name, digest=digest)
        if not isinstance(answer, Approval):
            return f"approved by {' and '.join(answer.approved_by)}; another approver is needed"
        first = answer.approved_by == visitor.name
        return "approved; it runs now" if first else f"{answer.approved_by} approved it already"

    return _page(request, remit, visitor, _each(remit, visitor, items, one))


@router.post("/queue/reject")
def reject(
    request: Request,
    remit: CurrentRemit,
    visitor: AnswererVisitor,
    items: Items = None,
    reason: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    def one(action_intent_id: str, _: str) -> str:
        remit.reject(visitor.tenant_id, action_intent_id, by=visitor.name, reason=reason.strip() or None)
        return "rejected"

    return _page(request, remit, visitor, _each(remit, visitor, items, one))


def _each(remit: Remit, visitor: Visitor, items: Sequence[str] | None, answer: Callable[[str, str], str]) -> list[Told]:
    if not items:
        raise InvalidInput("item", "is missing", "select what is to be answered")
    return [_answered(remit, visitor, *item.partition(" ")[::2], answer) for item in items]


def _answered(
    remit: Remit, visitor: Visitor, action_intent_id: str, digest: str, answer: Callable[[str, str], str]
) -> Told:
    try:
        return Told(action_intent_id, True, answer(action_intent_id, digest))
    except Conflict as error:
        return Told(action_intent_id, False, first_answer(remit, visitor, action_intent_id) or str(error))
    except RemitError as error:
        return Told(action_intent_id, False, str(error))


def first_answer(remit: Remit, visitor: Visitor, action_intent_id: str) -> str | None:
    """Who answered it before, in words; `None` if nobody did."""
    seen = remit.why(visitor.tenant_id, action_intent_id)
    if seen["approval"] is not None and seen["approval"]["approval_source"] == "HUMAN":
        return f"{seen['approval']['approved_by']} approved it first, so nothing changed"
    if seen["rejection"] is not None:
        return f"{seen['rejection']['rejected_by']} rejected it first, so nothing changed"
    if seen["status"] == "SUPERSEDED":
        return "somebody edited it first: the edited one is in the queue instead"
    return "it expired before it was answered" if seen["status"] == "EXPIRED" else None


def _page(
    request: Request, remit: Remit, visitor: Visitor, answers: Sequence[Told], after: str | None = None
) -> Response:
    items: list[dict[str, Any]]
    items, following = remit.queue(visitor.tenant_id, after=after, limit=PAGE)
    return page(request, "queue.html", items=items, next=following, after=after, answers=answers)
