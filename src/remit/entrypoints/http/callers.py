"""Who is asking: a bearer credential becomes a principal, whose tenant is the only one it reaches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from remit.core.access import Permission, Principal
from remit.core.errors import Forbidden, Unauthenticated
from remit.core.values import PLATFORM
from remit.wiring import Remit

Authenticate = Callable[[str], Principal]
bearer = HTTPBearer(auto_error=False, description="An API key, or an access token of the configured issuer.")


# Asynchronous where nothing is waited for: otherwise each would take a turn in a thread.
async def remit_of(request: Request) -> Remit:
    remit: Remit = request.app.state.remit
    return remit


def principal_of(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
) -> Principal:
    """Raises `Unauthenticated`, or `TooManyRequests` for a credential that asks too often."""
    if credentials is None:
        raise Unauthenticated("send 'Authorization: Bearer KEY'")
    authenticate: Authenticate = request.app.state.authenticate
    principal = authenticate(credentials.credentials)
    request.app.state.limiter.count(principal)
    return principal


Here = Annotated[Remit, Depends(remit_of)]
Caller = Annotated[Principal, Depends(principal_of)]


def permitted(permission: Permission) -> Any:
    """A dependency: the caller, if it may do this within a tenant."""

    async def check(caller: Caller) -> Principal:
        caller.require(permission)
        if caller.tenant_id == PLATFORM:
            raise Forbidden("the platform's keys reach no tenant's records; use a key of that tenant")
        return caller

    return Depends(check)


def require_own_tenant(caller: Principal, body: dict[str, Any]) -> dict[str, Any]:
    """
    The body with the caller's tenant and name filled in.

    Raises `Forbidden` if it names another tenant, or speaks as somebody else.
    """
    for field, own in (("tenant_id", caller.tenant_id), ("proposed_by", caller.name)):
        if body.get(field, own) != own:
            raise Forbidden(f"{field} comes from the credential, which says {own!r}; leave it out")
    return {**body, "tenant_id": caller.tenant_id, "proposed_by": caller.name}
