"""Assignments of cards: to somebody, and all of a person's to another for a time."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse, Response

from remit.core.errors import InvalidInput
from remit.core.values import parse_typed_moment
from remit.entrypoints.console.auth import HOME, AnswererVisitor, FormRoute
from remit.entrypoints.web.bodies import IntentId
from remit.entrypoints.web.callers import CurrentRemit

router = APIRouter(route_class=FormRoute)


@router.post("/intents/{action_intent_id}/assign")
def assign(
    remit: CurrentRemit,
    visitor: AnswererVisitor,
    action_intent_id: IntentId,
    to: Annotated[str, Form(max_length=128)] = "",
) -> Response:
    """To nobody, if nobody is named."""
    name = to.strip() or None
    remit.assign(visitor.tenant_id, action_intent_id, by=visitor.name, to=name, credential=visitor.credential)
    return RedirectResponse(f"{HOME}intents/{action_intent_id}", status_code=303)


@router.post("/telling/hand-over")
def hand_over(
    remit: CurrentRemit,
    visitor: AnswererVisitor,
    to: Annotated[str, Form(max_length=128)] = "",
    until: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    """Take it back, if nobody and no time is named. A time is in UTC."""
    name, ends = to.strip() or None, until.strip()
    try:
        moment = parse_typed_moment(ends, unsaid_offset="Z") if ends else None
    except ValueError as error:
        raise InvalidInput("until", f"{ends!r} {error}", "write 2026-12-24 08:00, in UTC") from None
    remit.hand_over(visitor.tenant_id, by=visitor.name, to=name, until=moment, credential=visitor.credential)
    return RedirectResponse(f"{HOME}telling", status_code=303)
