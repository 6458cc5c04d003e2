"""One intent: its story, every check of its decision, its ledger; and the answers it may still take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from remit.core.lifecycle import WAITING
from remit.core.notifications.narration import story
from remit.entrypoints.console.auth import HOME, AnswererVisitor, AnyVisitor, FormRoute, ResolverVisitor, Visitor
from remit.entrypoints.console.cards import card_of, ending_of
from remit.entrypoints.console.render import page
from remit.entrypoints.web.bodies import IntentId
from remit.entrypoints.web.callers import CurrentRemit
from remit.wiring import Remit

router = APIRouter(route_class=FormRoute)


@router.get("/intents/{action_intent_id}")
def intent(request: Request, remit: CurrentRemit, visitor: AnyVisitor, action_intent_id: IntentId) -> Response:
    stands = remit.status(visitor.tenant_id, action_intent_id)
    visitor.principal.require_sight_of(stands["intent"]["proposed_by"], stands["intent"]["account_id"])
    chain = remit.ledger(visitor.tenant_id, action_intent_id)
    why = remit.why(visitor.tenant_id, action_intent_id)
    waits = stands["status"] in WAITING
    return page(
        request,
        "intent.html",
        stands=stands,
        intent=stands["intent"],
        why=why,
        card=card_of(remit, stands, why) if waits else None,
        ending=None if waits else ending_of(stands, why, remit.now()),
        steps=story(chain),
        chain=chain,
        result=_result(remit, visitor, stands),
        waits=waits,
    )


def _result(remit: Remit, visitor: Visitor, stands: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the tool answered; without a `state` where the visitor may only see what is known of it."""
    known, name = stands["result"], stands["action_intent_id"]
    if known is None:
        return None
    people = remit.result_settings(visitor.tenant_id, name).people
    may = visitor.principal.may_read_result_of(stands["intent"]["proposed_by"], people=people)
    return remit.result(visitor.tenant_id, name) if may else {**known, "state": None, "content": None}


@router.post("/intents/{action_intent_id}/resolve")
def resolve(
    remit: CurrentRemit,
    visitor: ResolverVisitor,
    action_intent_id: IntentId,
    status: Annotated[Literal["SUCCEEDED", "FAILED"], Form()],
    note: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """Write down what a person found out."""
    remit.resolve(visitor.tenant_id, action_intent_id, by=visitor.name, status=status, note=note.strip() or None)
    return RedirectResponse(f"{HOME}intents/{action_intent_id}", status_code=303)


@router.post("/intents/{action_intent_id}/question")
def question(
    remit: CurrentRemit,
    visitor: AnswererVisitor,
    action_intent_id: IntentId,
    text: Annotated[str, Form(min_length=1, max_length=2000)],
) -> Response:
    """Ask the agent something instead of answering."""
    remit.ask(visitor.tenant_id, action_intent_id, by=visitor.name, text=text, credential=visitor.credential)
    return RedirectResponse(f"{HOME}intents/{action_intent_id}", status_code=303)
