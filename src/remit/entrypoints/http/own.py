"""Routes of proposers for their own intents: take them back, or execute them themselves."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypedDict

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from remit.core.execution.outcome import ExternalObjectRef
from remit.core.identity.credential import Credential
from remit.core.identity.principal import Principal
from remit.core.mirrors import view_of
from remit.core.views import BegunAnswer, FinishedAnswer, PermitAnswer, QuestionsAnswer, WithdrawnAnswer
from remit.entrypoints.web.answers import questions_shown
from remit.entrypoints.web.bodies import BeginBody, FinishBody, IntentId, PermitBody, QuestionBody, WithdrawBody
from remit.entrypoints.web.callers import CurrentRemit, Entry, OwnerCaller, remit_of, require_within_tenant
from remit.entrypoints.web.fact_waits import FactWaits
from remit.entrypoints.web.reading_bodies import (
    JsonAnswer,
    LeanRoute,
    is_usual_id,
    leanly,
    leanly_of_intent,
    read_as,
    turns_of,
)
from remit.flow.facts import FactsOutdated
from remit.wiring import Remit

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


async def _begin_one(request: Request, entry: Entry, value: Any) -> Response | None:
    name, body = request.path_params["action_intent_id"], read_as(BeginBody, value)
    if body is None or request.scope["query_string"] or not is_usual_id(name):
        return None

    def caller() -> Principal:
        return require_within_tenant(entry.principal(), "act_on_own")

    return JsonAnswer(await _begun(request, await remit_of(request), entry.tenant_id, caller, name, body))


@router.post("/v1/intents/{action_intent_id}/begin")
@leanly(_begin_one)
async def begin(
    request: Request, remit: CurrentRemit, caller: OwnerCaller, action_intent_id: IntentId, body: BeginBody
) -> BegunAnswer:
    """
    Be permitted to execute an approved intent of the caller's own, once and for good; or be told why not.

    Of an intent that was replaced, the newest is begun. Facts that its type has looked up again are looked up first:
    where they are not as they were decided on, it ends, and there is no permit.
    """
    return await _begun(request, remit, caller.tenant_id, lambda: caller, action_intent_id, body)


async def _begun(
    request: Request, remit: Remit, tenant_id: str, caller: Callable[[], Principal], name: str, body: BeginBody
) -> BegunAnswer:
    """In the tenant's turn; where facts are looked up first, among those who wait."""

    def work(*, waits: bool) -> BegunAnswer:
        owner = caller()
        return view_of(remit.begin(owner.tenant_id, name, key=body.key, waits=waits, **_owner(owner)))

    with suppress(FactsOutdated):
        async with turns_of(request).of(tenant_id):
            return await run_in_threadpool(partial(work, waits=False))
    fact_waits: FactWaits = request.app.state.fact_waits
    return await fact_waits.carry_out(tenant_id, partial(work, waits=True))


@router.post("/v1/intents/{action_intent_id}/finish")
@leanly_of_intent("act_on_own")
def finish(remit: CurrentRemit, caller: OwnerCaller, action_intent_id: IntentId, body: FinishBody) -> FinishedAnswer:
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
    return view_of(finished)


@router.post("/v1/intents/{action_intent_id}/renew")
@leanly_of_intent("act_on_own")
def renew(remit: CurrentRemit, caller: OwnerCaller, action_intent_id: IntentId, body: PermitBody) -> PermitAnswer:
    """Prolong a permit by the time that it was first given for."""
    return view_of(remit.renew(caller.tenant_id, action_intent_id, approval_id=body.approval_id, **_owner(caller)))


@router.post("/v1/intents/{action_intent_id}/supplement")
@leanly_of_intent("act_on_own")
def supplement(
    remit: CurrentRemit, caller: OwnerCaller, action_intent_id: IntentId, body: QuestionBody
) -> QuestionsAnswer:
    """Answer what people asked about an intent of the caller's own; it waits on."""
    return questions_shown(remit.supplement(caller.tenant_id, action_intent_id, text=body.text, **_owner(caller)))


@router.post("/v1/intents/{action_intent_id}/withdraw")
@leanly_of_intent("act_on_own")
def withdraw(
    remit: CurrentRemit, caller: OwnerCaller, action_intent_id: IntentId, body: WithdrawBody
) -> WithdrawnAnswer:
    """
    Take back an intent of the caller's own that nobody has started, or the newest that took its place; what was charged
    for it is given back.
    """
    case = remit.withdraw(caller.tenant_id, action_intent_id, reason=body.reason, **_owner(caller))
    return {"action_intent_id": case.action_intent_id, "status": case.status}
