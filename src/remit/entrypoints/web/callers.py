"""Callers: a bearer credential becomes a principal, whose tenant is the only one it reaches."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any, NamedTuple

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from remit.core.errors import Forbidden, RemitError, Unauthenticated
from remit.core.identity.access import Permission
from remit.core.identity.api_key import PREFIX
from remit.core.identity.principal import Principal
from remit.core.values import PLATFORM
from remit.entrypoints.web.oidc import TokenIssuer
from remit.entrypoints.web.request_batcher import RequestBatcher
from remit.entrypoints.web.settings import OidcSettings
from remit.ports import attempt
from remit.wiring import Remit

MOST_TOGETHER = 64
LATELY_S = 60.0
"""How long it counts as lately that a key let somebody in."""
MOST_LATELY = 10_000

bearer = HTTPBearer(auto_error=False, description="An API key, or an access token of the configured issuer.")


class Credentials:
    """The principals that bearer credentials let in: by an API key, or an access token of the configured issuer."""

    def __init__(self, remit: Remit, oidc: OidcSettings | None) -> None:
        self._remit, self._issuer = remit, TokenIssuer(oidc) if oidc else None
        self._keys: RequestBatcher[str, Principal] = RequestBatcher(self._each_key, MOST_TOGETHER)
        self._lately: dict[bytes, tuple[Principal, float]] = {}

    def check(self, credential: str) -> Principal:
        """Raises `Unauthenticated`."""
        if _is_key(credential):
            return self._checked_key(credential)
        return self._tokens().authenticate(credential)

    async def known(self, credential: str) -> Principal:
        """Find out the caller on the event loop."""
        if _is_key(credential):
            return await self._keys.ask(credential)
        return await self._tokens().known(credential)

    def lately(self, shown: bytes) -> Principal | None:
        """
        The principal that the key of this hash let in within `LATELY_S`. It may have been revoked since: `check` says
        what holds now.
        """
        principal, at = self._lately.get(shown, (None, 0.0))
        return principal if time.monotonic() - at < LATELY_S else None

    def _checked_key(self, key: str) -> Principal:
        try:
            principal = self._remit.authenticate(key)
        except Unauthenticated:
            self._lately.pop(_hashed(key), None)
            raise
        if len(self._lately) >= MOST_LATELY:
            self._lately.clear()
        self._lately[_hashed(key)] = principal, time.monotonic()
        return principal

    def _tokens(self) -> TokenIssuer:
        if self._issuer is None:
            raise Unauthenticated("only API keys let anybody in here; no token issuer is configured")
        return self._issuer

    def _each_key(self, keys: Sequence[str]) -> list[Principal | Exception]:
        # Asked at one moment, so a key that several send at once is looked up once.
        found = {key: attempt(partial(self.check, key)) for key in dict.fromkeys(keys)}
        return [found[key] for key in keys]


def _is_key(credential: str) -> bool:
    return credential.startswith(f"{PREFIX}.")


def _hashed(credential: str) -> bytes:
    return hashlib.sha256(credential.encode()).digest()


# Asynchronous where nothing is waited for: otherwise each would take a turn in a thread.
async def remit_of(request: Request) -> Remit:
    remit: Remit = request.app.state.remit
    return remit


async def principal_of(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
) -> Principal:
    """Raises `Unauthenticated`, or 429 for a credential that asks too often."""
    # What the header says is read by `admit`: named here, it stands in the OpenAPI document.
    del credentials
    return await admit(request)


async def admit(request: Request) -> Principal:
    """The caller, found out and counted once a request. Raises as `principal_of` does."""
    found: Principal | None = known_of(request).get("principal")
    if found is None:
        credential = _credential_of(request)
        credentials: Credentials = request.app.state.credentials
        found = known_of(request)["principal"] = await credentials.known(credential)
        _count(request, found)
    return found


def known_of(request: Request) -> dict[str, Any]:
    """The `state` of the request, without the object around it that each look makes."""
    known: dict[str, Any] = request.scope.setdefault("state", {})
    return known


class Entry(NamedTuple):
    """
    Somebody who has come in: whose tenant's turn it takes, and who it is.

    `principal` is called in the thread of the work, and looks the credential up as it is then; it raises
    `Unauthenticated`. `shown` is the hash of the credential that it looks up, if it does.
    """

    tenant_id: str
    principal: Callable[[], Principal]
    shown: bytes | None = None


def principals_of(entries: Sequence[Entry]) -> list[Principal | RemitError]:
    """The principals of these, in their order, or why there is none. What several have shown is looked up once."""
    asked = {entry.shown or entry.principal: entry.principal for entry in entries}
    found = {shown: attempt(principal) for shown, principal in asked.items()}
    return [found[entry.shown or entry.principal] for entry in entries]


async def enter(request: Request) -> Entry:
    """
    Let somebody in, and count the request.

    Whoever was let in lately is looked up in the thread that does its work, and so costs no thread before. Raises as
    `principal_of` does.
    """
    known: Credentials = request.app.state.credentials
    credential = _credential_of(request)
    shown = _hashed(credential)
    lately = known.lately(shown)
    if lately is None:
        principal = await admit(request)
        return Entry(principal.tenant_id, lambda: principal)
    _count(request, lately)
    return Entry(lately.tenant_id, partial(known.check, credential), shown)


def _credential_of(request: Request) -> str:
    sent = [value for name, value in request.scope["headers"] if name == b"authorization"]
    scheme, _, credential = (sent[0] if sent else b"").decode("latin-1").partition(" ")
    credential = credential.strip()
    if scheme.lower() != "bearer" or not credential:
        raise Unauthenticated("send 'Authorization: Bearer KEY'")
    # Whoever stands in front may have looked at the other one.
    if len(sent) > 1:
        raise Unauthenticated("send one 'Authorization', not several")
    return credential


def _count(request: Request, principal: Principal) -> None:
    """Once a request, however often it is asked who sent it."""
    known = known_of(request)
    if "is_counted" not in known:
        known["is_counted"] = True
        shared = request.app.state
        shared.limiter.count(principal)
        shared.turns.asked(principal.tenant_id)


CurrentRemit = Annotated[Remit, Depends(remit_of)]
Caller = Annotated[Principal, Depends(principal_of)]


def require_within_tenant(caller: Principal, permission: Permission) -> Principal:
    """The caller, if it may do this within a tenant. Raises `Forbidden`."""
    caller.require(permission)
    if caller.tenant_id == PLATFORM:
        raise Forbidden("the platform's keys reach no tenant's records; use a key of that tenant")
    return caller


def permitted(permission: Permission) -> Any:
    """A dependency: the caller, if it may do this within a tenant."""

    async def check(caller: Caller) -> Principal:
        return require_within_tenant(caller, permission)

    return Depends(check)


ProposerCaller = Annotated[Principal, permitted("propose")]
OwnReaderCaller = Annotated[Principal, permitted("read_own")]
OwnerCaller = Annotated[Principal, permitted("act_on_own")]
ReaderCaller = Annotated[Principal, permitted("read")]
AnswererCaller = Annotated[Principal, permitted("answer")]
DecidingAgainCaller = Annotated[Principal, permitted("decide_again")]
ResolverCaller = Annotated[Principal, permitted("resolve")]
StopperCaller = Annotated[Principal, permitted("stop")]
EraserCaller = Annotated[Principal, permitted("erase")]
BoundsSetterCaller = Annotated[Principal, permitted("set_bounds")]
SubscriberCaller = Annotated[Principal, permitted("subscribe")]
ExporterCaller = Annotated[Principal, permitted("export")]
VerifierCaller = Annotated[Principal, permitted("verify")]


_MAY_BE_NULL = frozenset({"on_behalf_of", "agent_tier"})


def require_own_tenant(caller: Principal, body: dict[str, Any]) -> dict[str, Any]:
    """
    The body with what the caller's credential says filled in: tenant, name, tier, and on whose behalf.

    Raises `Forbidden` if it names another tenant or an account that is not the caller's, or speaks as somebody else.
    """
    caller.require_account(body.get("account_id"))
    said = caller.of_intents()
    for field, own in said.items():
        sent = body.get(field, own)
        if sent != own and not (sent is None and field in _MAY_BE_NULL):
            raise Forbidden(f"{field} comes from the credential, which says {own!r}; leave it out")
    return {**body, **{field: own for field, own in said.items() if own is not None}}
