"""Make this automatic next time: the changes of bounds that would have let an intent run, one of them put in force."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import orjson
from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from remit.core.errors import RemitError
from remit.core.gate.bounds_diff import Difference
from remit.entrypoints.console.auth import HOME, BoundsSetterVisitor, DecidingAgainVisitor, FormRoute
from remit.entrypoints.console.bounds import PERIOD, WholeBounds, own_bounds
from remit.entrypoints.console.cards import setting_of
from remit.entrypoints.console.render import page
from remit.entrypoints.web.bodies import IntentId
from remit.entrypoints.web.callers import CurrentRemit
from remit.entrypoints.web.ledger_reads import WholeLedgers
from remit.wiring import Remit

if TYPE_CHECKING:
    from remit.core.views import AutomateAnswer, CandidateAnswer

router = APIRouter(route_class=FormRoute)


@router.get("/intents/{action_intent_id}/automate")
async def automate(
    request: Request, remit: CurrentRemit, visitor: BoundsSetterVisitor, reads: WholeLedgers, action_intent_id: IntentId
) -> Response:
    """Each change with what it would have done."""
    work = partial(remit.automate, visitor.tenant_id, action_intent_id, period=PERIOD)
    told = await reads.within_time(visitor.principal, work)
    return page(
        request,
        "automate.html",
        told=told,
        candidates=[_shown(candidate) for candidate in told["candidates"]],
        setting=_setting(remit, told, told["cannot"]["reason"]) if told["cannot"] else None,
    )


def _setting(remit: Remit, told: AutomateAnswer, reason: str) -> str | None:
    """Places to look by hand: what says no once everything is changed that is known to help."""
    stands = remit.status(told["tenant_id"], told["action_intent_id"])
    return setting_of(remit, stands["tenant_id"], stands["action_type"], reason)


def _shown(candidate: CandidateAnswer) -> dict[str, Any]:
    lines = [line for change in candidate["changes"] for line in Difference(**change).lines()]
    return {**candidate, "lines": lines, "wanted": orjson.dumps(candidate["bounds"]).decode()}


@router.post("/intents/{action_intent_id}/automate")
def put_in_force(
    remit: CurrentRemit,
    visitor: BoundsSetterVisitor,
    action_intent_id: IntentId,
    wanted: WholeBounds,
    sequence: Annotated[int, Form()],
) -> Response:
    """The change that was looked at, unless somebody has changed the bounds meanwhile."""
    # Of another tenant's intent nothing is said, whatever the form says.
    remit.intent(visitor.tenant_id, action_intent_id)
    remit.apply(own_bounds(wanted, visitor), by=visitor.name, expected_sequence=sequence)
    return RedirectResponse(f"{HOME}intents/{action_intent_id}", status_code=303)


@router.post("/intents/{action_intent_id}/decide-again")
def decide_again(remit: CurrentRemit, visitor: DecidingAgainVisitor, action_intent_id: IntentId) -> Response:
    """By the bounds as they are; the page that follows is that of the intent which took its place, if one did."""
    (answer,) = remit.decide_again(
        visitor.tenant_id, [action_intent_id], by=visitor.name, credential=visitor.credential
    )
    if isinstance(answer, RemitError):
        raise answer
    return RedirectResponse(f"{HOME}intents/{answer.superseded_by or action_intent_id}", status_code=303)
