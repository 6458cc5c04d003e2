"""
Remit before the tools of a LangChain or LangGraph agent: `create_agent(..., middleware=[RemitMiddleware(...)])`.

It has to be the last middleware of the list: what is approved is what runs, and a call that another one changes in
between is refused. A call that a person is asked about pauses the graph (`langgraph.types.interrupt`), over a restart
too; whatever value it is resumed with, Remit says what may run.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from langchain.agents.middleware import AgentMiddleware
from langchain_core.messages import ToolCall as ToolCallMessage
from langchain_core.messages import ToolMessage
from langchain_core.tools import BaseTool
from langgraph.prebuilt.tool_node import ToolCallRequest
from langgraph.types import Command, interrupt

from remit.agents.call import ToolCall
from remit.agents.endings import Asked, NotActed, NotRun
from remit.agents.guard import AsyncGuard, Guard
from remit.agents.tools import GuardedTools
from remit.client.http_client import AsyncRemitClient, RemitClient

Answer = ToolMessage | Command[Any]


class RemitMiddleware(AgentMiddleware[Any, Any]):
    """Each call of a tool is an intent, named by the thread and the call: a graph needs a checkpointer for that."""

    def __init__(
        self, tools: GuardedTools, client: RemitClient | None = None, async_client: AsyncRemitClient | None = None
    ) -> None:
        """`client` is asked by `invoke` and `stream`, `async_client` by `ainvoke` and `astream`."""
        super().__init__()
        self._tools = tools
        self._guard = Guard(client) if client else None
        self._async_guard = AsyncGuard(async_client) if async_client else None

    def wrap_tool_call(self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Answer]) -> Answer:
        call = self._call(request)
        if call is None:
            return handler(request)
        if self._guard is None:
            raise RuntimeError("give RemitMiddleware a client")
        while True:
            with _pausing() as pause:
                act = partial(_acted, request, handler)
                return _message(request, self._guard.call(call, act, kept=_content))
            if pause.ending is not None:
                return _told(request, pause.ending)

    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[Answer]]
    ) -> Answer:
        call = self._call(request)
        if call is None:
            return await handler(request)
        if self._async_guard is None:
            raise RuntimeError("give RemitMiddleware an async_client")

        async def act(arguments: dict[str, Any]) -> Answer:
            return _checked(await handler(_with(request, arguments)))

        while True:
            with _pausing() as pause:
                return _message(request, await self._async_guard.call(call, act, kept=_content))
            if pause.ending is not None:
                return _told(request, pause.ending)

    def _call(self, request: ToolCallRequest) -> ToolCall | None:
        """The intent that it is; `None` for a tool that is not guarded, and for arguments that it refuses itself."""
        asked = request.tool_call
        if not self._tools.guards(asked["name"]) or not _accepted(request):
            return None
        configured = (request.runtime.config or {}).get("configurable", {}) if request.runtime else {}
        thread = configured.get("thread_id")
        if not thread:
            raise RuntimeError("a guarded tool needs a thread_id: without one, nobody can go on with its call")
        return self._tools.call(asked["name"], asked["args"], session=str(thread), call_id=str(asked["id"]))


class _Pause:
    """`ending` is set if the call has one."""

    ending: NotRun | None = None


@contextmanager
def _pausing() -> Iterator[_Pause]:
    """Pause the graph where a person is asked; when it is resumed, whoever is in here asks again."""
    pause = _Pause()
    try:
        yield pause
    except Asked as asked:
        # Raised the first time. Afterwards it answers what the graph was resumed with, which decides nothing.
        interrupt({"remit": dict(asked.answer)})
    except NotRun as ending:
        pause.ending = ending


def _accepted(request: ToolCallRequest) -> bool:
    """Does the tool take these arguments? If not, its node answers the model with what is wrong, and runs nothing."""
    schema = getattr(request.tool, "args_schema", None)
    if schema is None or not hasattr(schema, "model_validate"):
        return request.tool is not None
    try:
        schema.model_validate(request.tool_call["args"])
    except ValueError:
        return False
    return True


def _with(request: ToolCallRequest, arguments: Mapping[str, Any]) -> ToolCallRequest:
    assert request.tool is not None
    call = ToolCallMessage(**{**request.tool_call, "args": dict(arguments)})
    return replace(request, tool_call=call, tool=_AsApproved.of(request.tool, arguments))


class _AsApproved(BaseTool):
    """The tool, given what was approved or nothing: whatever is between Remit and it may have changed the call."""

    tool: BaseTool
    approved: dict[str, Any]

    @classmethod
    def of(cls, tool: BaseTool, approved: Mapping[str, Any]) -> _AsApproved:
        known = {"name": tool.name, "description": tool.description, "args_schema": tool.args_schema}
        return cls(**known, tool=tool, approved=dict(approved))

    def invoke(self, input: Any, config: Any = None, **more: Any) -> Any:
        return self.tool.invoke(self._checked(input), config, **more)

    async def ainvoke(self, input: Any, config: Any = None, **more: Any) -> Any:
        return await self.tool.ainvoke(self._checked(input), config, **more)

    def _run(self, **arguments: Any) -> Any:
        raise NotImplementedError("it is invoked")

    def _checked(self, input: Any) -> Any:
        # What the graph adds itself (its state, its store) is not the model's to say.
        if {name: value for name, value in input["args"].items() if name in self.tool.args} != self.approved:
            raise NotActed("a middleware changed the approved call; RemitMiddleware has to be the last of the list")
        return input


def _acted(
    request: ToolCallRequest, handler: Callable[[ToolCallRequest], Answer], arguments: Mapping[str, Any]
) -> Answer:
    return _checked(handler(_with(request, arguments)))


def _content(answer: Answer) -> Any:
    """Words that may be told again when the call is made again; a command of the graph cannot be."""
    return answer.content if isinstance(answer, ToolMessage) else None


def _checked(answer: Answer) -> Answer:
    # A node that turns exceptions into messages hides that the tool broke off.
    if isinstance(answer, ToolMessage) and answer.status == "error":
        raise _Broke(answer)
    return answer


class _Broke(Exception):
    def __init__(self, message: ToolMessage) -> None:
        super().__init__(str(message.content)[:500])


def _message(request: ToolCallRequest, answer: Any) -> Answer:
    if isinstance(answer, ToolMessage | Command):
        return answer
    name, call_id = request.tool_call["name"], request.tool_call["id"]
    return ToolMessage(content=answer if isinstance(answer, str) else str(answer), name=name, tool_call_id=call_id)


def _told(request: ToolCallRequest, ending: NotRun) -> ToolMessage:
    name, call_id = request.tool_call["name"], request.tool_call["id"]
    return ToolMessage(content=ending.text, name=name, tool_call_id=call_id, status="error")


__all__ = ["RemitMiddleware"]
