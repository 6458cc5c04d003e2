"""Bounds out of the tools that a gateway's servers list: a file for a person to read, change and apply."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import yaml

from remit.core.errors import InvalidInput
from remit.core.gate.parameters_schema import compile_schema
from remit.core.gate.schema_cost import DIALECT
from remit.entrypoints.gateway.gateway import Gateway
from remit.entrypoints.gateway.tools import ARGUMENTS, DEFINITION, GatewayTool, highest, says_read_only
from remit.entrypoints.gateway.upstream import UpstreamDown

LIST_WITHIN_S = 30.0
LEAST_RISK = "MEDIUM"
LONGEST_COMMENT = 200


async def listed(gateway: Gateway) -> list[GatewayTool]:
    """Every tool of every server. Raises `InvalidInput` naming a server that does not answer."""
    tasks = [asyncio.create_task(upstream.run()) for upstream in gateway.upstreams.values()]
    try:
        for name, upstream in gateway.upstreams.items():
            await _ready(name, upstream)
        return gateway.tools()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _ready(name: str, upstream: Any) -> None:
    try:
        await upstream.ready(LIST_WITHIN_S)
    except UpstreamDown as down:
        raise InvalidInput(f"servers.{name}", str(down), "look at its own output, then try again") from None


def bounds_text(tools: Sequence[GatewayTool], tenant: str) -> str:
    """
    A bounds file in which every tool that is not free is an action type that its caller executes.

    Nothing in it runs without a person: the allowlist is empty, and no risk is below MEDIUM, whatever a server says of
    its own tools. Raises `InvalidInput` where two tools would be one action type.
    """
    guarded = [tool for tool in tools if not tool.is_free]
    _require_own_types(guarded)
    head = (
        "# Written by 'remit mcp discover' from what the servers say of their own tools. Read it before you apply it:\n"
        "# set each risk_tier to what a call can do, and list in allowlist what may run without a person.\n"
        "# Every type pins its tool's definition: one that changes does not run until this file is made anew.\n"
        "# It takes the place of all the bounds that the tenant has: what else is to stay in force, write in here.\n"
    )
    types = "".join(_entry(tool) for tool in guarded)
    return (
        f"{head}tenant: {_scalar(tenant)}\naction_types:{types or ' {}'}\n"
        "allowlist: []\nmodes: {default: APPROVAL_REQUIRED}\nbudget: {max_autonomous_per_day: 0}\n"
    )


def _entry(tool: GatewayTool) -> str:
    schema, of_schema = _arguments(tool)
    spec = {
        "risk_tier": highest(tool.risk, LEAST_RISK),
        # No client of the protocol says how sure its model is.
        "min_confidence": "none",
        "tool": {
            "connector": "caller",
            "operation": tool.name,
            "parameters": {DEFINITION: tool.sha256, ARGUMENTS: "{parameters}"},
        },
        "parameters": schema,
    }
    body = yaml.safe_dump(spec, sort_keys=False, allow_unicode=True, default_flow_style=None, width=1000)
    comments = "".join(f"\n  # {line}" for line in [*_comments(tool), *of_schema])
    lines = "".join(f"\n    {line}" for line in body.rstrip("\n").split("\n"))
    return f"{comments}\n  {tool.action_type}:{lines}"


def _arguments(tool: GatewayTool) -> tuple[dict[str, Any], list[str]]:
    """
    The schema of its arguments, and what is to be said of it.

    Many servers name an older draft and write what means the same in this one, so that name is left out. What bounds
    cannot check is left to the server, which does so anyway: one such tool must not keep the others from being applied.
    """
    listed = dict(tool.definition.get("inputSchema") or {"type": "object"})
    draft = str(listed.pop("$schema", DIALECT)).rstrip("#")
    try:
        compile_schema(listed)
    except InvalidInput as error:
        return {"type": "object"}, [_shown(f"Its arguments are not checked by bounds: its schema {error}")]
    return listed, [] if draft == DIALECT else [_shown(f"Its schema names {draft}; here it is read as 2020-12.")]


def _comments(tool: GatewayTool) -> list[str]:
    words = " ".join(str(tool.definition.get("description") or "").split())
    said = f"{tool.name}: {words}" if words else tool.name
    shown = _shown(said)
    if says_read_only(tool.definition):
        return [shown, "Its server says that it only reads. If you believe it: a lower tier, or `free` in the gateway."]
    return [shown]


def _shown(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)[:LONGEST_COMMENT]


def _require_own_types(tools: Sequence[GatewayTool]) -> None:
    seen: dict[str, str] = {}
    for tool in tools:
        other = seen.setdefault(_type_of(tool), tool.name)
        if other != tool.name:
            raise InvalidInput(
                f"tools.{tool.name}",
                f"would be the action type {tool.action_type}, as {other} is",
                "give one of them an action_type in the gateway's file",
            )


def _type_of(tool: GatewayTool) -> str:
    try:
        return tool.action_type
    except InvalidInput as error:
        way_out = "give it an action_type in the gateway's file, or list it in free"
        raise InvalidInput(f"tools.{tool.name}", error.problem, way_out) from None


def _scalar(text: str) -> str:
    return yaml.safe_dump(text, default_style=None).split("\n")[0]
