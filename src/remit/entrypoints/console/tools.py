"""Tools that kept failing and are paused: the button that ends a pause."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse, Response

from remit.entrypoints.console.auth import HOME, FormRoute, StopperVisitor, local_page
from remit.entrypoints.web.bodies import ToolName
from remit.entrypoints.web.callers import CurrentRemit

router = APIRouter(route_class=FormRoute)


@router.post("/tools/{action_type}/resume")
def resume(
    remit: CurrentRemit, visitor: StopperVisitor, action_type: ToolName, back: Annotated[str, Form()] = HOME
) -> Response:
    remit.resume_tool(visitor.tenant_id, action_type, by=visitor.name)
    return RedirectResponse(local_page(back), status_code=303)
