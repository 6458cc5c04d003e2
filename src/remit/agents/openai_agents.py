"""
Remit before the tools of an OpenAI Agents SDK agent: `Agent(tools=guarded([refund], ...))`.

The SDK asks `needs_approval` before a call, and pauses the run where it says yes; a run that was saved and is resumed
calls the tool then. Its own approval is a wake-up and no more: what may run, with which arguments, once, Remit says.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from agents.tool_context import ToolContext

from agents import FunctionTool, RunContextWrapper
from remit.agents.call import ToolCall
from remit.agents.endings import NotRun
from remit.agents.guard import AsyncGuard
from remit.agents.tools import GuardedTools
from remit.client.http_client import AsyncRemitClient

Session = Callable[[RunContextWrapper[Any]], str]
"""What the conversation is called, of its context: the same when a saved run is resumed."""


def guarded(
    tools: Sequence[FunctionTool], of: GuardedTools, client: AsyncRemitClient, *, session: Session
) -> list[FunctionTool]:
    """
    The tools, each call of which is an intent first.

    Raises `TypeError` for a tool that turns its exceptions into words for the model ("please try again"): whether such
    a one has acted, nobody would know. Make it with `failure_error_function=None`.
    """
    return [_Guarded(tool, of, AsyncGuard(client), session).tool() if of.guards(tool.name) else tool for tool in tools]


class _Guarded:
    def __init__(self, tool: FunctionTool, of: GuardedTools, guard: AsyncGuard, session: Session) -> None:
        if hides_failures(tool):
            raise TypeError(f"the tool {tool.name!r} hides its exceptions; make it with failure_error_function=None")
        self._inner, self._of, self._guard, self._session = tool, of, guard, session

    def tool(self) -> FunctionTool:
        return replace(self._inner, on_invoke_tool=self._invoke, needs_approval=self._waits)

    async def _waits(self, context: RunContextWrapper[Any], arguments: dict[str, Any], call_id: str) -> bool:
        """Propose it. True if it waits for somebody, so that the run pauses."""
        call = self._call(context, arguments, call_id)
        verdict = await self._guard.propose(call)
        return bool(verdict["status"] == "AWAITING_APPROVAL")

    async def _invoke(self, context: ToolContext[Any], arguments: str) -> Any:
        call = self._call(context, json.loads(arguments or "{}"), context.tool_call_id)
        try:
            return await self._guard.call(call, lambda approved: self._act(context, approved))
        except NotRun as ending:
            return ending.text

    async def _act(self, context: ToolContext[Any], approved: dict[str, Any]) -> Any:
        return await self._inner.on_invoke_tool(context, json.dumps(approved))

    def _call(self, context: RunContextWrapper[Any], arguments: dict[str, Any], call_id: str) -> ToolCall:
        return self._of.call(self._inner.name, arguments, session=self._session(context), call_id=call_id)


def hides_failures(tool: FunctionTool) -> bool:
    """Does the tool answer the model with words where its function raised?"""
    # The SDK keeps it in fields of its own; one that it no longer has is taken for one that hides.
    by_default = getattr(tool, "_use_default_failure_error_function", True)
    return bool(by_default) or getattr(tool, "_failure_error_function", None) is not None
