"""The browser that somebody is at: told by Web Push when they turn it on, and the worker that shows it there."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import FileResponse, RedirectResponse, Response

from remit.entrypoints.console.auth import HOME, FormRoute, ReaderVisitor
from remit.entrypoints.console.edit import Said
from remit.entrypoints.console.render import STATIC
from remit.entrypoints.web.callers import CurrentRemit

router = APIRouter(route_class=FormRoute)
BrowserId = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]
WORKER = {
    # Browsers look for a new one with every visit, and it acts for the console's pages alone.
    "cache-control": "no-cache",
    "service-worker-allowed": HOME,
    "content-type": "text/javascript; charset=utf-8",
}


@router.post("/telling/browsers")
def turn_on(remit: CurrentRemit, visitor: ReaderVisitor, said: Said) -> Response:
    """Tell the visitor in the browser that sends this, or note that they are there again."""
    remit.push.turn_on(visitor.principal, {name: said.get(name, "") for name in ("endpoint", "p256dh", "auth")})
    return Response(status_code=204)


@router.post("/telling/browsers/{browser_id}/remove")
def turn_off(remit: CurrentRemit, visitor: ReaderVisitor, browser_id: BrowserId) -> Response:
    remit.push.turn_off(visitor.principal, browser_id)
    return RedirectResponse(f"{HOME}telling", status_code=303)


def service_worker(_: Request) -> Response:
    """The service worker, alike for everybody: nothing of a tenant is in it."""
    return FileResponse(STATIC / "worker.js", headers=WORKER)
