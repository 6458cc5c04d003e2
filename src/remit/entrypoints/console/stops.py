"""The stop switch, which is on every page."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse, Response

from remit.core.autonomy import StopLevel, StopScope
from remit.entrypoints.console.visitors import HOME, Here, Visitor, local_page, permitted

router = APIRouter()
Operator = Annotated[Visitor, permitted("stop")]
Reason = Annotated[str, Form(min_length=1, max_length=2000)]
Level = Annotated[StopLevel, Form()]
Name = Annotated[str, Form(max_length=128)]


@router.post("/stop")
def stop(
    remit: Here,
    visitor: Operator,
    reason: Reason,
    level: Level = "autonomy",
    account_id: Name = "",
    action_type: Name = "",
    back: Annotated[str, Form()] = HOME,
) -> Response:
    remit.stop(_scope(visitor, account_id, action_type), by=visitor.name, reason=reason, level=level)
    return RedirectResponse(local_page(back), status_code=303)


@router.post("/resume")
def resume(
    remit: Here,
    visitor: Operator,
    reason: Reason,
    level: Level = "autonomy",
    account_id: Name = "",
    action_type: Name = "",
    back: Annotated[str, Form()] = HOME,
) -> Response:
    remit.resume(_scope(visitor, account_id, action_type), by=visitor.name, reason=reason, level=level)
    return RedirectResponse(local_page(back), status_code=303)


def _scope(visitor: Visitor, account_id: str, action_type: str) -> StopScope:
    return StopScope(
        tenant_id=visitor.tenant_id, account_id=account_id.strip() or None, action_type=action_type.strip() or None
    )
