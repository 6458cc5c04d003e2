"""Visitors of the console: a cookie becomes a principal, and a form that is not the session's own is refused."""

from __future__ import annotations

import hmac
import ipaddress
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from remit.core.errors import Forbidden
from remit.core.identity.access import Permission
from remit.core.identity.credential import Credential
from remit.core.identity.principal import Principal
from remit.core.identity.session import SESSION_LIVES
from remit.entrypoints.web.reading_bodies import BodyAfterCaller
from remit.wiring import Remit

COOKIE = "remit_session"
HOME = "/console/"
SAFE_METHODS = ("GET", "HEAD")


@dataclass(frozen=True, slots=True)
class Visitor:
    """A person who is signed in. `csrf` is the token that this session's forms carry."""

    principal: Principal
    csrf: str
    cookie: str

    @property
    def name(self) -> str:
        return self.principal.name

    @property
    def tenant_id(self) -> str:
        return self.principal.tenant_id

    @property
    def credential(self) -> Credential:
        return self.principal.credential

    def may(self, permission: Permission) -> bool:
        return self.principal.may(permission)


async def visitor_of(request: Request) -> Visitor:
    """Raises `Unauthenticated`, and `Forbidden` for a form that another page made."""
    visitor = await seated(request)
    if request.method not in SAFE_METHODS:
        await _check_token(request, visitor.csrf)
    return visitor


async def seated(request: Request) -> Visitor:
    """The visitor whose session the cookie is, found out and counted once a request. Raises `Unauthenticated`."""
    found = visitor_seen(request)
    if found is None:
        remit: Remit = request.app.state.remit
        cookie = request.cookies.get(COOKIE, "")
        principal, csrf = await run_in_threadpool(remit.session, cookie)
        request.state.visitor = found = Visitor(principal, csrf, cookie)
        if principal.may("read") and is_page(request):
            # Before anything of it is read: what happens from here on may be missing from the page.
            cursor = await run_in_threadpool(remit.stream_cursor, principal.tenant_id)
            request.state.made_behind = cursor.text()
        request.app.state.limiter.count(principal)
    return found


def is_page(request: Request) -> bool:
    """Is a whole page asked for, and not a part of one, a file or a stream?"""
    asked_by_page = "hx-request" in request.headers
    return request.method == "GET" and not asked_by_page and "text/html" in request.headers.get("accept", "")


class FormRoute(BodyAfterCaller):
    """A route of the console: a session, then a form."""

    def takes_body(self) -> bool:
        # A form may also be read by a dependency, which the framework does not know as a body.
        return not set(self.methods or ()) <= set(SAFE_METHODS)

    async def let_in(self, request: Request) -> None:
        await seated(request)

    async def tenant_of(self, request: Request) -> str:
        return (await seated(request)).tenant_id


async def _check_token(request: Request, csrf: str) -> None:
    sent = request.headers.get("x-csrf-token") or (await request.form()).get("csrf")
    if not isinstance(sent, str) or not hmac.compare_digest(sent.encode(), csrf.encode()):
        raise Forbidden("this form was not made by this session; go back, reload the page and send it again")


def permitted(permission: Permission) -> Any:
    """A dependency: the visitor, if it may do this."""

    async def check(visitor: Annotated[Visitor, Depends(visitor_of)]) -> Visitor:
        visitor.principal.require(permission)
        return visitor

    return Depends(check)


AnyVisitor = Annotated[Visitor, Depends(visitor_of)]
ReaderVisitor = Annotated[Visitor, permitted("read")]
AnswererVisitor = Annotated[Visitor, permitted("answer")]
ResolverVisitor = Annotated[Visitor, permitted("resolve")]
StopperVisitor = Annotated[Visitor, permitted("stop")]
DecidingAgainVisitor = Annotated[Visitor, permitted("decide_again")]
BoundsSetterVisitor = Annotated[Visitor, permitted("set_bounds")]
KeyManagerVisitor = Annotated[Visitor, permitted("manage_keys")]
SubscriberVisitor = Annotated[Visitor, permitted("subscribe")]
ExporterVisitor = Annotated[Visitor, permitted("export")]
VerifierVisitor = Annotated[Visitor, permitted("verify")]
EraserVisitor = Annotated[Visitor, permitted("erase")]


async def own_page(request: Request) -> None:
    """A dependency of what needs no session: refuses a form that a page of another site sends."""
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise Forbidden("this form was sent by another site; open the console itself")


def on_loopback(request: Request) -> bool:
    """Does whoever asks sit at this machine? A proxy on it that speaks for somebody else says so."""
    if "forwarded" in request.headers or "x-forwarded-for" in request.headers:
        return False
    try:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def local_page(path: str | None) -> str:
    """The page of the console that `path` names; the first one if it names another place."""
    if path is None or not path.startswith(HOME) or "\\" in path or "//" in path or not path.isprintable():
        return HOME
    return path


def sign_in(response: Response, request: Request, cookie: str) -> None:
    """Let the browser keep the session: no script and no other site's form can use it."""
    response.set_cookie(
        COOKIE,
        cookie,
        max_age=int(SESSION_LIVES.total_seconds()),
        path=HOME,
        httponly=True,
        # Lax, so that a link in a message leads to its page; every form carries a token besides.
        samesite="lax",
        secure=request.url.scheme == "https",
    )


def visitor_seen(request: Request) -> Visitor | None:
    """The visitor of a page that anybody may see, if somebody is signed in."""
    found: Visitor | None = getattr(request.state, "visitor", None)
    return found
