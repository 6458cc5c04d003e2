"""An agent of each framework with a scripted model, which calls its tool `refund` once and hears what came of it."""

from __future__ import annotations

import json
from typing import Any, Protocol

from langchain.agents import create_agent
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText
from pydantic_ai import Agent as PydanticAgent
from pydantic_ai import DeferredToolRequests
from pydantic_ai import messages as pydantic_messages
from pydantic_ai.models.function import FunctionModel

from agents import Agent, Model, ModelResponse, RunConfig, Runner, Usage, function_tool
from remit import AsyncRemitClient
from remit.agents.langchain import RemitMiddleware
from remit.agents.openai_agents import guarded
from remit.agents.pydantic_ai import RemitCapability
from remit.agents.tools import GuardedTools, ToolSpec
from tests.entrypoints.http_world import OWN

ARGUMENTS = {"order_id": "o-1", "amount": 5}
TOOLS = GuardedTools("acct-1", {"refund": ToolSpec(OWN, ("order", "order_id"), {"confidence_score": 0.9})})
NAME = "t-1:call-1"
"""The intent that the call is."""


class Chat(Protocol):
    async def __call__(self, client: AsyncRemitClient) -> str:
        """What the model heard of its call."""
        ...


async def refund(order_id: str, amount: int) -> str:
    """Refund an order."""
    raise AssertionError(f"{amount} of {order_id} were refunded here, and a worker was to")


class _Scripted(GenericFakeChatModel):
    def bind_tools(self, tools: Any, **more: Any) -> Any:
        return self


async def langchain(client: AsyncRemitClient) -> str:
    call = {"name": "refund", "args": ARGUMENTS, "id": "call-1"}
    model = _Scripted(messages=iter([AIMessage("", tool_calls=[call]), AIMessage("done")]))
    before = RemitMiddleware(TOOLS, async_client=client)
    agent: Any = create_agent(model, [tool(refund)], middleware=[before], checkpointer=InMemorySaver())
    state = await agent.ainvoke({"messages": [("user", "refund it")]}, {"configurable": {"thread_id": "t-1"}})
    return " ".join(str(message.content) for message in state["messages"] if isinstance(message, ToolMessage))


class _ScriptedModel(Model):
    heard: str = ""

    async def get_response(self, system_instructions: Any, input: Any, *more: Any, **named: Any) -> ModelResponse:
        outputs = [item for item in input if isinstance(item, dict) and item.get("type") == "function_call_output"]
        self.heard = " ".join(str(item["output"]) for item in outputs)
        return ModelResponse(output=[_done() if outputs else _called()], usage=Usage(), response_id=None)

    def stream_response(self, *more: Any, **named: Any) -> Any:
        raise NotImplementedError


def _called() -> ResponseFunctionToolCall:
    arguments = json.dumps(ARGUMENTS)
    return ResponseFunctionToolCall(arguments=arguments, call_id="call-1", name="refund", type="function_call")


def _done() -> ResponseOutputMessage:
    text = ResponseOutputText(annotations=[], text="done", type="output_text")
    return ResponseOutputMessage(id="m", content=[text], role="assistant", status="completed", type="message")


async def openai(client: AsyncRemitClient) -> str:
    model, own = _ScriptedModel(), function_tool(refund, failure_error_function=None)
    agent = Agent("clerk", model=model, tools=guarded([own], TOOLS, client, session=lambda _: "t-1"))
    await Runner.run(agent, "refund it", run_config=RunConfig(tracing_disabled=True))
    return model.heard


async def pydantic(client: AsyncRemitClient) -> str:
    heard = ""

    def says(messages: Any, _: Any) -> pydantic_messages.ModelResponse:
        nonlocal heard
        parts = [part for message in messages for part in message.parts]
        returned = [part for part in parts if isinstance(part, pydantic_messages.ToolReturnPart)]
        heard = " ".join(str(part.content) for part in returned)
        call = pydantic_messages.ToolCallPart("refund", ARGUMENTS, "call-1")
        return pydantic_messages.ModelResponse([pydantic_messages.TextPart("done") if returned else call])

    before = RemitCapability(TOOLS, client, lambda _: "t-1")
    agent = PydanticAgent(FunctionModel(says), capabilities=[before], output_type=[str, DeferredToolRequests])
    agent.tool_plain(refund)
    await agent.run("refund it")
    return heard
