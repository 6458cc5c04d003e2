"""What `RemitMiddleware` refuses itself, beside what every adapter does (`suite`)."""

import pytest

from remit.agents.langchain import RemitMiddleware
from tests.agents.suite.desk import remit_desk
from tests.agents.suite.drivers.langgraph import agent_of
from tests.agents.suite.forced import ForcedClient

ASKED = {"messages": [("user", "refund it")]}


@pytest.fixture
def desk(tmp_path):
    with remit_desk("LangGraph", tmp_path) as here:
        yield here


def test_arguments_that_the_tool_refuses_are_the_models_mistake_and_no_intent(desk):
    told = desk.start(asks=False, amount="many")

    assert "amount" in told.words and desk.effects() == []
    assert desk.statuses() == []


def test_a_middleware_that_changes_an_approved_call_is_refused_and_named(desk):
    told = desk.start(asks=False, rewrites=True)

    assert "RemitMiddleware has to be the last of the list" in told.words
    assert (desk.effects(), desk.statuses()) == ([], ["FAILED"])


def test_without_a_thread_a_guarded_tool_is_refused(desk):
    agent = agent_of(desk.job, RemitMiddleware(desk.job.tools(), ForcedClient(desk.job)), None)

    with pytest.raises(RuntimeError, match="needs a thread_id"):
        agent.invoke(ASKED)
