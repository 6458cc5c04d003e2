"""Operating: the stop switches, tools that keep failing, and the keys."""

from __future__ import annotations

from fastapi import APIRouter

from remit.core.errors import InvalidInput
from remit.core.gate.autonomy import StopScope
from remit.core.identity.api_key import NewKey
from remit.core.identity.principal import Principal
from remit.core.mirrors import view_of
from remit.core.values import PLATFORM
from remit.core.views import (
    FailingToolsAnswer,
    KeyAnswer,
    KeysAnswer,
    NewKeyAnswer,
    ResumedAnswer,
    StopAnswer,
    ToolResumedAnswer,
)
from remit.entrypoints.web.bodies import KeyId, ResumeBody, StopBody, ToolName
from remit.entrypoints.web.callers import Caller, CurrentRemit, ReaderCaller, StopperCaller
from remit.entrypoints.web.reading_bodies import JsonRoute

router = APIRouter(tags=["operating"], route_class=JsonRoute)


@router.post("/v1/stop")
def stop(remit: CurrentRemit, caller: Caller, body: StopBody) -> StopAnswer:
    """
    Pull a stop switch: it takes effect on the next decision and the next execution, and stays pulled.

    An account or action type that was never seen is not found, unless `even_if_unknown`: it may be misspelt.
    """
    pulled = remit.stop(
        _scope(caller, body),
        by=caller.name,
        reason=body.reason,
        level=body.level,
        even_if_unknown=body.even_if_unknown,
    )
    return view_of(pulled)


@router.post("/v1/resume")
def resume(remit: CurrentRemit, caller: Caller, body: ResumeBody) -> ResumedAnswer:
    """Put a stop switch back. `resumed` is false if it was not pulled."""
    scope = _scope(caller, body)
    resumed = remit.resume(scope, by=caller.name, reason=body.reason, level=body.level)
    return {"resumed": resumed, "scope": view_of(scope), "level": body.level}


def _scope(caller: Principal, body: ResumeBody) -> StopScope:
    if caller.tenant_id == PLATFORM:
        caller.require("stop_platform")
        if body.account_id or body.action_type or body.principal:
            raise InvalidInput("account_id", "is of a tenant", "use a key of that tenant")
        return StopScope()
    caller.require("stop")
    named = {"account_id": body.account_id, "action_type": body.action_type, "principal": body.principal}
    return StopScope(tenant_id=caller.tenant_id, **named)


@router.get("/v1/tools")
def failing_tools(remit: CurrentRemit, caller: ReaderCaller) -> FailingToolsAnswer:
    """The tools whose latest calls failed; the paused ones say since when, and when one call is tried."""
    return {"items": remit.failing_tools(caller.tenant_id)}


@router.post("/v1/tools/{action_type}/resume")
def resume_tool(remit: CurrentRemit, caller: StopperCaller, action_type: ToolName) -> ToolResumedAnswer:
    """End the pause of a tool that kept failing: it is called at once. `resumed` is false if it was not paused."""
    resumed = remit.resume_tool(caller.tenant_id, action_type, by=caller.name)
    return {"action_type": action_type, "resumed": resumed}


@router.post("/v1/keys", status_code=201)
def create_key(remit: CurrentRemit, caller: Caller, body: NewKey) -> NewKeyAnswer:
    """Make a key for the caller's own tenant. `key` is shown in this answer and never again."""
    caller.require("manage_keys")
    made, text = remit.create_key(caller.tenant_id, body.model_dump(), by=caller.name, credential=caller.credential)
    return {**made.shown(), "key": text}


@router.get("/v1/keys")
def keys(remit: CurrentRemit, caller: Caller) -> KeysAnswer:
    """The tenant's keys, without their secrets."""
    caller.require("manage_keys")
    return {"items": [key.shown() for key in remit.keys(caller.tenant_id)]}


@router.post("/v1/keys/{key_id}/revoke")
def revoke_key(remit: CurrentRemit, caller: Caller, key_id: KeyId) -> KeyAnswer:
    """From now on this key lets nobody in."""
    caller.require("manage_keys")
    return remit.revoke_key(caller.tenant_id, key_id, by=caller.name, credential=caller.credential).shown()
