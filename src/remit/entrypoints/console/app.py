"""The console's application: its routes, its errors as pages, and the headers that keep browsers to it."""

from __future__ import annotations

import gzip
from functools import cache
from mimetypes import guess_type
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, RedirectResponse, Response
from starlette.datastructures import State
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from remit.core.errors import RemitError, Unauthenticated
from remit.entrypoints.console import (
    answer_link,
    assignments,
    audit,
    automate,
    bounds,
    bounds_rules,
    bounds_types,
    browsers,
    dashboard,
    edit,
    intent,
    keys,
    notifications,
    policies,
    queue,
    report,
    sampled,
    sign_in,
    stops,
    stream,
    suggestions,
    timeline,
    tools,
)
from remit.entrypoints.console.auth import COOKIE, HOME
from remit.entrypoints.console.code_flow import CodeFlow
from remit.entrypoints.console.render import HTMX, STATIC, page
from remit.entrypoints.web.limits import SignInLimiter
from remit.entrypoints.web.problem_details import problem_of
from remit.entrypoints.web.settings import HttpSettings
from remit.wiring import Remit

SECURITY = {
    # Nothing from elsewhere, no script or style written into a page, and no page of ours in another's frame.
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}
ASSETS = {"console.css": STATIC, "console.js": STATIC, "push.js": STATIC, "icon.svg": STATIC, "htmx.js": None}
FOR_GOOD = {"cache-control": "public, max-age=31536000, immutable"}


ROUTES = (
    *(sign_in, answer_link, dashboard, timeline, queue, intent, automate, edit),
    *(bounds, bounds_types, bounds_rules, suggestions, policies, keys, audit, report),
    *(sampled, assignments, browsers, notifications, stops, tools, stream),
)


def create_console(remit: Remit, settings: HttpSettings, beside: State) -> FastAPI:
    """An ASGI application to be mounted at `/console`, under the same limits as the one it stands beside."""
    console = Console(docs_url=None, redoc_url=None, openapi_url=None)
    console.state.remit, console.state.limiter = remit, beside.limiter
    console.state.turns = beside.turns
    console.state.streams, console.state.ledger_reads = beside.streams, beside.ledger_reads
    console.state.sign_ins = SignInLimiter(settings.sign_ins_per_minute)
    console.state.code_flow = CodeFlow.of(settings.oidc)
    _install_errors(console)
    for module in ROUTES:
        console.include_router(module.router)
    console.add_api_route("/static/{name}", _asset)
    console.add_route("/worker.js", browsers.service_worker)
    return console


def _asset(request: Request, name: str) -> Response:
    if name not in ASSETS:
        raise HTTPException(404, "there is no such file")
    folder = ASSETS[name]
    path = HTMX if folder is None else folder / name
    headers = {**FOR_GOOD, "vary": "accept-encoding"}
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return FileResponse(path, headers=headers)
    media_type = guess_type(path.name)[0]
    return Response(_compressed(path), media_type=media_type, headers={**headers, "content-encoding": "gzip"})


@cache
def _compressed(path: Path) -> bytes:
    """A file as it is sent: nothing of anybody's is in it, so that its size tells nothing."""
    return gzip.compress(path.read_bytes(), mtime=0)


class SecurityHeaders:
    """Says to every browser what a page of the console may do."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name for name, _ in message["headers"]}
                message["headers"] += [
                    (name.encode(), value.encode()) for name, value in SECURITY.items() if name.encode() not in own
                ]
            await send(message)

        await self._app(scope, receive, secured if scope["type"] == "http" else send)


class Console(FastAPI):
    def build_middleware_stack(self) -> ASGIApp:
        # Around all of it: a middleware would stand inside the page that tells a fault of ours.
        return SecurityHeaders(super().build_middleware_stack())


def _install_errors(console: FastAPI) -> None:
    @console.exception_handler(RemitError)
    def ours(request: Request, error: RemitError) -> Response:
        if isinstance(error, Unauthenticated) and request.url.path != f"{HOME}sign-in":
            return _to_sign_in(request)
        return _error(request, **_of(error))

    @console.exception_handler(RequestValidationError)
    def shape(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"][1:])
        return _error(request, 422, "The request is not right", f"{place}: {first['msg']}")

    @console.exception_handler(HTTPException)
    def framework(request: Request, error: HTTPException) -> Response:
        title = "Not found" if error.status_code == 404 else ""
        response = _error(request, error.status_code, title, str(error.detail))
        response.headers.update(error.headers or {})
        return response

    @console.exception_handler(Exception)
    def ours_to_mend(request: Request, _: Exception) -> Response:
        told = "It may have happened: look before you do it again. The log of the server says more."
        return _error(request, 500, "Something is wrong here", told)


def _of(error: RemitError) -> dict[str, Any]:
    problem = problem_of(error)
    return {"status": problem["status"], "title": problem["title"], "told": problem["detail"]}


def _error(request: Request, status: int, title: str, told: str) -> Response:
    return page(request, "error.html", status=status, title=title or "That did not work", told=told)


def _to_sign_in(request: Request) -> Response:
    to = request.url.path if request.method == "GET" else HOME
    where = f"{HOME}sign-in?to={quote(to)}"
    if "hx-request" in request.headers:
        # A fragment of a page must not become the sign-in page: the whole window goes there.
        return Response(status_code=401, headers={"HX-Redirect": where})
    response = RedirectResponse(where, status_code=303)
    if COOKIE in request.cookies:
        response.delete_cookie(COOKIE, path=HOME)
    return response
