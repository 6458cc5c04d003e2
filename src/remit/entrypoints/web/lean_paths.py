"""
Paths that are asked very often: their requests come to their routes without being matched with every route there is.

A route answers its usual requests (`reading_bodies.LeanRoute`); every other one goes on, as if it had just come, to
where it would have gone, and so does every request for another path.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from fastapi import Request, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from remit.core.errors import RemitError
from remit.entrypoints.web.limits import bounded_body
from remit.entrypoints.web.problems import answer_to
from remit.entrypoints.web.reading_bodies import LeanRoute

BEGAN = "remit.began"
"""Stands in the scope of a request that was left alone: when it came (of `time.perf_counter`)."""


class LeanPaths:
    """
    Stands in front of what measures and bounds requests, and does both for those that it answers: each layer costs
    every part of every request.
    """

    def __init__(
        self,
        app: ASGIApp,
        routes: Iterable[object],
        largest: int,
        answered: Callable[[str, str, int, float], None],
    ) -> None:
        """Of `routes` those that are lean, and whose path is one text; `largest` and `answered` as those behind it."""
        self._app, self._largest, self._answered = app, largest, answered
        lean = [route for route in routes if isinstance(route, LeanRoute) and "{" not in route.path]
        self._routes = {(method, route.path): route for route in lean for method in route.methods or ()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._routes.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if route is None:
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        try:
            bounded = bounded_body(self._largest, scope, receive)
        except HTTPException:
            # Refused behind, like one for any other path: it comes to no route.
            await self._app(scope, receive, send)
            return
        scope["route"] = route
        response: Response | None
        try:
            request, response = await route.answer(Request(scope, bounded))
        except (RemitError, HTTPException) as error:
            response = answer_to(error)
        if response is None:
            scope[BEGAN] = began
            await self._app(scope, _again(await request.body(), receive), send)
            return
        self._answered(scope["method"], route.path, response.status_code, time.perf_counter() - began)
        await response(scope, receive, send)


def _again(body: bytes, receive: Receive) -> Receive:
    """`receive` once more, for a request whose body has been received."""
    left = [body]

    async def received() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return await receive()

    return received
