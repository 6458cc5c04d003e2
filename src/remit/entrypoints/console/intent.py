"""One intent: its story, every check of its decision, its ledger; and the answers it may still take."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from remit.core.notifications.narration import story
from remit.entrypoints.console.auth import HOME, AnyVisitor, FormRoute, ResolverVisitor
from remit.entrypoints.console.render import page
from remit.entrypoints.web.bodies import IntentId
from remit.entrypoints.web.callers import CurrentRemit

router = APIRouter(route_class=FormRoute)


@router.get("/intents/{action_intent_id}")
def intent(request: Request, remit: CurrentRemit, visitor: AnyVisitor, action_intent_id: IntentId) -> Response:
    stands = remit.status(visitor.tenant_id, action_intent_id)
    visitor.principal.require_sight_of(stands["intent"]["proposed_by"], stands["intent"]["account_id"])
    chain = remit.ledger(visitor.tenant_id, action_intent_id)
    usage = remit.usage(visitor.tenant_id, account_id=stands["account_id"])
    return page(
        request,
        "intent.html",
        stands=stands,
        intent=stands["intent"],
        why=remit.why(visitor.tenant_id, action_intent_id),
        steps=story(chain),
        chain=chain,
        budget=usage["accounts"][0],
        waits=stands["status"] in ("AWAITING_APPROVAL", "BLOCKED"),
    )


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
