"""
The MCP server that the protocol's conformance package expects, as far as it is about tools: in a process of its own,
`python -m tests.agents.mcp_conformance`.
"""

from __future__ import annotations

import asyncio
from typing import Any

import mcp_types as types
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
SILENCE = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA="

_NONE: dict[str, Any] = {"type": "object", "properties": {}}
_RICH: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}
_HEADED: dict[str, Any] = {
    "type": "object",
    "properties": {"region": {"type": "string", "x-mcp-header": "Region"}},
}


def text(said: str) -> types.TextContent:
    return types.TextContent(text=said)


def image() -> types.ImageContent:
    return types.ImageContent(data=PIXEL, mime_type="image/png")


def embedded(uri: str, mime_type: str, said: str) -> types.EmbeddedResource:
    resource = types.TextResourceContents(uri=uri, mime_type=mime_type, text=said)
    return types.EmbeddedResource(resource=resource)


ANSWERS: dict[str, list[Any]] = {
    "test_simple_text": [text("This is a simple text response for testing.")],
    "test_image_content": [image()],
    "test_audio_content": [types.AudioContent(data=SILENCE, mime_type="audio/wav")],
    "test_embedded_resource": [embedded("test://embedded-resource", "text/plain", "This is an embedded resource.")],
    "test_multiple_content_types": [
        text("Multiple content types test:"),
        image(),
        embedded("test://mixed-content-resource", "application/json", '{"test":"data","value":123}'),
    ],
    "test_tool_with_progress": [text("done")],
    "test_error_handling": [text("This tool intentionally returns an error for testing")],
    "json_schema_2020_12_tool": [text("done")],
    "test_headers": [text("done")],
    "greet": [],
    "slow_compute": [text("computed")],
    "failing_job": [text("the job failed")],
}

FAILING = ("test_error_handling", "failing_job")
ASKED = ("slow_compute", "failing_job")
"""Tools whose calls a person is asked about, so that they become tasks."""


def _tool(name: str) -> types.Tool:
    schema = {"json_schema_2020_12_tool": _RICH, "test_headers": _HEADED}.get(name, _NONE)
    return types.Tool(name=name, description=name, input_schema=schema)


async def _listed(ctx: Any, params: Any) -> types.ListToolsResult:
    return types.ListToolsResult(tools=[_tool(name) for name in ANSWERS])


async def _called(ctx: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
    if params.name == "test_tool_with_progress":
        for done in (0, 50, 100):
            await ctx.session.report_progress(done, 100)
    if params.name == "greet":
        return types.CallToolResult(content=[text(f"Hello, {(params.arguments or {}).get('name')}!")])
    return types.CallToolResult(content=ANSWERS[params.name], is_error=params.name in FAILING)


async def main() -> None:
    server: Server[Any] = Server("conformance", version="1", on_list_tools=_listed, on_call_tool=_called)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


if __name__ == "__main__":
    asyncio.run(main())
