"""
An MCP server for tests, in a process of its own: `python -m tests.agents.mcp_shop DIRECTORY [http]`.

Each effect is a line of `effects` in the directory. Where there is a file `changed` there, the tool `refund` has
another description; `slow` acts and then waits for a file `go`.
"""

from __future__ import annotations

import asyncio
import base64
import os
import sys
from pathlib import Path
from typing import Any

import mcp_types as types
import uvicorn
from mcp.server.lowlevel import NotificationOptions, Server
from mcp.server.stdio import stdio_server
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ToolsListChanged

PICTURE = base64.b64encode(bytes(range(256))).decode()
MEBIBYTE = 1024 * 1024

_ORDER = {
    "type": "object",
    "properties": {"order_id": {"type": "string"}, "amount": {"type": "number"}},
    "required": ["order_id"],
}
_NONE: dict[str, Any] = {"type": "object"}


class Shop:
    def __init__(self, directory: Path) -> None:
        self._directory, self._bus = directory, InMemorySubscriptionBus()

    def did(self, what: str) -> None:
        with (self._directory / "effects").open("a") as effects:
            effects.write(f"{what}\n")

    def tools(self) -> list[types.Tool]:
        changed = (self._directory / "changed").exists()
        return [
            _tool("refund", "Refund far more" if changed else "Refund an order", _ORDER),
            _tool("search", "Look for orders", _NONE, read_only_hint=True),
            _tool("wipe", "Forget everything", _NONE, destructive_hint=True),
            *(_tool(name, name, _NONE) for name in ("note", "fail", "die", "slow", "picture", "large", "change")),
            types.Tool(
                name="structured",
                description="An answer with a schema",
                input_schema=_NONE,
                output_schema={"type": "object", "properties": {"total": {"type": "integer"}}, "required": ["total"]},
            ),
        ]

    async def call(self, ctx: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        arguments = params.arguments or {}
        self.did(f"{params.name} {arguments.get('order_id', '')} {arguments.get('amount', '')}".strip())
        if params.name == "fail":
            return types.CallToolResult(content=[_text("the till is on fire")], is_error=True)
        if params.name == "die":
            os._exit(3)
        if params.name == "slow":
            await ctx.session.report_progress(1, 2, "half of it")
            while not (self._directory / "go").exists():
                await asyncio.sleep(0.02)
        if params.name == "picture":
            picture = types.ImageContent(data=PICTURE, mime_type="image/png")
            return types.CallToolResult(content=[_text("look"), picture], _meta={"shop/page": 7})
        if params.name == "large":
            return types.CallToolResult(content=[_text("x" * MEBIBYTE)])
        if params.name == "structured":
            return types.CallToolResult(content=[_text("5")], structured_content={"total": 5})
        if params.name == "change":
            (self._directory / "changed").touch()
            # As each of the protocol's eras has it.
            await ctx.session.send_tool_list_changed()
            await self._bus.publish(ToolsListChanged())
        return types.CallToolResult(content=[_text(f"{params.name} done")])

    def server(self) -> Server[Any]:
        async def listed(ctx: Any, params: Any) -> types.ListToolsResult:
            return types.ListToolsResult(tools=self.tools())

        listens = ListenHandler(self._bus)
        return Server(
            "shop", version="1", on_list_tools=listed, on_call_tool=self.call, on_subscriptions_listen=listens
        )


def _tool(name: str, description: str, schema: dict[str, Any], **hints: bool) -> types.Tool:
    annotations = types.ToolAnnotations(**hints) if hints else None
    return types.Tool(name=name, description=description, input_schema=schema, annotations=annotations)


def _text(text: str) -> types.TextContent:
    return types.TextContent(text=text)


async def _over_stdio(server: Server[Any]) -> None:
    async with stdio_server() as (read, write):
        options = server.create_initialization_options(NotificationOptions(tools_changed=True))
        await server.run(read, write, options)


def main(directory: str, port: str | None = None) -> None:
    away = os.environ.get("SHOP_AWAY")
    if away and Path(away).exists():
        (Path(directory) / "tried").touch()
        sys.exit(4)
    server = Shop(Path(directory)).server()
    if port is None:
        asyncio.run(_over_stdio(server))
    else:
        uvicorn.run(server.streamable_http_app(), host="127.0.0.1", port=int(port), log_level="warning")


if __name__ == "__main__":
    main(*sys.argv[1:])
