"""Routes of proposers for their own intents: take them back, or execute them themselves."""

from __future__ import annotations

from typing import Any, TypedDict

from fastapi import APIRouter

from remit.core.execution.outcome import ExternalObjectRef
from remit.core.identity.credential import Credential
from remit.core.identity.principal import Principal
from remit.core.views import BegunAnswer, FinishedAnswer, PermitAnswer, QuestionsAnswer, WithdrawnAnswer
from remit.entrypoints.web.answers import questions_shown
from remit.entrypoints.web.bodies import BeginBody, FinishBody, IntentId, PermitBody, QuestionBody, WithdrawBody
from remit.entrypoints.web.callers import CurrentRemit, OwnerCaller
from remit.entrypoints.web.problems import responds_with
from remit.entrypoints.web.reading_bodies import LeanRoute, leanly_of_intent

router = APIRouter(tags=["agents"], route_class=LeanRoute)


class _Owner(TypedDict):
    by: str
    credential: Credential
    accounts: frozenset[str] | None
    on_behalf_of: str | None


def _owner(caller: Principal) -> _Owner:
    return {
        "by": caller.name,
        "credential": caller.credential,
        "accounts": caller.accounts,
        "on_behalf_of": caller.on_behalf_of,
    }


@router.post("/v1/intents/{action_intent_id}/begin", responses=responds_with(BegunAnswer))
@leanly_of_intent("act_on_own")
def begin(remit: CurrentRemit, caller: OwnerCaller, action_intent_id: IntentId, body: BeginBody) -> Any:
    """
    Be permitted to execute an approved intent of the caller's own, once and for good; or be told why not.

    Of an intent that was replaced, the newest is begun.
    """
    return remit.begin(caller.tenant_id, action_intent_id, key=body.key, **_owner(caller)).wire()


@router.post("/v1/intents/{action_intent_id}/finish", responses=responds_with(FinishedAnswer))
@leanly_of_intent("act_on_own")
def finish(remit: CurrentRemit, caller: OwnerCaller, action_intent_id: IntentId, body: FinishBody) -> Any:
    """Say what came of a permit; twice is once. After it has lapsed, this resolves what nobody knew."""
    finished = remit.finish(
        caller.tenant_id,
        action_intent_id,
        approval_id=body.approval_id,
        acted=body.acted,
        external_object_refs=[ExternalObjectRef(**dict(ref)) for ref in body.external_object_refs],
        error_code=body.error_code,
        error_class=body.error_class,
        error_message=body.error_message,
        result=body.result.answer() if body.result else None,
        **_owner(caller),
    )
    return finished.wire()


@router.post("/v1/intents/{action_intent_id}/renew", responses=responds_with(PermitAnswer))
@leanly_of_intent("act_on_own")
def renew(remit: CurrentRemit, caller: OwnerCaller, action_intent_id: IntentId, body: PermitBody) -> Any:
    """Prolong a permit by the time that it was first given for."""
    return remit.renew(caller.tenant_id, action_intent_id, approval_id=body.approval_id, **_owner(caller)).wire()


@router.post("/v1/intents/{action_intent_id}/supplement", responses=responds_with(QuestionsAnswer))
@leanly_of_intent("act_on_own")
def supplement(remit: CurrentRemit, caller: OwnerCaller, action_intent_id: IntentId, body: QuestionBody) -> Any:
    """Answer what people asked about an intent of the caller's own; it waits on."""
    return questions_shown(remit.supplement(caller.tenant_id, action_intent_id, text=body.text, **_owner(caller)))


@router.post("/v1/intents/{action_intent_id}/withdraw", responses=responds_with(WithdrawnAnswer))
@leanly_of_intent("act_on_own")
def withdraw(remit: CurrentRemit, caller: OwnerCaller, action_intent_id: IntentId, body: WithdrawBody) -> Any:
    """
    Take back an intent of the caller's own that nobody has started, or the newest that took its place; what was charged
    for it is given back.
    """
    case = remit.withdraw(caller.tenant_id, action_intent_id, reason=body.reason, **_owner(caller))
    return {"action_intent_id": case.action_intent_id, "status": case.status}
