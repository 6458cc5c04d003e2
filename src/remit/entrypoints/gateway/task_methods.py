"""Methods of the tasks extension: each task is the intent that a call waits for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from mcp_types import HEADER_MISMATCH

from remit.agents.endings import NotRun
from remit.agents.steps import outcome_of
from remit.core.errors import NotFound, RemitError
from remit.entrypoints.gateway.calls import CANCELLED, Caller, still_waits
from remit.entrypoints.gateway.gateway import Gateway
from remit.entrypoints.gateway.replies import result_of
from remit.entrypoints.gateway.tasks import TaskParams, ended, intent_of, no_such_task, require_tasks, waiting

NAME_HEADER = "Mcp-Name"

Context = ServerRequestContext[Any, Any]


class TaskMethods:
    def __init__(self, gateway: Gateway, caller_of: Callable[[Context], Caller]) -> None:
        self._gateway, self._caller_of = gateway, caller_of

    def add_to(self, server: Server[Any]) -> None:
        server.add_request_handler("tasks/get", TaskParams, self._get)
        server.add_request_handler("tasks/cancel", TaskParams, self._cancel)
        server.add_request_handler("tasks/update", TaskParams, self._update)

    async def _get(self, ctx: Context, params: TaskParams) -> dict[str, Any]:
        caller, name = self._asked(ctx, params)
        try:
            line, answer = await caller.client.status(name), await caller.client.answer(name)
        except NotFound:
            raise no_such_task() from None
        try:
            outcome = outcome_of(answer)
        except NotRun as ending:
            if still_waits(ending):
                # A gateway before this one may have given the task.
                self._gateway.calls.go_on(caller, name)
                return waiting(params.task_id, line, ending.text)
            outcome = ending
        result = result_of(outcome, name, owes_structure=True)
        return ended(params.task_id, {**line, "status": answer["status"]}, result)

    async def _cancel(self, ctx: Context, params: TaskParams) -> dict[str, Any]:
        caller, name = self._asked(ctx, params)
        running = self._gateway.calls.find(caller, name)
        if running is not None:
            await self._gateway.calls.cancel(running)
            return {}
        try:
            await caller.client.withdraw(name, reason=CANCELLED)
        except NotFound:
            raise no_such_task() from None
        except RemitError:
            # It is over: cancelling is an intention, and is acknowledged.
            return {}
        return {}

    async def _update(self, ctx: Context, params: TaskParams) -> dict[str, Any]:
        self._asked(ctx, params)
        return {}

    def _asked(self, ctx: Context, params: TaskParams) -> tuple[Caller, str]:
        require_tasks(ctx.session.client_capabilities)
        if ctx.request is not None and ctx.request.headers.get(NAME_HEADER) != params.task_id:
            # What stands between may have routed it by that name.
            raise MCPError(HEADER_MISMATCH, f"the header {NAME_HEADER} has to be the task's id")
        return self._caller_of(ctx), intent_of(self._gateway.secret, params.task_id)
