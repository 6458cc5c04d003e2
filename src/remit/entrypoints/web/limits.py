"""How often one credential may ask, and how much it may send."""

from __future__ import annotations

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from remit.core.identity.principal import Principal
from remit.entrypoints.web.problems import answer, refusal


class RateLimiter:
    """So many requests a minute for each credential's name, counted by this process."""

    def __init__(self, per_minute: int | None) -> None:
        self._limit = RateLimitItemPerMinute(per_minute) if per_minute else None
        self._windows = SlidingWindowCounterRateLimiter(MemoryStorage())

    def count(self, principal: Principal) -> None:
        """Raises 429 with `Retry-After`."""
        if self._limit and not self._windows.hit(self._limit, principal.tenant_id, principal.name):
            raise HTTPException(
                429, "too many requests in the last minute; wait and send it again", headers={"Retry-After": "5"}
            )


class BodyLimit:
    """Refuses a request body larger than `largest` bytes before it is read whole."""

    def __init__(self, app: ASGIApp, largest: int) -> None:
        self._app, self._largest = app, largest
        self._too_large = f"the body is larger than {largest} bytes; send less at once"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > self._largest:
            await answer(refusal(413, self._too_large))(scope, receive, send)
            return
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._largest:
                raise HTTPException(413, self._too_large)
            return message

        await self._app(scope, counted, send)
