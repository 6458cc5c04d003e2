"""A framework's call that the bounds leave to a worker: it is waited for, and withdrawn by whoever stops waiting."""

import asyncio

import pytest

from remit import AsyncRemitClient
from tests.entrypoints.http_world import ACME
from tests.waiting import until

from . import chats
from .guarded import agents_world

CHATS = pytest.mark.parametrize("chat", [chats.langchain, chats.openai, chats.pydantic], ids=lambda chat: chat.__name__)


@pytest.fixture
def agents(tmp_path):
    with agents_world(tmp_path, "awaited") as here:
        here.at_worker()
        yield here


def client_of(agents):
    return AsyncRemitClient(agents.world.url, agents.world.keys[ACME, "agent"])


@CHATS
def test_the_model_hears_what_the_worker_was_answered(agents, chat):
    async def run():
        async with client_of(agents) as client:
            return await chat(client)

    stop = agents.working()
    heard = asyncio.run(run())
    stop.set()

    assert "note-" in heard and agents.status(chats.NAME) == "SUCCEEDED"


@CHATS
def test_a_run_that_is_cancelled_while_its_tool_waits_takes_the_call_back(agents, chat):
    async def run():
        async with client_of(agents) as client:
            await agents.cancelled(chat(client), when=lambda: agents.world.remit.answers._feed._tenants.get(ACME))
            # Not every framework waits for the end of a tool that it cancels.
            await asyncio.to_thread(until, lambda: agents.status(chats.NAME) == "WITHDRAWN", what="it is taken back")

    asyncio.run(run())
