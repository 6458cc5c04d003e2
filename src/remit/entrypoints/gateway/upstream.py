"""A server behind the gateway: connected, listed, and connected again when it dies."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import mcp_types as types
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.shared.dispatcher import ProgressFnT
from mcp.shared.exceptions import MCPError
from pydantic import TypeAdapter

from remit.entrypoints.gateway.settings import UpstreamServer

log = logging.getLogger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 10.0
"""Between two tries to connect."""
FRESH_S = 5.0
"""So long after it was heard a server that speaks HTTP is taken to be there still."""
LIST_WITHIN_S = 10.0
MOST_PAGES = 100
MOST_EVENT_BYTES = 16 * 1024 * 1024

_AS_IT_CAME: Any = TypeAdapter(dict[str, Any])


class UpstreamDown(Exception):
    """The server is not there, and was not called."""


class Upstream:
    """One server. `on_change` is awaited when its tools are others than before."""

    def __init__(self, name: str, server: UpstreamServer, on_change: Callable[[], Awaitable[None]]) -> None:
        self.name, self._server, self._on_change = name, server, on_change
        self.tools: dict[str, dict[str, Any]] = {}
        """Its tools by their names, as it listed them last; kept while it is away."""
        self._client: Client | None = None
        self._up, self._gone, self._stale = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._heard_at = 0.0

    async def run(self) -> None:
        """Connect, and again whenever the connection has ended, until this is cancelled."""
        pause_s = FIRST_PAUSE_S
        while True:
            started = time.monotonic()
            try:
                await self._connected()
            except Exception as error:
                log.warning("the MCP server %r is not there: %s", self.name, _told(error))
            # One that was up for a while is started again at once.
            pause_s = FIRST_PAUSE_S if time.monotonic() - started > LONGEST_PAUSE_S else pause_s
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    async def ready(self, within_s: float | None) -> None:
        """Return once it can be called, with its tools as they are now. Raises `UpstreamDown`."""
        try:
            async with asyncio.timeout(within_s):
                while not await self._answers():
                    pass
        except TimeoutError:
            raise UpstreamDown(f"the MCP server {self.name!r} does not answer") from None

    async def call(self, tool: str, arguments: Mapping[str, Any], progress: ProgressFnT | None) -> dict[str, Any]:
        """
        The tool's answer as the server gave it. Raises `UpstreamDown` where it was certainly not called; any other
        error leaves that open.
        """
        client = self._client
        if client is None:
            raise UpstreamDown(f"the MCP server {self.name!r} is not there")
        asked = types.CallToolRequest(params=types.CallToolRequestParams(name=tool, arguments=dict(arguments)))
        try:
            answer: dict[str, Any] = await client.session.send_request(asked, _AS_IT_CAME, progress_callback=progress)
        except Exception:
            if not self._speaks_stdio:
                # Its session may be gone with it. Whether it is, the next call finds out.
                self._heard_at = 0.0
            raise
        self._heard_at = time.monotonic()
        return answer

    async def pass_on(self, tool: str, arguments: Mapping[str, Any], progress: ProgressFnT) -> dict[str, Any]:
        """The answer to a call that nobody is asked about. Raises the protocol's own errors."""
        try:
            await self.ready(LIST_WITHIN_S)
            return await self.call(tool, arguments, progress)
        except UpstreamDown as down:
            raise MCPError(types.INTERNAL_ERROR, str(down)) from None

    async def _answers(self) -> bool:
        await self._up.wait()
        client = self._client
        if client is None:
            return False
        if self._speaks_stdio or time.monotonic() - self._heard_at < FRESH_S:
            return True
        try:
            async with asyncio.timeout(LIST_WITHIN_S):
                await self._list(client)
        except Exception as error:
            log.warning("the MCP server %r no longer answers: %s", self.name, _told(error))
            self._lost()
            return False
        return True

    @property
    def _speaks_stdio(self) -> bool:
        return self._server.command is not None

    async def _connected(self) -> None:
        self._gone, self._stale = asyncio.Event(), asyncio.Event()
        try:
            async with Client(self._transport(), message_handler=self._heard, cache=None, mode="auto") as client:
                await self._list(client)
                self._client = client
                self._up.set()
                async with _Listening(client, self._stale.set):
                    await self._until_gone(client)
        finally:
            self._lost()

    def _lost(self) -> None:
        self._client = None
        self._up.clear()
        self._gone.set()

    async def _until_gone(self, client: Client) -> None:
        gone = asyncio.ensure_future(self._gone.wait())
        try:
            while not gone.done():
                stale = asyncio.ensure_future(self._stale.wait())
                await asyncio.wait({gone, stale}, return_when=asyncio.FIRST_COMPLETED)
                stale.cancel()
                if self._stale.is_set() and not gone.done():
                    self._stale.clear()
                    await self._list(client)
        finally:
            gone.cancel()

    async def _list(self, client: Client) -> None:
        found: dict[str, dict[str, Any]] = {}
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            page = await client.list_tools(cursor=cursor)
            for tool in page.tools:
                found[tool.name] = tool.model_dump(by_alias=True, mode="json", exclude_none=True)
            cursor = page.next_cursor
            if cursor is None:
                break
        self._heard_at = time.monotonic()
        changed, self.tools = found != self.tools, found
        if changed:
            await self._on_change()

    async def _heard(self, message: Any) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            self._stale.set()

    @asynccontextmanager
    async def _transport(self) -> AsyncIterator[Any]:
        server = self._server
        async with AsyncExitStack() as stack:
            if server.command is not None:
                spoken = StdioServerParameters(command=server.command, args=server.args, env=server.env)
                read, write = await stack.enter_async_context(stdio_client(spoken))
                yield _Watched(read, self._gone.set), write
            else:
                http = await stack.enter_async_context(create_mcp_http_client(headers=dict(server.headers)))
                opened = streamable_http_client(server.url or "", http_client=http, max_sse_event_size=MOST_EVENT_BYTES)
                yield await stack.enter_async_context(opened)


class _Watched:
    """A stream of messages that says when it has ended: the server's process has."""

    def __init__(self, inner: Any, on_end: Callable[[], None]) -> None:
        self._inner, self._on_end = inner, on_end

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __aiter__(self) -> _Watched:
        return self

    async def __anext__(self) -> Any:
        try:
            return await self._inner.__anext__()
        except BaseException:
            self._on_end()
            raise

    async def __aenter__(self) -> _Watched:
        await self._inner.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> Any:
        return await self._inner.__aexit__(*error)


class _Listening:
    """Hears from a server of the protocol's present era that its tools have changed; older ones say so unasked."""

    def __init__(self, client: Client, on_change: Callable[[], None]) -> None:
        self._client, self._on_change = client, on_change
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        tools = self._client.server_capabilities.tools
        if self._client.session.discover_result is not None and tools is not None and tools.list_changed:
            self._task = asyncio.create_task(self._listen())

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _listen(self) -> None:
        try:
            async with self._client.listen(tools_list_changed=True) as changes:
                async for _ in changes:
                    self._on_change()
        except Exception as error:
            log.debug("a server's changes are not heard: %s", _told(error))


def _told(error: BaseException) -> str:
    """The first of what a group of errors holds, in a line."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}".split("\n")[0][:300]
