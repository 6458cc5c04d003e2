"""
Remit over HTTP, for agents and tools in other processes: `RemitClient`, and `AsyncRemitClient` with the same verbs.

Problems are raised as the errors of `remit.core.errors`, sorted by what to do next. Nothing is sent twice unless
`retries` says so, and then only what is known not to have happened.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any, Self, TypeVar

import httpx

from remit.client.addressing import options
from remit.client.answered_errors import error_of_answer, our_errors
from remit.client.async_connections import AsyncConnections, is_proxied
from remit.client.calls import RouteCall
from remit.client.lines import Events, Lines, Streamed, stream_after
from remit.client.verbs import Verbs, export_of
from remit.core.errors import TryLater

if TYPE_CHECKING:
    # For annotations alone: at run time the client is httpx and the errors, so that it loads at once.
    from remit.core import views as a

T = TypeVar("T")
TIMEOUT_S = 30.0
LONGEST_PAUSE_S = 30.0
WAIT_S = 30.0
LONGEST_WAIT_S = 60.0
"""How long the door holds one question for an answer."""
LOOK_AGAIN_S = 1.0
"""When somebody who waits asks again after a question that came to nothing."""


class Waiting:
    """The time to wait in all, cut into questions that the door holds."""

    def __init__(self, for_s: float) -> None:
        self._until = time.monotonic() + for_s

    def next_s(self) -> float:
        return round(min(max(self._until - time.monotonic(), 0.0), LONGEST_WAIT_S), 3)

    def is_over(self) -> bool:
        return time.monotonic() >= self._until

    def pause_s(self, error: TryLater) -> float:
        """Before the question that came to nothing is asked again. Raises the error when the time is over."""
        left_s = self._until - time.monotonic()
        if left_s <= 0:
            raise error
        return min(max(float(getattr(error, "retry_after_s", 0.0)), LOOK_AGAIN_S), left_s)


class _Client(Verbs):
    def __init__(self, retries: int) -> None:
        self._retries = retries

    def _pause_s(self, error: TryLater, attempt: int) -> float:
        """Raises the error again once it was tried often enough."""
        if attempt >= self._retries:
            raise error
        asked = float(getattr(error, "retry_after_s", 0.0))
        return min(max(asked, 0.1 * 2.0**attempt), LONGEST_PAUSE_S)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(key not shown)"


class RemitClient(_Client):
    """
    Remit at `url`, as whoever `key` (an API key or an access token) is.

    >>> with RemitClient("http://127.0.0.1:8000", key) as remit:  # doctest: +SKIP
    ...     remit.propose({...})["result"]

    `retries` is how often a call is made again that is known not to have happened (`TryLater`). Safe to share
    between threads.
    """

    def __init__(self, url: str, key: str, *, timeout_s: float = TIMEOUT_S, retries: int = 0) -> None:
        super().__init__(retries)
        self._http = httpx.Client(**options(url, key, timeout_s))

    def _ask(self, call: RouteCall[T]) -> T:
        attempt = 0
        while True:
            try:
                with our_errors(call):
                    response = self._http.send(_request(self._http, call))
                return _answer(call, response)
            except TryLater as error:
                pause_s = self._pause_s(error, attempt)
            attempt += 1
            time.sleep(pause_s)

    def wait(self, action_intent_id: str, *, timeout_s: float = WAIT_S) -> a.AgentAnswer:
        """The answer when it is settled, or as it is after `timeout_s`, however long that is; follows edits."""
        waiting = Waiting(timeout_s)
        while True:
            try:
                found = self.answer(action_intent_id, wait_s=waiting.next_s())
                if found["settled"] or waiting.is_over():
                    return found
            except TryLater as error:
                time.sleep(waiting.pause_s(error))

    def export(self, *, since: str | None = None, before: str | None = None) -> Iterator[a.EntryAnswer]:
        """Every ledger entry of the tenant, closed by a seal; with RFC 3339 times those between, without one."""
        return (json.loads(line) for line in self._lines(export_of(since, before)))

    def stream(self, *, after: str | None = None) -> Iterator[Streamed]:
        """The timeline as it happens, from now or from after an event that was streamed."""
        events = Events()
        return (event for line in self._lines(stream_after(after)) if (event := events.hear(line)))

    def _lines(self, call: RouteCall[Any]) -> Iterator[str]:
        with our_errors(call):
            response = self._http.send(_request(self._http, call), stream=True)
            try:
                if not response.is_success:
                    response.read()
                    raise error_of_answer(response, call)
                lines = Lines()
                for piece in response.iter_bytes():
                    yield from lines.ended_by(piece)
                yield from lines.rest()
            finally:
                response.close()

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncRemitClient(_Client):
    """`RemitClient` for an event loop: every verb is awaited."""

    def __init__(self, url: str, key: str, *, timeout_s: float = TIMEOUT_S, retries: int = 0) -> None:
        super().__init__(retries)
        self._http = httpx.AsyncClient(**options(url, key, timeout_s))
        base = self._http.base_url
        self._connections = None if is_proxied(base) else AsyncConnections(base)
        self._send = self._connections.send if self._connections else self._http.send

    async def _ask(self, call: RouteCall[T]) -> T:
        attempt = 0
        while True:
            try:
                with our_errors(call):
                    response = await self._send(_request(self._http, call))
                return _answer(call, response)
            except TryLater as error:
                pause_s = self._pause_s(error, attempt)
            attempt += 1
            await asyncio.sleep(pause_s)

    async def wait(self, action_intent_id: str, *, timeout_s: float = WAIT_S) -> a.AgentAnswer:
        """The answer when it is settled, or as it is after `timeout_s`, however long that is; follows edits."""
        waiting = Waiting(timeout_s)
        while True:
            try:
                found = await self.answer(action_intent_id, wait_s=waiting.next_s())
                if found["settled"] or waiting.is_over():
                    return found
            except TryLater as error:
                await asyncio.sleep(waiting.pause_s(error))

    async def export(self, *, since: str | None = None, before: str | None = None) -> AsyncIterator[a.EntryAnswer]:
        """Every ledger entry of the tenant, closed by a seal; with RFC 3339 times those between, without one."""
        async for line in self._lines(export_of(since, before)):
            yield json.loads(line)

    async def stream(self, *, after: str | None = None) -> AsyncIterator[Streamed]:
        """The timeline as it happens, from now or from after an event that was streamed."""
        events = Events()
        async for line in self._lines(stream_after(after)):
            if event := events.hear(line):
                yield event

    async def _lines(self, call: RouteCall[Any]) -> AsyncIterator[str]:
        with our_errors(call):
            response = await self._http.send(_request(self._http, call), stream=True)
            try:
                if not response.is_success:
                    await response.aread()
                    raise error_of_answer(response, call)
                lines = Lines()
                async for piece in response.aiter_bytes():
                    for line in lines.ended_by(piece):
                        yield line
                for line in lines.rest():
                    yield line
            finally:
                await response.aclose()

    async def close(self) -> None:
        if self._connections is not None:
            self._connections.close()
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def _request(http: httpx.Client | httpx.AsyncClient, call: RouteCall[Any]) -> httpx.Request:
    # Whole, and without an empty query: joining the parts of a URL takes httpx longer than sending it.
    url = f"{http.base_url}".rstrip("/") + call.path
    query = {name: value for name, value in call.query.items() if value is not None} or None
    body = {} if call.body is None else {"json": call.body}
    timeout = _timeout(http.timeout, call.held_s)
    return http.build_request(call.method, url, params=query, headers=call.headers, timeout=timeout, **body)


def _timeout(usual: httpx.Timeout, held_s: float) -> httpx.Timeout:
    read = None if usual.read is None else usual.read + held_s
    return httpx.Timeout(connect=usual.connect, read=read, write=usual.write, pool=usual.pool)


def _answer(call: RouteCall[T], response: httpx.Response) -> T:
    if not response.is_success:
        raise error_of_answer(response, call)
    return call.read(response)
