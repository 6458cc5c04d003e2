"""An OpenAI Agents SDK agent whose paused run is saved as JSON, with `guarded` tools or `needs_approval` alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

from agents import Agent, Model, ModelResponse, RunConfig, Runner, RunState, Usage, function_tool
from remit.agents.openai_agents import guarded
from tests.agents.suite.forced import ForcedAsyncClient
from tests.agents.suite.jobs import ORDER, SESSION, Job, Told, far_side, kept

_CONFIG = RunConfig(tracing_disabled=True)
_WHOLE = "what wraps the tool's function is the tool itself: nothing is between Remit and it"


class Scripted(Model):
    """Calls the tool once, and is done when it has heard of it."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self.heard: tuple[str, ...] = ()

    async def get_response(self, system_instructions: Any, input: Any, *more: Any, **named: Any) -> ModelResponse:
        outputs = [item for item in input if isinstance(item, dict) and item.get("type") == "function_call_output"]
        self.heard = tuple(str(item["output"]) for item in outputs)
        return ModelResponse(output=[self._done() if outputs else self._call()], usage=Usage(), response_id=None)

    def stream_response(self, *more: Any, **named: Any) -> Any:
        raise NotImplementedError

    def _call(self) -> Any:
        arguments = json.dumps({"order_id": ORDER, "amount": self._job.amount})
        return ResponseFunctionToolCall(
            arguments=arguments, call_id=self._job.call_id, name="refund", type="function_call"
        )

    def _done(self) -> Any:
        text = ResponseOutputText(annotations=[], text="done", type="output_text")
        return ResponseOutputMessage(id="m", content=[text], role="assistant", status="completed", type="message")


class OpenAIAgents:
    alone = True
    in_table = True
    shortens = False
    cannot: Mapping[str, str] = {
        "cancelled": "its pause holds no process: there is nobody to cancel",
        "rewritten": _WHOLE,
    }
    cannot_alone: Mapping[str, str] = {"edited": "a saved run is approved as it is", "rewritten": _WHOLE}

    def start(self, job: Job) -> Told:
        return asyncio.run(self._run(job, None))

    def resume(self, job: Job) -> Told:
        return asyncio.run(self._run(job, json.loads((kept(job) / "run.json").read_text())))

    async def _run(self, job: Job, saved: Any) -> Told:
        model = Scripted(job)
        async with AsyncExitStack() as stack:
            agent = Agent("clerk", model=model, tools=[await _tool(job, stack)])
            asked: Any = "refund it" if saved is None else await _answered(job, agent, saved)
            run = await Runner.run(agent, asked, run_config=_CONFIG)
        if run.interruptions:
            (kept(job) / "run.json").write_text(json.dumps(run.to_state().to_json()))
        return Told(paused=bool(run.interruptions), heard=model.heard)


async def _tool(job: Job, stack: AsyncExitStack) -> Any:
    async def refund(order_id: str, amount: int) -> str:
        """Refund an order."""
        return far_side(job, amount)

    if not job.guarded:
        return function_tool(refund, needs_approval=job.asks)
    client = await stack.enter_async_context(ForcedAsyncClient(job))
    plain = function_tool(refund, failure_error_function=None)
    (tool,) = guarded([plain], job.tools(), client, session=lambda _: SESSION)
    return tool


async def _answered(job: Job, agent: Agent[Any], saved: Any) -> Any:
    state = await RunState.from_json(agent, saved)
    for waits in state.get_interruptions():
        if job.decision.kind == "reject":
            state.reject(waits, rejection_message=job.decision.reason)
        else:
            state.approve(waits)
    return state
