"""A LangChain agent with a scripted model: each call of its tool runs once, within bounds or when a person says yes."""

import asyncio
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from remit import AsyncRemitClient, RemitClient
from remit.agents.langchain import RemitMiddleware
from remit.agents.tools import GuardedTools, ToolSpec
from tests.entrypoints.http_world import ACME, OWN

from .guarded import agents_world
from .signatures import refund_of


class Scripted(GenericFakeChatModel):
    def bind_tools(self, tools, **more):
        return self


@pytest.fixture
def agents(tmp_path):
    with agents_world(tmp_path, "blocking") as here:
        yield here


class Chat:
    """An agent of its own, as a new process has it, over conversations that are kept."""

    def __init__(self, agents, confidence, *, keeps=True):
        self.agents, self.ran = agents, []
        self.kept = InMemorySaver() if keeps else None
        self.spec = ToolSpec(OWN, ("order", "order_id"), {"confidence_score": confidence})
        self.fails = None

    def agent(self, *said):
        client = RemitClient(self.agents.world.url, self.agents.world.keys[ACME, "agent"])
        guarded = RemitMiddleware(GuardedTools("acct-1", {"refund": self.spec}), client)
        model = Scripted(messages=iter(said))
        return create_agent(model, [tool(refund_of(self))], middleware=[guarded], checkpointer=self.kept)

    def asks(self, amount=5):
        call = {"name": "refund", "args": {"order_id": "o-1", "amount": amount}, "id": "call-1"}
        return self.agent(AIMessage("", tool_calls=[call]), AIMessage("done")).invoke(
            {"messages": [("user", "refund it")]}, THREAD
        )

    def goes_on(self, value=True):
        return self.agent(AIMessage("done")).invoke(Command(resume=value), THREAD)


THREAD: Any = {"configurable": {"thread_id": "t-1"}}
NAME = "t-1:call-1"


def told(state):
    """What the model was told of its call."""
    return [message.content for message in state["messages"] if isinstance(message, ToolMessage)]


def test_what_is_within_bounds_runs_and_the_model_hears_the_answer(agents):
    chat = Chat(agents, 0.9)

    assert told(chat.asks()) == ["refunded 5"]
    assert (chat.ran, agents.status(NAME)) == ([("o-1", 5)], "SUCCEEDED")


def test_what_is_asked_pauses_the_graph_and_runs_once_when_a_person_has_said_yes(agents):
    chat = Chat(agents, 0.1)
    paused = chat.asks()
    assert paused["__interrupt__"][0].value["remit"]["status"] == "AWAITING_APPROVAL"
    agents.approve(NAME)

    assert told(chat.goes_on()) == ["refunded 5"]
    assert chat.ran == [("o-1", 5)]


def test_a_graph_that_is_resumed_before_anybody_answered_pauses_again(agents):
    chat = Chat(agents, 0.1)
    chat.asks()

    assert "__interrupt__" in chat.goes_on("approved, said nobody")
    assert chat.ran == []


def test_a_persons_no_and_a_persons_change_reach_the_model(agents):
    chat = Chat(agents, 0.1)
    chat.asks()
    edited = agents.world.remit.edit(ACME, NAME, by="bob", changes={"parameters.amount": 3})
    agents.approve(edited.action_intent_id)

    assert told(chat.goes_on()) == ["refunded 3"]
    assert chat.ran == [("o-1", 3)]


def test_a_no_is_told_and_nothing_runs(agents):
    chat = Chat(agents, 0.1)
    chat.asks()
    agents.world.remit.reject(ACME, NAME, by="bob", reason="already refunded")

    (words,) = told(chat.goes_on())

    assert "rejected" in words and "already refunded" in words and chat.ran == []


def test_a_tool_that_breaks_off_is_not_tried_again(agents):
    chat = Chat(agents, 0.9)
    chat.fails = ValueError("no answer")

    (words,) = told(chat.asks())

    assert "Do NOT do it again" in words
    assert (agents.status(NAME), len(chat.ran)) == ("UNKNOWN", 1)


def test_arguments_that_the_tool_refuses_are_the_models_mistake_and_no_intent(agents):
    chat = Chat(agents, 0.9)

    (words,) = told(chat.asks(amount="many"))

    assert "amount" in words and chat.ran == []
    assert agents.world.remit.intents(ACME)[0] == []


def test_without_a_thread_a_guarded_tool_is_refused(agents):
    chat = Chat(agents, 0.9, keeps=False)
    call = {"name": "refund", "args": {"order_id": "o-1", "amount": 5}, "id": "call-1"}

    with pytest.raises(RuntimeError, match="needs a thread_id"):
        chat.agent(AIMessage("", tool_calls=[call]), AIMessage("done")).invoke({"messages": [("user", "refund it")]})


def test_in_an_event_loop_it_pauses_and_runs_once_as_well(agents):
    chat = Chat(agents, 0.1)
    call = {"name": "refund", "args": {"order_id": "o-1", "amount": 5}, "id": "call-1"}

    async def run(asked, *said):
        async with AsyncRemitClient(agents.world.url, agents.world.keys[ACME, "agent"]) as client:
            guarded = RemitMiddleware(GuardedTools("acct-1", {"refund": chat.spec}), async_client=client)
            model = Scripted(messages=iter(said))
            agent = create_agent(model, [tool(refund_of(chat))], middleware=[guarded], checkpointer=chat.kept)
            return await agent.ainvoke(asked, config=THREAD)

    paused = asyncio.run(run({"messages": [("user", "refund it")]}, AIMessage("", tool_calls=[call])))
    assert "__interrupt__" in paused
    agents.approve(NAME)

    assert told(asyncio.run(run(Command(resume=True), AIMessage("done")))) == ["refunded 5"]
    assert chat.ran == [("o-1", 5)]
