"""Presses in Slack: their requests are let in by their signature, and answer as the person an admin named."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse, Response
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool

from remit.app.chat import KnownPress, Reaction
from remit.core.errors import Unauthenticated
from remit.core.notifications.press import NOT_SIGNED, SignedRequest
from remit.core.values import Identifier
from remit.entrypoints.web.callers import CurrentRemit
from remit.entrypoints.web.limits import SignInLimiter, at_most
from remit.entrypoints.web.reading_bodies import BodyAfterCaller, turns_of
from remit.wiring import Remit

LARGEST_BYTES = 256 * 1024
"""Slack's own payloads are far smaller."""


class SignedRoute(BodyAfterCaller):
    """A route whose caller is known by a signature over its body: what cannot be one is turned away unread."""

    def takes_body(self) -> bool:
        return True

    async def let_in(self, request: Request) -> None:
        limiter: SignInLimiter = request.app.state.presses
        limiter.count_try(request)
        _signed(request, b"").check_fresh(request.app.state.remit.now())

    async def tenant_of(self, request: Request) -> None:
        """Nobody's yet: it takes its turn when its signature is known to be right."""

    async def read(self, request: Request) -> Request:
        told = f"the body is larger than {LARGEST_BYTES} bytes"
        return Request(request.scope, at_most(LARGEST_BYTES, request.receive, told))


router = APIRouter(tags=["telling"], route_class=SignedRoute)


@router.post("/v1/slack/{tenant_id}", include_in_schema=False)
async def pressed(
    request: Request, remit: CurrentRemit, tenant_id: Annotated[Identifier, Path(description="whose app it is")]
) -> Response:
    """
    The request URL of a tenant's Slack app (Interactivity): approve, reject and open from its messages.

    Signed by Slack (`X-Slack-Signature`); a person answers as the one whom an admin named for their team and user id.
    """
    signed = _signed(request, await request.body())
    known = await run_in_threadpool(remit.chat.known, tenant_id, signed)
    if known is None:
        return Response(status_code=200)
    async with turns_of(request).of(tenant_id):
        reaction = await run_in_threadpool(_answer, request, remit, known)
    background = BackgroundTask(reaction.then) if reaction.then else None
    if reaction.body is None:
        return Response(status_code=200, background=background)
    return JSONResponse(reaction.body, background=background)


def _answer(request: Request, remit: Remit, known: KnownPress) -> Reaction:
    if known.principal is not None:
        request.app.state.limiter.count(known.principal)
    return remit.chat.answer(known)


def _signed(request: Request, body: bytes) -> SignedRequest:
    timestamp, signature = (request.headers.get(f"x-slack-{name}", "") for name in ("request-timestamp", "signature"))
    if not signature.startswith("v0="):
        raise Unauthenticated(NOT_SIGNED)
    return SignedRequest(timestamp, signature, body)
