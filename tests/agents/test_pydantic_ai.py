"""A Pydantic AI agent with a scripted model: what is asked is deferred, and each call runs once."""

import asyncio

import pytest
from pydantic_ai import Agent, DeferredToolRequests, DeferredToolResults
from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import FunctionModel

from remit import AsyncRemitClient
from remit.agents.pydantic_ai import RemitCapability
from remit.agents.tools import GuardedTools, ToolSpec
from tests.entrypoints.http_world import ACME, OWN

from .guarded import agents_world
from .signatures import awaited_refund_of

NAME = "t-1:call-1"


@pytest.fixture
def agents(tmp_path):
    with agents_world(tmp_path, "awaited") as here:
        yield here


class Chat:
    def __init__(self, agents, confidence):
        self.agents, self.ran, self.heard, self.fails = agents, [], [], None
        self.spec = ToolSpec(OWN, ("order", "order_id"), {"confidence_score": confidence})

    def run(self, after=None, approves=True):
        """A run in a process of its own; `after` is one that was deferred."""
        return asyncio.run(self._run(after, approves))

    def _says(self, messages, _info):
        parts = [part for message in messages for part in message.parts]
        self.heard = [part.content for part in parts if isinstance(part, ToolReturnPart)]
        if self.heard:
            return ModelResponse([TextPart("done")])
        return ModelResponse([ToolCallPart("refund", {"order_id": "o-1", "amount": 5}, "call-1")])

    async def _run(self, after, approves):
        async with AsyncRemitClient(self.agents.world.url, self.agents.world.keys[ACME, "agent"]) as client:
            remit = RemitCapability(GuardedTools("acct-1", {"refund": self.spec}), client, lambda _: "t-1")
            agent = Agent(
                FunctionModel(self._says), capabilities=[remit], output_type=[str, DeferredToolRequests], retries=0
            )

            agent.tool_plain(awaited_refund_of(self))

            if after is None:
                return await agent.run("refund it")
            results = DeferredToolResults(approvals={"call-1": approves})
            return await agent.run(message_history=after.all_messages(), deferred_tool_results=results)


def test_what_is_within_bounds_runs_and_the_model_hears_the_answer(agents):
    chat = Chat(agents, 0.9)

    chat.run()

    assert (chat.heard, chat.ran, agents.status(NAME)) == (["refunded 5"], [("o-1", 5)], "SUCCEEDED")


def test_what_is_asked_is_deferred_and_a_pause_that_is_resumed_twice_runs_once(agents):
    chat = Chat(agents, 0.1)
    deferred = chat.run()
    assert isinstance(deferred.output, DeferredToolRequests) and chat.ran == []
    agents.approve(NAME)

    for _ in range(2):
        chat.run(deferred)
        assert (chat.heard, chat.ran) == (["refunded 5"], [("o-1", 5)])


def test_the_frameworks_own_approval_lets_nothing_run(agents):
    chat = Chat(agents, 0.1)

    again = chat.run(chat.run())

    assert isinstance(again.output, DeferredToolRequests) and chat.ran == []


def test_a_persons_no_is_told(agents):
    chat = Chat(agents, 0.1)
    deferred = chat.run()
    agents.world.remit.reject(ACME, NAME, by="bob", reason="already refunded")

    chat.run(deferred)

    (words,) = chat.heard
    assert "rejected" in words and chat.ran == []


def test_a_tool_that_breaks_off_is_told_so_that_nobody_tries_again(agents):
    chat = Chat(agents, 0.9)
    chat.fails = ValueError("no answer")

    chat.run()

    (words,) = chat.heard
    assert "Do NOT do it again" in words and agents.status(NAME) == "UNKNOWN"
