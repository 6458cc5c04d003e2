"""Keys and their roles, made and revoked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, get_args

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from remit.core.delegation import AgentTier
from remit.core.errors import InvalidInput
from remit.core.identity.access import ROLES, TENANT_ROLES
from remit.core.identity.api_key import DEFAULT_TIER
from remit.entrypoints.console.auth import HOME, FormRoute, KeyManagerVisitor, Visitor
from remit.entrypoints.console.render import page
from remit.entrypoints.web.bodies import KeyId
from remit.entrypoints.web.callers import CurrentRemit
from remit.wiring import Remit

router = APIRouter(route_class=FormRoute)
DOES = {role: f"may {ROLES[role].may}" for role in TENANT_ROLES}


@router.get("/keys")
def keys(request: Request, remit: CurrentRemit, visitor: KeyManagerVisitor) -> Response:
    return _page(request, remit, visitor)


@router.post("/keys")
def create(
    request: Request,
    remit: CurrentRemit,
    visitor: KeyManagerVisitor,
    name: Annotated[str, Form(max_length=128)],
    role: Annotated[list[str] | None, Form()] = None,
    on_behalf_of: Annotated[str, Form(max_length=128)] = "",
    tier: Annotated[str, Form(max_length=20)] = DEFAULT_TIER,
) -> Response:
    """The new key's text is on the page that answers, and nowhere else ever again."""
    try:
        asked = {"name": name.strip(), "roles": role or [], "on_behalf_of": on_behalf_of.strip() or None, "tier": tier}
        _, text = remit.create_key(visitor.tenant_id, asked, by=visitor.name, credential=visitor.credential)
    except InvalidInput as error:
        said: dict[str, Any] = {"name": name, "ticked": role or [], "on_behalf_of": on_behalf_of, "tier": tier}
        return _page(request, remit, visitor, status=422, problem=str(error), **said)
    return _page(request, remit, visitor, text=text)


@router.post("/keys/{key_id}/revoke")
def revoke(remit: CurrentRemit, visitor: KeyManagerVisitor, key_id: KeyId) -> Response:
    remit.revoke_key(visitor.tenant_id, key_id, by=visitor.name, credential=visitor.credential)
    return RedirectResponse(f"{HOME}keys", status_code=303)


def _page(
    request: Request,
    remit: Remit,
    visitor: Visitor,
    *,
    status: int = 200,
    text: str | None = None,
    problem: str | None = None,
    name: str = "",
    ticked: Sequence[str] = (),
    on_behalf_of: str = "",
    tier: str = DEFAULT_TIER,
) -> Response:
    listed = [key.shown() for key in remit.keys(visitor.tenant_id)]
    listed.sort(key=lambda key: (key["revoked_at"] is not None, key["name"]))
    asked = {"name": name, "ticked": ticked, "on_behalf_of": on_behalf_of, "tier": tier, "problem": problem}
    asked["tiers"] = get_args(AgentTier)
    return page(request, "keys.html", status=status, keys=listed, text=text, roles=TENANT_ROLES, does=DOES, **asked)
