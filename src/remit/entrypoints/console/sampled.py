"""Was this right? Automatic actions that people are shown afterwards, and their answers."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from remit.entrypoints.console.auth import HOME, AnswererVisitor, FormRoute, ReaderVisitor, local_page
from remit.entrypoints.console.render import page
from remit.entrypoints.web.bodies import IntentId
from remit.entrypoints.web.callers import CurrentRemit

router = APIRouter(route_class=FormRoute)
PAGE = 50


@router.get("/sampled")
def sampled(
    request: Request,
    remit: CurrentRemit,
    visitor: ReaderVisitor,
    after: Annotated[str | None, Query(max_length=512)] = None,
) -> Response:
    items, cursor = remit.sampled(visitor.tenant_id, after=after, limit=PAGE)
    further = f"{HOME}sampled?{urlencode({'after': cursor})}" if cursor else None
    return page(request, "sampled.html", items=items, further=further)


@router.post("/intents/{action_intent_id}/judge")
def judge(
    remit: CurrentRemit,
    visitor: AnswererVisitor,
    action_intent_id: IntentId,
    right: Annotated[Literal["yes", "no"], Form()],
    reason: Annotated[str, Form(max_length=2000)] = "",
    back: Annotated[str, Form()] = f"{HOME}sampled",
) -> Response:
    """Say whether it was right. The no that is one too many stops its type, or what a limit is over."""
    remit.judge(
        visitor.tenant_id,
        action_intent_id,
        by=visitor.name,
        right=right == "yes",
        reason=reason.strip() or None,
        credential=visitor.credential,
    )
    return RedirectResponse(local_page(back), status_code=303)
