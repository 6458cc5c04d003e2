"""The stop switch, which is on every page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from remit.core.gate.autonomy import StopLevel, StopScope
from remit.entrypoints.console.auth import HOME, AnyVisitor, FormRoute, StopperVisitor, local_page
from remit.entrypoints.console.render import page
from remit.entrypoints.web.callers import CurrentRemit

router = APIRouter(route_class=FormRoute)


@dataclass(frozen=True, slots=True)
class Switch:
    """The switch that a form means, why, and the page it was sent from."""

    reason: str
    level: StopLevel
    account_id: str | None
    action_type: str | None
    principal: str | None
    back: str
    even_if_unknown: bool

    def scope(self, tenant_id: str) -> StopScope:
        named = {"account_id": self.account_id, "action_type": self.action_type, "principal": self.principal}
        return StopScope(tenant_id=tenant_id, **named)


async def switch_of(
    reason: Annotated[str, Form(min_length=1, max_length=2000)],
    level: Annotated[StopLevel, Form()] = "autonomy",
    account_id: Annotated[str, Form(max_length=128)] = "",
    action_type: Annotated[str, Form(max_length=128)] = "",
    principal: Annotated[str, Form(max_length=128)] = "",
    back: Annotated[str, Form()] = HOME,
    even_if_unknown: Annotated[bool, Form()] = False,
) -> Switch:
    account, of_type, whose = (text.strip() or None for text in (account_id, action_type, principal))
    return Switch(reason, level, account, of_type, whose, local_page(back), even_if_unknown)


Meant = Annotated[Switch, Depends(switch_of)]


@router.get("/switch")
def switch(request: Request, visitor: AnyVisitor) -> Response:
    """Nothing but what every page shows: those that do not renew themselves take it from here."""
    del visitor
    return page(request, "switch.html")


@router.post("/stop")
def stop(remit: CurrentRemit, visitor: StopperVisitor, meant: Meant) -> Response:
    remit.stop(
        meant.scope(visitor.tenant_id),
        by=visitor.name,
        reason=meant.reason,
        level=meant.level,
        even_if_unknown=meant.even_if_unknown,
    )
    return RedirectResponse(meant.back, status_code=303)


@router.post("/resume")
def resume(remit: CurrentRemit, visitor: StopperVisitor, meant: Meant) -> Response:
    remit.resume(meant.scope(visitor.tenant_id), by=visitor.name, reason=meant.reason, level=meant.level)
    return RedirectResponse(meant.back, status_code=303)
