"""The gateway itself: its servers and their tools, its callers, and the calls that are on their way."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from remit.client.http_client import AsyncRemitClient
from remit.entrypoints.gateway.calls import Caller, Calls
from remit.entrypoints.gateway.names import credential_name
from remit.entrypoints.gateway.settings import GatewaySettings, required
from remit.entrypoints.gateway.tools import ANSWER_TOOL, GatewayTool
from remit.entrypoints.gateway.upstream import Upstream, UpstreamDown
from remit.entrypoints.gateway.waiting import WaitingCalls

FIRST_LIST_WITHIN_S = 10.0
MOST_CALLERS = 100
"""Keys whose connections to Remit are kept."""
ASKED_WITHIN_S = 10.0


class Gateway:
    """
    Its clients' calls are its own agent's, unless they bring a key themselves. `state` is a directory of its own, made
    when it is needed.

    `on_change` is awaited when its tools are others than before.
    """

    def __init__(self, settings: GatewaySettings, environ: Mapping[str, str], state: Path) -> None:
        self.settings = settings
        self._key = required(environ, settings.remit.key_env, "remit.key_env")
        self.secret = hashlib.sha256(b"remit gateway secret:" + self._key.encode()).digest()
        """Of the key, so that what it signs outlives this process."""
        self.on_change: Callable[[], Awaitable[None]] = _nobody
        self.upstreams = {
            name: Upstream(name, server.with_variables(environ), self._changed)
            for name, server in settings.servers.items()
        }
        self.calls = Calls(self.tool, settings.server_of, self.upstreams, WaitingCalls(state), settings.answer_within_s)
        self.closing = False
        self._began = time.monotonic()
        self._callers: OrderedDict[str, Caller] = OrderedDict()
        self._named: tuple[list[dict[str, Any]], dict[str, GatewayTool]] | None = None

    def tools(self) -> list[GatewayTool]:
        """Every tool by the name that clients call it, but one that bears the name of the gateway's own."""
        return list(self._by_name().values())

    def tool(self, name: str) -> GatewayTool | None:
        return self._by_name().get(name)

    def _by_name(self) -> Mapping[str, GatewayTool]:
        # Each listing is a mapping of its own, so it is the same one for as long as nothing was listed anew.
        listings = [upstream.tools for upstream in self.upstreams.values()]
        if self._named is None or any(old is not new for old, new in zip(self._named[0], listings, strict=True)):
            self._named = listings, self._named_anew()
        return self._named[1]

    def _named_anew(self) -> dict[str, GatewayTool]:
        named: dict[str, GatewayTool] = {}
        for server, upstream in self.upstreams.items():
            for own, definition in upstream.tools.items():
                name = self.settings.exposed_name(server, own)
                if name != ANSWER_TOOL:
                    named.setdefault(name, GatewayTool(name, own, server, definition, self.settings))
        return named

    async def found(self, name: str) -> GatewayTool | None:
        """The tool, also of a server that is only just starting."""
        if self.tool(name) is None:
            await self.all_listed()
        return self.tool(name)

    async def all_listed(self) -> None:
        """Return once every server has listed its tools, or has had the time to since the gateway began."""
        first_s = max(FIRST_LIST_WITHIN_S, self.settings.answer_within_s)
        within_s = max(self._began + first_s - time.monotonic(), 0.0)

        async def listed(upstream: Upstream) -> None:
            with suppress(UpstreamDown):
                await upstream.ready(within_s)

        await asyncio.gather(*(listed(each) for each in self.upstreams.values() if not each.tools))

    def caller(self, key: str | None = None) -> Caller:
        """The principal whose intents the calls of somebody with that key are; without one, the gateway's own."""
        key = key or self._key
        name = credential_name(key)
        if name not in self._callers:
            self._callers[name] = Caller(self.connected(key), name, is_gateway=key == self._key)
        self._callers.move_to_end(name)
        self._forget_some()
        return self._callers[name]

    def connected(self, key: str) -> AsyncRemitClient:
        """A client of Remit with that key."""
        return AsyncRemitClient(self.settings.remit.url, key, timeout_s=ASKED_WITHIN_S)

    def _forget_some(self) -> None:
        own = credential_name(self._key)
        while len(self._callers) > MOST_CALLERS:
            # Left to the garbage: calls may still be on their way through it.
            del self._callers[next(name for name in self._callers if name != own)]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Connected to its servers, and going on with what waited when it ended last."""
        tasks = [asyncio.create_task(upstream.run()) for upstream in self.upstreams.values()]
        self.calls.resume(self.caller())
        try:
            yield
        finally:
            self.closing = True
            await self.calls.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for caller in self._callers.values():
                await caller.client.close()

    async def _changed(self) -> None:
        await self.on_change()


async def _nobody() -> None:
    """Nobody is told."""
