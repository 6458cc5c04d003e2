"""An OpenAI Agents SDK agent with a scripted model: its approvals are wake-ups, and each call runs once."""

import asyncio
import json

import pytest
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

from agents import Agent, Model, ModelResponse, RunConfig, Runner, RunState, Usage, function_tool, set_tracing_disabled
from remit import AsyncRemitClient
from remit.agents.openai_agents import guarded
from remit.agents.tools import GuardedTools, ToolSpec
from tests.entrypoints.http_world import ACME, OWN

from .guarded import agents_world
from .signatures import awaited_refund_of

set_tracing_disabled(True)
NAME = "t-1:call-1"


class Scripted(Model):
    """Calls the tool once, then says that it is done."""

    def __init__(self):
        self.heard = []

    async def get_response(self, system_instructions, input, *more, **named):
        outputs = [item for item in input if isinstance(item, dict) and item.get("type") == "function_call_output"]
        self.heard = [item["output"] for item in outputs]
        return ModelResponse(output=[self._done() if outputs else self._call()], usage=Usage(), response_id=None)

    def stream_response(self, *more, **named):
        raise NotImplementedError

    def _call(self):
        arguments = json.dumps({"order_id": "o-1", "amount": 5})
        return ResponseFunctionToolCall(arguments=arguments, call_id="call-1", name="refund", type="function_call")

    def _done(self):
        text = ResponseOutputText(annotations=[], text="done", type="output_text")
        return ResponseOutputMessage(id="m", content=[text], role="assistant", status="completed", type="message")


@pytest.fixture
def agents(tmp_path):
    with agents_world(tmp_path, "awaited") as here:
        yield here


class Chat:
    def __init__(self, agents, confidence):
        self.agents, self.ran, self.model, self.fails = agents, [], Scripted(), None
        self.spec = ToolSpec(OWN, ("order", "order_id"), {"confidence_score": confidence})

    def run(self, go_on=None):
        """A run in a process of its own; `go_on` is what one left that was paused."""
        return asyncio.run(self._run(go_on))

    async def _run(self, go_on):
        async with AsyncRemitClient(self.agents.world.url, self.agents.world.keys[ACME, "agent"]) as client:
            tool = function_tool(awaited_refund_of(self), failure_error_function=None)
            of = GuardedTools("acct-1", {"refund": self.spec})
            agent = Agent("clerk", model=self.model, tools=guarded([tool], of, client, session=lambda _: "t-1"))
            if go_on is None:
                return await Runner.run(agent, "refund it", run_config=RunConfig(tracing_disabled=True))
            state = await RunState.from_json(agent, go_on)
            for waits in state.get_interruptions():
                state.approve(waits)
            return await Runner.run(agent, state, run_config=RunConfig(tracing_disabled=True))


def test_what_is_within_bounds_runs_and_the_model_hears_the_answer(agents):
    chat = Chat(agents, 0.9)

    chat.run()

    assert (chat.model.heard, chat.ran, agents.status(NAME)) == (["refunded 5"], [("o-1", 5)], "SUCCEEDED")


def test_what_is_asked_pauses_the_run_and_one_saved_pause_that_is_resumed_twice_runs_once(agents):
    chat = Chat(agents, 0.1)
    paused = chat.run()
    assert len(paused.interruptions) == 1 and chat.ran == []
    saved = paused.to_state().to_json()
    agents.approve(NAME)

    chat.run(saved)
    assert chat.model.heard == ["refunded 5"]
    chat.run(saved)
    assert (chat.model.heard, chat.ran) == (["refunded 5"], [("o-1", 5)])


def test_the_frameworks_own_approval_lets_nothing_run(agents):
    chat = Chat(agents, 0.1)
    saved = chat.run().to_state().to_json()

    chat.run(saved)

    (words,) = chat.model.heard
    assert "has not answered yet" in words and chat.ran == []


def test_a_tool_that_breaks_off_is_told_so_that_nobody_tries_again(agents):
    chat = Chat(agents, 0.9)
    chat.fails = ValueError("no answer")

    chat.run()

    (words,) = chat.model.heard
    assert "Do NOT do it again" in words and agents.status(NAME) == "UNKNOWN"


def test_a_tool_that_hides_its_exceptions_is_refused(agents):
    hides = function_tool(awaited_refund_of(Chat(agents, 0.9)))

    with pytest.raises(TypeError, match="failure_error_function=None"):
        guarded([hides], GuardedTools("acct-1"), None, session=lambda _: "t-1")
