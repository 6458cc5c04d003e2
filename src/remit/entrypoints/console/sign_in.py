"""Coming in by a key, by a link, or through the configured issuer; and going out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import PlainTextResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from remit.core.errors import RemitError, Unauthenticated
from remit.entrypoints.console.auth import (
    COOKIE,
    HOME,
    SAFE_METHODS,
    AnyVisitor,
    local_page,
    on_loopback,
    own_page,
    sign_in,
)
from remit.entrypoints.console.code_flow import CodeFlow
from remit.entrypoints.console.render import page
from remit.entrypoints.web.callers import CurrentRemit
from remit.entrypoints.web.limits import SignInLimiter, at_most
from remit.entrypoints.web.reading_bodies import BodyAfterCaller, turns_of

LARGEST_FORM_BYTES = 16 * 1024
"""Of somebody of whom nothing is known yet."""
ASKED = "remit_sign_in"
"""The cookie that remembers, between leaving for the issuer and coming back, what was asked."""
_NOT_STORED = {"Cache-Control": "no-store"}


class SignInRoute(BodyAfterCaller):
    """A route for whoever is not signed in: a try is counted before its form is read, and the form is a small one."""

    def takes_body(self) -> bool:
        return not set(self.methods or ()) <= set(SAFE_METHODS)

    async def let_in(self, request: Request) -> None:
        await count_try(request)

    async def tenant_of(self, request: Request) -> None:
        """Nobody's yet; how often it is tried is limited."""

    async def read(self, request: Request) -> Request:
        return Request(request.scope, at_most(LARGEST_FORM_BYTES, request.receive, "this form is too large"))


async def count_try(request: Request) -> None:
    """A dependency: raises 429 for an address that tries too often."""
    limiter: SignInLimiter = request.app.state.sign_ins
    limiter.count_try(request)
    # Whose it is nobody knows yet; tenants that are at work make room for it all the same.
    turns_of(request).asked("")


router = APIRouter(route_class=SignInRoute)


@router.get("/sign-in")
def ask(request: Request, to: str | None = None) -> Response:
    return page(request, "sign_in.html", to=local_page(to), problem=None)


@router.post("/sign-in", dependencies=[Depends(own_page)])
def by_key(
    request: Request, remit: CurrentRemit, key: Annotated[str, Form(max_length=1000)], to: Annotated[str, Form()] = HOME
) -> Response:
    """Whoever has the key may do here what the key may do elsewhere, for as long as it lasts."""
    sign_ins: SignInLimiter = request.app.state.sign_ins
    try:
        principal = remit.authenticate(key.strip())
        sign_ins.count_sign_in(principal)
        cookie = remit.begin_session(principal, by_key=key.strip())
    except RemitError as error:
        return page(request, "sign_in.html", status=401, to=local_page(to), problem=str(error))
    return _signed_in(request, cookie, local_page(to))


@router.get("/link/{token}", dependencies=[Depends(count_try)])
def by_link(request: Request, remit: CurrentRemit, token: str) -> Response:
    """
    From this machine a link signs in at once. From elsewhere it asks first: programs that look into messages
    open every link in them, and would use it up.
    """
    if on_loopback(request):
        return _redeemed(request, remit, token)
    return page(request, "link.html")


@router.post("/link/{token}", dependencies=[Depends(own_page)])
def by_link_confirmed(request: Request, remit: CurrentRemit, token: str) -> Response:
    return _redeemed(request, remit, token)


def _redeemed(request: Request, remit: CurrentRemit, token: str) -> Response:
    try:
        cookie, leads_to = remit.redeem_link(token, on_loopback=on_loopback(request))
    except RemitError as error:
        return page(request, "sign_in.html", status=401, to=HOME, problem=str(error))
    return _signed_in(request, cookie, leads_to)


@router.get("/oidc", dependencies=[Depends(count_try)])
def leave_for_issuer(request: Request, to: str | None = None) -> Response:
    """To the issuer's own sign-in."""
    flow = _flow(request)
    where, asked = flow.begin(_callback(request), local_page(to))
    response = RedirectResponse(where, status_code=303)
    secure = request.url.scheme == "https"
    response.set_cookie(ASKED, asked, max_age=600, path=HOME, httponly=True, samesite="lax", secure=secure)
    return response


@router.get("/oidc/callback", dependencies=[Depends(count_try)])
def come_back(request: Request, remit: CurrentRemit) -> Response:
    """From the issuer, with a code that only this server can turn into who it is."""
    try:
        found = _flow(request).finish(_callback(request), request.cookies.get(ASKED, ""), str(request.url))
        cookie = remit.begin_session(found.principal, issuer_session=found.issuer_session)
    except RemitError as error:
        return page(request, "sign_in.html", status=401, to=HOME, problem=str(error))
    response = _signed_in(request, cookie, local_page(found.to))
    response.delete_cookie(ASKED, path=HOME)
    return response


@router.post("/oidc/logout")
def end_at_issuers_word(
    request: Request, remit: CurrentRemit, logout_token: Annotated[str, Form(max_length=LARGEST_FORM_BYTES)]
) -> Response:
    """The issuer says that a session of its is over, server to server: those that began by it here end with it."""
    flow = _flow(request)
    try:
        ended = flow.ended(logout_token)
    except Unauthenticated as error:
        return PlainTextResponse(str(error), status_code=400, headers=_NOT_STORED)
    remit.end_issuer_sessions(subject=ended.subject, issuer_session=ended.issuer_session, tenant=flow.tenant)
    return PlainTextResponse("", headers=_NOT_STORED)


@router.post("/sign-out")
def sign_out(remit: CurrentRemit, visitor: AnyVisitor) -> Response:
    remit.end_session(visitor.cookie)
    response = RedirectResponse(f"{HOME}sign-in", status_code=303)
    response.delete_cookie(COOKIE, path=HOME)
    return response


def _flow(request: Request) -> CodeFlow:
    flow: CodeFlow | None = request.app.state.code_flow
    if flow is None:
        raise HTTPException(404, "no token issuer is configured for the console")
    return flow


def _callback(request: Request) -> str:
    return f"{request.url.scheme}://{request.headers['host']}{HOME}oidc/callback"


def _signed_in(request: Request, cookie: str, to: str) -> Response:
    response = RedirectResponse(to, status_code=303)
    sign_in(response, request, cookie)
    return response
