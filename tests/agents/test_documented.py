"""What docs/agents.md shows of each framework is what runs: its blocks, with a model that calls the tool once."""

import asyncio
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from pydantic_ai.models.function import FunctionModel

from agents import Runner, set_tracing_disabled
from remit.agents import GuardedTools, ToolSpec
from tests.agents.suite.drivers import langgraph, openai_agents, pydantic
from tests.agents.suite.jobs import SESSION, Job
from tests.agents.suite.processes import DRIVERS, is_there
from tests.agents.suite.scenarios import SCENARIOS
from tests.agents.suite.table import columns, heads, playable, reasons
from tests.entrypoints.http_world import ACME, OWN, http_world

from .signatures import refund_of, search

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "agents.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTEXT = SimpleNamespace(conversation=SESSION)
set_tracing_disabled(True)


def section_of(page, section):
    _, _, rest = page.partition(f"\n## {section}\n")
    return rest.partition("\n## ")[0]


def block(section, page=PAGE):
    """The one block of Python of a section."""
    (text,) = re.findall(r"```python\n(.*?)```", section_of(page, section), re.DOTALL)
    return text


@pytest.fixture
def world(tmp_path, monkeypatch):
    with http_world(tmp_path) as here:
        for name, value in {"URL": here.url, "KEY": here.keys[ACME, "agent"], "ACCOUNT": "acct-1"}.items():
            monkeypatch.setenv(f"REMIT_{name}", value)
        yield here


@pytest.fixture
def page(world):
    """The names that the page takes as given, and `ran`, which the tool fills."""
    ran = []

    sure = {"confidence_score": 0.9}
    tools = GuardedTools("acct-1", {"refund": ToolSpec(OWN, ("order", "order_id"), sure)})
    shop = SimpleNamespace(refund=lambda order_id, amount: {"refunded": ran.append(amount)})
    return {
        **{"url": world.url, "key": world.keys[ACME, "agent"], "shop": shop, "tools": tools, "ran": ran},
        **{"refund": refund_of(ran), "search": search},
    }


@pytest.fixture
def job(tmp_path):
    return Job(folder=tmp_path)


def shown(section, page):
    exec(compile(block(section), f"docs/agents.md, {section}", "exec"), page)
    return page


def status(world):
    ((line,), _) = world.remit.intents(ACME)
    return line["status"]


def test_what_the_readme_puts_before_a_tool_runs_and_takes_under_fifteen_lines(world, page):
    exec(compile(block("Put it before a tool", README), "README.md", "exec"), page)

    assert page["refund"]("o-1", 12.5) == {"refunded": None}
    assert (page["ran"], status(world)) == ([12.5], "SUCCEEDED")
    assert len(section_of(README, "Put it before a tool").strip().splitlines()) < 15


def test_every_section_of_an_adapter_shows_under_fifteen_lines():
    sections = re.findall(r"^## (.*)$", PAGE, re.MULTILINE)
    shown = [text for name in sections for text in re.findall(r"```\w+\n(.*?)```", section_of(PAGE, name), re.DOTALL)]

    assert max(len(text.splitlines()) for text in shown) < 15


def test_the_table_has_every_scenario_and_every_way_and_says_why_a_number_is_missing():
    shown = re.search(r"<!-- table:begin -->\n(.*)<!-- table:end -->", PAGE, re.DOTALL)[1]
    names = columns()

    lines = [line.strip("|\n").split("|")[0].strip() for line in shown.splitlines() if line.startswith("|")]
    assert lines[2:] == [SCENARIOS[name].what for name in playable(names)]
    assert set(heads(names)) <= {head.strip() for head in shown.splitlines()[0].strip("|").split("|")}
    # Without some driver's package its name is not in the lines that it shares with others.
    assert not all(map(is_there, DRIVERS)) or set(reasons(names)) <= set(shown.splitlines())


def test_functions(world, page):
    shown("Functions", page)

    assert (page["ran"], status(world)) == ([12.5], "SUCCEEDED")


def test_functions_on_a_worker(page):
    refund = shown("Functions on a worker", page)["refund"]

    refund.run({"order_id": "o-1", "amount": 12.5}, idempotency_key="k-1", timeout_s=60)

    assert page["ran"] == [12.5]
    assert refund.action_type_bounds()["tool"] == {"connector": "function"}


def test_langchain_and_langgraph(world, page, job):
    call = {"name": "refund", "args": {"order_id": "o-1", "amount": 5}, "id": "call-1"}
    page |= {"model": langgraph.Scripted(messages=iter(()), call=call), "checkpointer": InMemorySaver()}
    page |= {"refund": tool(page["refund"]), "search": tool(page["search"])}

    agent = shown("LangChain and LangGraph", page)["agent"]

    # Nothing was said of confidence, so a person is asked.
    assert "__interrupt__" in agent.invoke({"messages": [("user", "refund it")]}, langgraph.THREAD)
    assert (page["ran"], status(world)) == ([], "AWAITING_APPROVAL")


def test_openai_agents_sdk(world, page, job):
    agent = shown("OpenAI Agents SDK", page)["agent"]
    agent.model = openai_agents.Scripted(job)

    asyncio.run(Runner.run(agent, "refund it", context=CONTEXT))

    assert (page["ran"], status(world)) == ([5], "SUCCEEDED")


def test_pydantic_ai(world, page, job):
    page["model"] = FunctionModel(lambda messages, _: pydantic.says(job, messages))
    agent = shown("Pydantic AI", page)["agent"]
    agent.tool_plain(page["refund"])

    asyncio.run(agent.run("refund it", deps=CONTEXT))

    assert (page["ran"], status(world)) == ([5], "SUCCEEDED")


def test_claude_agent_sdk(page):
    sdk = pytest.importorskip("claude_agent_sdk", reason="its package is too large to be installed for every run")
    page["shop"] = sdk.create_sdk_mcp_server("shop", tools=[])

    options = shown("Claude Agent SDK", page)["options"]

    assert {event: hooks[0].on_failure for event, hooks in options.hooks.items()} == dict.fromkeys(
        ["PreToolUse", "PostToolUse", "PostToolUseFailure"], "block"
    )
