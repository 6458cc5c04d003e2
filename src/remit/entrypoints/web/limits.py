"""Limits of how often one credential may ask, and how much it may send."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from remit.core.identity.principal import Principal
from remit.entrypoints.web.problems import answer_to


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


class SignInLimiter:
    """So many tries to sign in a minute from one address, and so many sign-ins of one credential."""

    def __init__(self, per_minute: int | None) -> None:
        self._limit = RateLimitItemPerMinute(per_minute) if per_minute else None
        self._windows = SlidingWindowCounterRateLimiter(MemoryStorage())

    def count_try(self, request: Request) -> None:
        """Raises 429 with `Retry-After`, before anything is looked up."""
        self._count("address", network_of(request.client.host if request.client else ""))

    def count_sign_in(self, principal: Principal) -> None:
        """Count a sign-in by a credential that is right: each sign-in is a session to keep."""
        self._count("credential", principal.tenant_id, principal.name)

    def _count(self, *of: str) -> None:
        if self._limit and not self._windows.hit(self._limit, *of):
            raise HTTPException(
                429, "too many tries in the last minute; wait and try again", headers={"Retry-After": "30"}
            )


def network_of(address: str) -> str:
    """The address, or the network of 2^64 addresses that one customer of IPv6 has."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if found.version == 4:
        return str(found)
    return str(found.ipv4_mapped or ip_network((int(found) >> 64 << 64, 64)))


class BodyLimit:
    """Refuses a request body larger than `largest` bytes before it is read whole."""

    def __init__(self, app: ASGIApp, largest: int) -> None:
        self._app, self._largest = app, largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            bounded = bounded_body(self._largest, scope, receive)
        except HTTPException as error:
            await answer_to(error)(scope, receive, send)
        else:
            await self._app(scope, bounded, send)


def bounded_body(largest: int, scope: Scope, receive: Receive) -> Receive:
    """`receive` for a body of at most `largest` bytes. Raises 413 for one that says that it is larger."""
    told = f"the body is larger than {largest} bytes; send less at once"
    announced = [int(value) for name, value in scope["headers"] if name == b"content-length" and value.isdigit()]
    if announced and max(announced) > largest:
        raise HTTPException(413, told)
    return at_most(largest, receive, told)


def at_most(largest: int, receive: Receive, told: str) -> Receive:
    """`receive`, until a body has more than `largest` bytes: then it raises 413."""
    read = 0

    async def counted() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if read > largest:
            raise HTTPException(413, told)
        return message

    return counted
