"""Answering by a mailed link: the page shows exactly its item, to whoever has the link, and asks for a press."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import Response

from remit.core.errors import RemitError, Unauthenticated
from remit.core.execution.approval import Approval
from remit.core.lifecycle import WAITING
from remit.core.views import StatusAnswer, WhyAnswer
from remit.entrypoints.console.auth import own_page
from remit.entrypoints.console.cards import answered, card_of, votes_in_words
from remit.entrypoints.console.render import page
from remit.entrypoints.console.sign_in import SignInRoute, count_try
from remit.entrypoints.web.callers import CurrentRemit
from remit.entrypoints.web.problem_details import problem_of
from remit.wiring import Remit

router = APIRouter(route_class=SignInRoute)


@router.get("/answer/{token}", dependencies=[Depends(count_try)])
def show(request: Request, remit: CurrentRemit, token: str) -> Response:
    """The item, and nothing of it is decided: programs that look into messages open every link in them."""
    return _page(request, remit, token)


@router.post("/answer/{token}/approve", dependencies=[Depends(own_page)])
def approve(request: Request, remit: CurrentRemit, token: str) -> Response:
    def press() -> str:
        answer = remit.answer_links.approve(token)
        if isinstance(answer, Approval):
            return f"{answer.approved_by} approved it."
        return f"Approved by {votes_in_words(answer)}; another approver is needed."

    return _answered(request, remit, token, press)


@router.post("/answer/{token}/reject", dependencies=[Depends(own_page)])
def reject(
    request: Request, remit: CurrentRemit, token: str, reason: Annotated[str, Form(max_length=2000)] = ""
) -> Response:
    def press() -> str:
        remit.answer_links.reject(token, reason=reason.strip() or None)
        return "Rejected."

    return _answered(request, remit, token, press)


def _answered(request: Request, remit: Remit, token: str, press: Callable[[], str]) -> Response:
    try:
        told = press()
    except Unauthenticated as error:
        return _over(request, error)
    except RemitError as error:
        return _page(request, remit, token, problem=str(error), status=problem_of(error)["status"])
    return page(request, "answer_link.html", told=told, problem=None, item=None, token=None, name=None)


def _page(request: Request, remit: Remit, token: str, *, problem: str | None = None, status: int = 200) -> Response:
    try:
        principal, answers = remit.answer_links.read(token)
    except RemitError as error:
        return _over(request, error)
    stands = remit.status(principal.tenant_id, answers.action_intent_id)
    why = remit.why(principal.tenant_id, answers.action_intent_id)
    waits = stands["status"] in WAITING and stands["digest"] == answers.digest
    told = None if waits else f"{answered(why) or 'It does not wait any more'}: no answer is needed."
    item = _item(remit, stands, why) if waits else None
    shown = {"item": item, "told": told, "problem": problem, "name": principal.name, "token": token}
    return page(request, "answer_link.html", status=status, **shown)


def _item(remit: Remit, stands: StatusAnswer, why: WhyAnswer) -> dict[str, Any]:
    # Whoever has the link sees this one, and goes nowhere else with it.
    return {**card_of(remit, stands, why), "setting": None}


def _over(request: Request, error: RemitError) -> Response:
    problem = problem_of(error)
    return page(request, "error.html", status=problem["status"], title="This link is over", told=str(error))
