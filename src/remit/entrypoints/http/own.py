"""What agents do with the intents that they proposed."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from remit.core.views import WithdrawnAnswer
from remit.entrypoints.web.bodies import IntentId, WithdrawBody
from remit.entrypoints.web.callers import CurrentRemit, OwnerCaller
from remit.entrypoints.web.problems import responds_with
from remit.entrypoints.web.reading_bodies import JsonRoute

router = APIRouter(tags=["agents"], route_class=JsonRoute)


@router.post("/v1/intents/{action_intent_id}/withdraw", responses=responds_with(WithdrawnAnswer))
def withdraw(remit: CurrentRemit, caller: OwnerCaller, action_intent_id: IntentId, body: WithdrawBody) -> Any:
    """Take back an intent of the caller's own that nobody has started; what was charged for it is given back."""
    case = remit.withdraw(
        caller.tenant_id,
        action_intent_id,
        by=caller.name,
        reason=body.reason,
        credential=caller.credential,
        accounts=caller.accounts,
    )
    return {"action_intent_id": action_intent_id, "status": case.status}
