"""The protocol, as the gateway's clients speak it: tools are listed and called, and what waits is told."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import mcp_types as types
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.lowlevel import NotificationOptions, Server
from mcp.server.models import InitializationOptions
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.server.session import ServerSession
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ToolsListChanged
from mcp.shared.exceptions import MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from remit.core.errors import NotFound, RemitError, TryLater
from remit.entrypoints.gateway import dialect
from remit.entrypoints.gateway.calls import Caller, RunningCall
from remit.entrypoints.gateway.dialect import TASKS, Round
from remit.entrypoints.gateway.gateway import Gateway
from remit.entrypoints.gateway.names import (
    SAME_WORDS_S,
    CallName,
    key_in,
    named_anew,
    named_by_client,
    named_by_words,
)
from remit.entrypoints.gateway.replies import own_of, result_of, waiting_words, words
from remit.entrypoints.gateway.task_methods import TaskMethods
from remit.entrypoints.gateway.tasks import created, task_id
from remit.entrypoints.gateway.tools import ANSWER_TOOL, GatewayTool

NAME = "remit-gateway"
STATE_FOR_S = 24 * 3600.0
MOST_SESSIONS = 1000
_NOT_YET = "Remit has not answered yet. Nothing has been done."
_ANSWER_TOOL = {
    "name": ANSWER_TOOL,
    "description": (
        "Go on with a call that waited for a person: its result, or that it still waits. With `supplement`, first "
        "answer what people asked about it."
    ),
    "inputSchema": {
        "type": "object",
        "properties": {"intent_id": {"type": "string"}, "supplement": {"type": "string"}},
        "required": ["intent_id"],
        "additionalProperties": False,
    },
    "annotations": {"readOnlyHint": True},
}

Context = ServerRequestContext[Any, Any]


class GatewayServer(Server[Any]):
    """One for all clients, over stdio and over HTTP."""

    def __init__(self, gateway: Gateway, version: str) -> None:
        self._gateway, self._bus = gateway, InMemorySubscriptionBus()
        self._sessions: deque[ServerSession] = deque(maxlen=MOST_SESSIONS)
        self._asked: dict[tuple[str, Any], RunningCall] = {}
        super().__init__(
            NAME,
            version=version,
            on_list_tools=self._list_tools,
            on_call_tool=self._call_tool,
            on_subscriptions_listen=ListenHandler(self._bus),
            get_tool_input_schema=self._input_schema,
        )
        self.extensions = {TASKS: {}}
        TaskMethods(gateway, self._caller).add_to(self)
        self.add_notification_handler("notifications/initialized", types.NotificationParams, self._initialized)
        security = RequestStateSecurity(keys=[gateway.secret], ttl=STATE_FOR_S, bind_principal=self._principal)
        self.middleware += [self._hears_cancelled, RequestStateBoundary(security, default_audience=NAME)]
        gateway.on_change = self._changed

    def create_initialization_options(self, *_: Any, **__: Any) -> InitializationOptions:
        return super().create_initialization_options(NotificationOptions(tools_changed=True))

    # --- tools ---

    async def _list_tools(self, ctx: Context, params: types.PaginatedRequestParams | None) -> Any:
        del ctx, params
        await self._gateway.all_listed()
        shown = [*(tool.shown() for tool in self._gateway.tools()), _ANSWER_TOOL]
        return {"resultType": "complete", "tools": shown, "ttlMs": 0, "cacheScope": "private"}

    def _input_schema(self, name: str) -> Mapping[str, Any] | None:
        tool = self._gateway.tool(name)
        return tool.definition.get("inputSchema") if tool else None

    async def _call_tool(self, ctx: Context, params: types.CallToolRequestParams) -> Any:
        answer = await self._answered(ctx, params)
        # Said of every result in the protocol's present era; what older eras lack is left out on the way.
        return {"resultType": "complete", **answer} if isinstance(answer, dict) else answer

    async def _answered(self, ctx: Context, params: types.CallToolRequestParams) -> Any:
        until = time.monotonic() + self._gateway.settings.hold_s
        arguments = params.arguments or {}
        if params.name == ANSWER_TOOL:
            return await self._answer(ctx, arguments, until)
        tool = await self._gateway.found(params.name)
        if tool is None:
            raise MCPError(types.INVALID_PARAMS, f"Unknown tool: {params.name}")
        if tool.is_free:
            return await self._free(ctx, tool, arguments)
        at: Round | None = None
        try:
            if params.request_state is not None:
                at = Round.read(params.request_state)
                running = self._gateway.calls.go_on(self._caller(ctx), at.action_intent_id)
            else:
                running = await self._proposed(ctx, tool, arguments)
        except RemitError as error:
            return result_of(error, "", owes_structure=False)
        if not await self._held(ctx, running, until):
            silent = dialect.page_was_refused(params.input_responses)
            return await self._waiting(ctx, running, at or Round.first(running.action_intent_id), silent)
        owes = "outputSchema" in tool.definition
        return result_of(_outcome(running), running.action_intent_id, owes_structure=owes)

    async def _free(self, ctx: Context, tool: GatewayTool, arguments: dict[str, Any]) -> Any:
        upstream = self._gateway.upstreams[tool.server]
        return own_of(await upstream.pass_on(tool.own_name, arguments, ctx.session.report_progress))

    async def _proposed(self, ctx: Context, tool: GatewayTool, arguments: dict[str, Any]) -> RunningCall:
        caller = self._caller(ctx)
        try:
            async with asyncio.timeout(self._gateway.settings.answer_within_s):
                name = await self._name(ctx, caller, tool, arguments)
        except TimeoutError:
            raise TryLater("it does not answer") from None
        return self._gateway.calls.propose(caller, tool.call(arguments, name), tool)

    async def _name(self, ctx: Context, caller: Caller, tool: GatewayTool, arguments: dict[str, Any]) -> CallName:
        own = named_by_client(caller.credential, ctx.meta or {}, self._gateway.settings.call_ids)
        if own is not None:
            return own
        if tool.is_read_only:
            return named_anew(caller.credential)
        client = [caller.credential, *_client(ctx)]
        before, new = named_by_words(client, tool.name, arguments, time.time())
        return before if await _is_recent(caller, tool.call(arguments, before).action_intent_id) else new

    async def _held(self, ctx: Context, running: RunningCall, until: float) -> bool:
        key = (_session(ctx), ctx.request_id)
        self._asked[key] = running
        running.listeners.append(ctx.session.report_progress)
        try:
            ended = await running.held(until)
        except asyncio.CancelledError:
            # A tool that runs already is left to end: nobody would know else what it did.
            if _ends_by_leaving(ctx) and not self._gateway.closing and not running.acting.is_set():
                self._asked.pop(key, None)
                self._gateway.calls.cancel_soon(running)
            raise
        finally:
            running.listeners.remove(ctx.session.report_progress)
        self._asked.pop(key, None)
        return ended

    async def _waiting(self, ctx: Context, running: RunningCall, at: Round, silent: bool) -> Any:
        if running.waits is None:
            return waiting_words(_NOT_YET, running.action_intent_id)
        name, text, capabilities = running.action_intent_id, running.waits["text"], ctx.session.client_capabilities
        page = self._gateway.settings.remit.page_of(running.current_intent_id)
        way = dialect.dialect_of(ctx.protocol_version, capabilities)
        if way == "task":
            return created(task_id(self._gateway.secret, name), await running.caller.client.status(name), text)
        if way == "rounds" and at.number < dialect.LAST_ROUND and not silent:
            return dialect.input_required(at, page if dialect.opens_urls(capabilities) else None, text)
        if way == "elicitation":
            raise dialect.page_required(name, page, text)
        return waiting_words(text, name)

    async def _answer(self, ctx: Context, arguments: dict[str, Any], until: float) -> Any:
        name, supplement = arguments.get("intent_id"), arguments.get("supplement")
        if not isinstance(name, str) or not isinstance(supplement, str | None):
            return words("Send the intent's id as `intent_id`, a text.", None)
        caller = self._caller(ctx)
        try:
            if supplement:
                await caller.client.supplement(name, text=supplement)
            running = self._gateway.calls.go_on(caller, name)
        except RemitError as error:
            return result_of(error, name, owes_structure=False)
        if await self._held(ctx, running, until):
            return result_of(_outcome(running), name, owes_structure=False)
        return waiting_words(running.waits["text"] if running.waits else _NOT_YET, name)

    # --- clients ---

    def _caller(self, ctx: Context) -> Caller:
        return self._gateway.caller(_key_of(ctx))

    def _principal(self, ctx: Context) -> str:
        return self._caller(ctx).credential

    async def _initialized(self, ctx: Context, params: types.NotificationParams) -> None:
        del params
        self._sessions.append(ctx.session)

    async def _changed(self) -> None:
        await self._bus.publish(ToolsListChanged())
        for session in list(self._sessions):
            await session.send_tool_list_changed()

    async def _hears_cancelled(self, ctx: Context, call_next: CallNext) -> HandlerResult:
        if ctx.method == "notifications/cancelled":
            running = self._asked.pop((_session(ctx), (ctx.params or {}).get("requestId")), None)
            if running is not None:
                await self._gateway.calls.cancel(running)
        return await call_next(ctx)


def _outcome(running: RunningCall) -> Any:
    """The end of the call's task, its error included."""
    if running.task.cancelled():
        return asyncio.CancelledError()
    return running.task.exception() or running.task.result()


async def _is_recent(caller: Caller, action_intent_id: str) -> bool:
    try:
        known = await caller.client.status(action_intent_id)
    except NotFound:
        return False
    return (datetime.now(UTC) - datetime.fromisoformat(known["created_at"])).total_seconds() < SAME_WORDS_S


def _key_of(ctx: Context) -> str | None:
    return key_in(ctx.request.headers.raw) if ctx.request is not None else None


def _session(ctx: Context) -> str:
    return ctx.request.headers.get("mcp-session-id", "") if ctx.request is not None else ""


def _client(ctx: Context) -> list[str]:
    """A name that tells clients with one key apart, as far as they say it."""
    params = ctx.session.client_params
    return [params.client_info.name if params else "", _session(ctx)]


def _ends_by_leaving(ctx: Context) -> bool:
    """Over HTTP, the protocol's present era takes a call back by leaving it; before, and over stdio, it is said."""
    return ctx.request is not None and ctx.protocol_version in MODERN_PROTOCOL_VERSIONS
