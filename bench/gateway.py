"""
What the MCP gateway adds to an automatic call of a tool.

A client of the official SDK calls one tool of one server: by itself, through a proxy that passes each call on and does
nothing else, and through `remit gateway`, in turns. The gateway may cost what a decorated function may (`bench.agents`)
and one hop of the proxy.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

import mcp_types as types
import uvicorn
import yaml
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

from bench.agents import ACTION, BareParts, bare_parts, prepared, process_of
from bench.world import ACCOUNT
from remit.entrypoints.server.listening import listen

Transport = Literal["stdio", "HTTP"]
TRANSPORTS: tuple[Transport, ...] = ("stdio", "HTTP")
CALLS, WARM_UP = 200, 30
TOOL = "refund"
_ARGUMENTS = {"order_id": "o-1", "amount": 5}
_SCHEMA = {"type": "object", "properties": {name: {} for name in _ARGUMENTS}}


@dataclass(frozen=True, slots=True)
class Calls:
    """Seconds of one call by each way, and of the bare commits and round trips beside them."""

    direct: float
    through_proxy: float
    through_gateway: float
    bare: float


@dataclass(frozen=True, slots=True)
class Added:
    """Seconds by medians: what the gateway adds, one hop of the proxy, and the bare commits and round trips."""

    gateway: float
    hop: float
    bare: float

    def ratio(self, times_bare: float) -> float:
        """Of what it adds to what it may."""
        return self.gateway / (times_bare * self.bare + self.hop)


def added(folder: Path, over: Transport, calls: int = CALLS) -> Added:
    folder.mkdir()
    database = f"sqlite:///{folder / 'gateway.db'}"
    key = prepared(folder / "gateway.db", {"min_confidence": "none"})
    with process_of("bench.agents", "serve", database) as (url, _), bare_parts(folder) as bare:
        seen = asyncio.run(_measured(_Ways(folder, over, url, key), bare, calls))
    direct = statistics.median(call.direct for call in seen)
    return Added(
        statistics.median(call.through_gateway for call in seen) - direct,
        statistics.median(call.through_proxy for call in seen) - direct,
        statistics.median(call.bare for call in seen),
    )


async def _measured(ways: _Ways, bare: BareParts, calls: int) -> list[Calls]:
    async with ways.direct() as direct, ways.through_proxy() as proxied, ways.through_gateway() as guarded:
        measured = [
            Calls(
                await _call(direct), await _call(proxied), await _call(guarded), bare.commits_s() + bare.round_trips_s()
            )
            for _ in range(WARM_UP + calls)
        ]
    return measured[WARM_UP:]


async def _call(client: Client) -> float:
    # As Claude Code names each call of a tool; the proxy and the server take no notice.
    meta: Any = {"claudecode/toolUseId": uuid4().hex}
    began = time.perf_counter()
    result = await client.call_tool(TOOL, _ARGUMENTS, meta=meta)
    took = time.perf_counter() - began
    assert not result.is_error, result
    return took


class _Ways:
    """Clients that reach the server by each way, with the processes on it."""

    def __init__(self, folder: Path, over: Transport, url: str, key: str) -> None:
        self._folder, self._over, self._url, self._key = folder, over, url, key

    @asynccontextmanager
    async def direct(self) -> AsyncIterator[Client]:
        with self._shop() as there:
            async with _client(there) as client:
                yield client

    @asynccontextmanager
    async def through_proxy(self) -> AsyncIterator[Client]:
        with self._shop() as there, self._server("proxy", *there) as proxy:
            async with _client(proxy) as client:
                yield client

    @asynccontextmanager
    async def through_gateway(self) -> AsyncIterator[Client]:
        with self._shop() as there, self._gateway(there) as gateway:
            async with _client(gateway) as client:
                yield client

    @contextmanager
    def _shop(self) -> Iterator[Sequence[str]]:
        with self._server("shop") as there:
            yield there

    @contextmanager
    def _server(self, *arguments: str) -> Iterator[Sequence[str]]:
        """Its command, or the URL of one that is started."""
        if self._over == "stdio":
            yield [sys.executable, "-m", "bench.gateway", "stdio", *arguments]
        else:
            with process_of("bench.gateway", "http", *arguments) as (url, _):
                yield [url]

    @contextmanager
    def _gateway(self, server: Sequence[str]) -> Iterator[Sequence[str]]:
        file = self._folder / "gateway.yaml"
        file.write_text(yaml.safe_dump(self._settings(server)))
        environ, command = {"REMIT_KEY": self._key}, ["gateway", str(file)]
        if self._over == "stdio":
            yield ["env", *(f"{name}={value}" for name, value in environ.items()), *_REMIT, *command]
        else:
            with process_of("remit", *command, "--http", "127.0.0.1:0", environ=environ) as (said, _):
                yield [said.split()[-1]]

    def _settings(self, server: Sequence[str]) -> dict[str, Any]:
        there = (
            {"command": server[0], "args": [*server[1:]], "env": _ENVIRON} if len(server) > 1 else {"url": server[0]}
        )
        return {
            "remit": {"url": self._url},
            "account_id": ACCOUNT,
            "servers": {"shop": there},
            "tools": {TOOL: {"action_type": ACTION}},
            # So long it waits for a server that only starts, on a busy machine.
            "answer_within_s": 60,
        }


_REMIT = [sys.executable, "-m", "remit"]
_ENVIRON = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "HOME") if name in os.environ}


def _client(there: Sequence[str]) -> Client:
    if len(there) == 1:
        return Client(there[0])
    return Client(StdioServerParameters(command=there[0], args=[*there[1:]], env=_ENVIRON))


# --- the server, and the proxy ---


def _shop() -> Server[Any]:
    async def called(*_: Any) -> types.CallToolResult:
        return types.CallToolResult(content=[types.TextContent(text="refunded")])

    return _server_of(called)


def _proxy(client: Client) -> Server[Any]:
    async def called(_: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        return await client.call_tool(params.name, params.arguments)

    return _server_of(called)


def _server_of(called: Any) -> Server[Any]:
    async def listed(*_: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[types.Tool(name=TOOL, description="Refund", input_schema=_SCHEMA)])

    return Server("shop", version="1", on_list_tools=listed, on_call_tool=called)


async def _serve(over: str, what: str, there: Sequence[str]) -> None:
    async with AsyncExitStack() as stack:
        server = _shop() if what == "shop" else _proxy(await stack.enter_async_context(_client(there)))
        if over == "stdio":
            read, write = await stack.enter_async_context(stdio_server())
            await server.run(read, write, server.create_initialization_options())
            return
        sockets = listen("127.0.0.1", 0)
        print(f"http://127.0.0.1:{sockets[0].getsockname()[1]}/mcp", flush=True)
        # As the gateway's own door reads it.
        config = uvicorn.Config(server.streamable_http_app(), http="h11", log_level="warning")
        await uvicorn.Server(config).serve(sockets)


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], sys.argv[2], sys.argv[3:]))
