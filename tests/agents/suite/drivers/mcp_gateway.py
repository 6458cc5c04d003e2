"""
An MCP client that calls one tool through `remit gateway`: over stdio in the dialect of before, over HTTP in today's.

Each run starts a gateway and the server behind it anew, so that every resuming is also one of a gateway that had gone.
What the client keeps is what its protocol gives it: over HTTP the state of the round, over stdio the name of the call.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import mcp_types as types
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client

from remit.client.http_client import AsyncRemitClient
from remit.entrypoints.gateway.gateway import Gateway
from remit.entrypoints.gateway.replies import INTENT_META_KEY
from remit.entrypoints.gateway.settings import settings_of
from tests.agents.suite.forced import ForcedAsyncClient
from tests.agents.suite.jobs import ORDER, REWRITTEN, Job, Told, kept
from tests.agents.suite.mcp_servers import (
    TOOL,
    gateway_over_http,
    gateway_over_stdio,
    shop_over_http,
    shop_over_stdio,
)
from tests.entrypoints.http_world import OWN
from tests.waiting import PATIENCE_S, until_in_loop

_ABOUT_TO = "Begin it now"
"""Said of one that is approved, and that the gateway is about to carry out."""


class ForcedGateway(Gateway):
    """Killed, or made to wait, at a certain request to Remit. Whoever cancels is its client."""

    def __init__(self, job: Job, server: Mapping[str, Any]) -> None:
        super().__init__(settings_of(_settings(job, server)), {"KEY": job.key}, _waiting(job))
        self._job = replace(job, cancelled=False)

    def connected(self, key: str) -> AsyncRemitClient:
        return ForcedAsyncClient(self._job)


def _settings(job: Job, server: Mapping[str, Any]) -> dict[str, Any]:
    risk = {"risk": job.risk_level}
    return {
        "remit": {"url": job.url, "key_env": "KEY"},
        "account_id": "acct-1",
        "servers": {"shop": dict(server)},
        "tools": {TOOL: {"action_type": OWN, "target": ["order", "order_id"], **risk}},
        "hold_s": job.wait_s,
        "answer_within_s": PATIENCE_S,
    }


def _waiting(job: Job) -> Path:
    """The directory with what its gateway waits for."""
    return kept(job) / "gateway.waiting"


class OverStdio:
    alone = False
    in_table = True
    shortens = False
    cannot: Mapping[str, str] = {
        "did_not_act": "an MCP server cannot say that its tool did not act: its errors are UNKNOWN"
    }
    cannot_alone: Mapping[str, str] = {}

    def start(self, job: Job) -> Told:
        return self._run(job)

    def resume(self, job: Job) -> Told:
        # What stands between the client and the gateway is all that there is to change a call that was approved.
        return self._run(replace(job, amount=REWRITTEN) if job.rewrites else job, again=True)

    def _run(self, job: Job, *, again: bool = False) -> Told:
        with shop_over_stdio(job) as shop, gateway_over_stdio(lambda: ForcedGateway(job, shop)) as (command, *args):
            started = StdioServerParameters(command=command, args=args)
            return asyncio.run(_conversation(job, lambda: Client(started, mode="legacy"), again))


class OverHttp(OverStdio):
    def _run(self, job: Job, *, again: bool = False) -> Told:
        with shop_over_http(job) as shop, gateway_over_http(lambda: ForcedGateway(job, shop)) as url:
            return asyncio.run(_conversation(job, lambda: _at(url), again))


@asynccontextmanager
async def _at(url: str) -> AsyncIterator[Client]:
    # By itself a client takes a mebibyte at most, envelope included.
    async with create_mcp_http_client() as http:
        spoken = streamable_http_client(url, http_client=http, max_sse_event_size=None)
        async with Client(spoken) as client:
            yield client


async def _conversation(job: Job, connected: Callable[[], Any], again: bool) -> Told:
    async with connected() as client:
        if job.cancelled:
            return await _given_up(job, client)
        result = await _called(job, client, _state(job).read_text() if again and _state(job).exists() else None)
        if isinstance(result, types.InputRequiredResult) and not again:
            _state(job).write_text(result.request_state or "")
            return Told(paused=True)
        result = await _in_words(job, client, result)
        return Told(paused=not again and "has not answered yet" in _text(result), heard=(_text(result),))


def _state(job: Job) -> Path:
    return kept(job) / "round"


async def _called(job: Job, client: Client, state: str | None) -> Any:
    arguments = {"order_id": ORDER, "amount": job.amount}
    named: Any = {"remit/callId": job.call_id}
    return await client.session.call_tool(TOOL, arguments, meta=named, request_state=state, allow_input_required=True)


async def _in_words(job: Job, client: Client, result: Any) -> types.CallToolResult:
    """What it is told in the end, or that it still waits for a person."""
    while isinstance(result, types.InputRequiredResult):
        result = await _called(job, client, result.request_state)
    while _ABOUT_TO in _text(result):
        result = await client.call_tool("remit_answer", {"intent_id": result.meta[INTENT_META_KEY]})
    return result


async def _given_up(job: Job, client: Client) -> Told:
    call = asyncio.create_task(_called(job, client, None))
    await until_in_loop(lambda: any(_waiting(job).glob("*")), what="a person is asked")
    call.cancel()
    await until_in_loop(lambda: not any(_waiting(job).glob("*")), what="nobody waits any more")
    return Told(error="Cancelled")


def _text(result: types.CallToolResult) -> str:
    return " ".join(part.text for part in result.content if part.type == "text")
