"""
Remit before the tools of a Pydantic AI agent: `Agent(..., capabilities=[RemitCapability(...)])`.

A call that a person is asked about is deferred (`CallDeferred` needs `DeferredToolRequests` among the agent's
output types), and made again when the run goes on; whatever it is given then, Remit says what may run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic_ai import RunContext
from pydantic_ai.capabilities import AbstractCapability, CapabilityOrdering
from pydantic_ai.exceptions import ApprovalRequired
from pydantic_ai.messages import ToolCallPart
from pydantic_ai.tools import ToolDefinition

from remit.agents.endings import Asked, NotRun
from remit.agents.guard import AsyncGuard
from remit.agents.tools import GuardedTools
from remit.client.http_client import AsyncRemitClient


@dataclass
class RemitCapability(AbstractCapability[Any]):
    """
    Each call of a tool is an intent, named by the conversation and the call.

    `session` says what the conversation is called, of its context; the same when a run goes on.
    """

    tools: GuardedTools
    client: AsyncRemitClient
    session: Callable[[RunContext[Any]], str]

    def get_ordering(self) -> CapabilityOrdering:
        """Innermost, wherever it stands in the list: what is approved is what runs."""
        return CapabilityOrdering(position="innermost")

    async def wrap_tool_execute(
        self,
        ctx: RunContext[Any],
        *,
        call: ToolCallPart,
        tool_def: ToolDefinition,  # noqa: ARG002  # The framework's own signature.
        args: dict[str, Any],
        handler: Callable[[dict[str, Any]], Any],
    ) -> Any:
        if not self.tools.guards(call.tool_name):
            return await handler(args)
        guarded = self.tools.call(call.tool_name, args, session=self.session(ctx), call_id=call.tool_call_id)
        try:
            return await AsyncGuard(self.client).call(guarded, handler)
        except Asked as asked:
            raise ApprovalRequired({"remit": dict(asked.answer)}) from None
        except NotRun as ending:
            return ending.text
