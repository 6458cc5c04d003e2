"""
MCP servers and gateways for one run of a driver, each in a process that is forked from it: with it they are killed.

Over stdio each is reached by a command of its own (`relay`), which is at once where it is forked already.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import mcp_types as types
import uvicorn
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

from remit.entrypoints.gateway.gateway import Gateway
from remit.entrypoints.gateway.serve import serve_http, serve_stdio
from tests.agents.suite.jobs import Job, far_side
from tests.waiting import PATIENCE_S

TOOL = "refund"
_SCHEMA = {
    "type": "object",
    "properties": {"order_id": {"type": "string"}, "amount": {"type": "integer"}},
    "required": ["order_id", "amount"],
}


def shop(job: Job) -> Server[Any]:
    """The far side as an MCP server with one tool."""

    async def listed(ctx: Any, params: Any) -> types.ListToolsResult:
        tool = types.Tool(name=TOOL, description="Refund an order", input_schema=_SCHEMA)
        return types.ListToolsResult(tools=[tool])

    async def called(ctx: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        text = far_side(job, (params.arguments or {})["amount"])
        return types.CallToolResult(content=[types.TextContent(text=text)])

    return Server("shop", version="1", on_list_tools=listed, on_call_tool=called)


@contextmanager
def shop_over_http(job: Job) -> Iterator[dict[str, Any]]:
    """What a gateway's file says of it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            config = uvicorn.Config(shop(job).streamable_http_app(), log_level="warning")
            uvicorn.Server(config).run(sockets=[listener])

        with _forked(serve):
            yield {"url": f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"}


@contextmanager
def shop_over_stdio(job: Job) -> Iterator[dict[str, Any]]:
    async def serve() -> None:
        server = shop(job)
        async with stdio_server() as (read, write):
            await server.run(read, write, server.create_initialization_options())

    with _at_stdio(lambda: asyncio.run(serve())) as command:
        yield {"command": command[0], "args": command[1:]}


@contextmanager
def gateway_over_http(made: Callable[[], Gateway]) -> Iterator[str]:
    """The URL of one."""
    reader, writer = _context().Pipe(duplex=False)

    def serve() -> None:
        asyncio.run(serve_http(made(), "1", "127.0.0.1", 0, writer.send))

    with _forked(serve):
        assert reader.poll(PATIENCE_S), "the gateway does not listen"
        yield reader.recv()


@contextmanager
def gateway_over_stdio(made: Callable[[], Gateway]) -> Iterator[list[str]]:
    """A command that starts one."""
    with _at_stdio(lambda: asyncio.run(serve_stdio(made(), "1"))) as command:
        yield command


@contextmanager
def _at_stdio(serve: Callable[[], None]) -> Iterator[list[str]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def served() -> None:
            connection, _ = listener.accept()
            for stream in (0, 1):
                os.dup2(connection.fileno(), stream)
            connection.close()
            sys.stdin, sys.stdout = open(0), open(1, "w")  # noqa: SIM115  # as long as the process
            serve()

        with _forked(served):
            relay = str(Path(__file__).with_name("relay.py"))
            yield [sys.executable, "-S", "-E", relay, str(listener.getsockname()[1])]


@contextmanager
def _forked(serve: Callable[[], None]) -> Iterator[None]:
    process = _context().Process(target=serve)
    process.start()
    try:
        yield
    finally:
        process.terminate()
        process.join(PATIENCE_S)


def _context() -> Any:
    # This process has no thread yet, and has loaded all that they need.
    return get_context("fork")
