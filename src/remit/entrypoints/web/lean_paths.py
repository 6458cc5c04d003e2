"""
Paths that are asked very often: their requests come to their routes without being matched with every route there is.

A route answers its usual requests (`reading_bodies.LeanRoute`); every other one goes on, as if it had just come, to
where it would have gone, and so does every request for another path.
"""

from __future__ import annotations

from collections.abc import Iterable

from fastapi import Request, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from remit.core.errors import RemitError
from remit.entrypoints.web.problems import answer_to
from remit.entrypoints.web.reading_bodies import LeanRoute


class LeanPaths:
    """Stands behind what measures and bounds requests, so that it does the same for these."""

    def __init__(self, app: ASGIApp, routes: Iterable[object]) -> None:
        """Of `routes` those that are lean, and whose path is one text."""
        self._app = app
        lean = [route for route in routes if isinstance(route, LeanRoute) and "{" not in route.path]
        self._routes = {(method, route.path): route for route in lean for method in route.methods or ()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._routes.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if route is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = route
        request = Request(scope, receive)
        response: Response | None
        try:
            request, response = await route.answer(request)
        except (RemitError, HTTPException) as error:
            response = answer_to(error)
        if response is None:
            await self._app(scope, _again(await request.body(), receive), send)
        else:
            await response(scope, receive, send)


def _again(body: bytes, receive: Receive) -> Receive:
    """`receive` once more, for a request whose body has been received."""
    left = [body]

    async def received() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return await receive()

    return received
