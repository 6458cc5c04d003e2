"""
Runs of a driver, each in a process of its own.

They are forked from one process that has loaded every framework and nothing else: a new process costs milliseconds,
and has no thread, connection or memory of another.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from tests.agents.suite.jobs import Driver, Job, Told
from tests.waiting import PATIENCE_S

DRIVERS = {
    "a function": "functions:Function",
    "a coroutine function": "functions:CoroutineFunction",
    "LangGraph": "langgraph:Blocking",
    "LangGraph in an event loop": "langgraph:Awaited",
    "OpenAI Agents": "openai_agents:OpenAIAgents",
    "Pydantic AI": "pydantic:PydanticAI",
    "Claude Agent SDK": "claude:Claude",
    "MCP gateway, stdio": "mcp_gateway:OverStdio",
    "MCP gateway, HTTP": "mcp_gateway:OverHttp",
}
_HERE = "tests.agents.suite.drivers."
NEEDS = {"Claude Agent SDK": "claude_agent_sdk"}
"""What a driver needs beside the packages that tests have: too large to be installed for every run of them."""


def is_there(name: str) -> bool:
    """Is what the driver needs installed?"""
    try:
        import_module(NEEDS.get(name, "remit"))
    except ImportError:
        return False
    return True


def driver(name: str) -> Driver:
    module, _, kind = DRIVERS[name].partition(":")
    made: Driver = getattr(import_module(_HERE + module), kind)()
    return made


@cache
def processes() -> Any:
    """Where processes are forked from: one that has loaded every framework, for all tests of this process."""
    context = get_context("forkserver")
    modules = {place.partition(":")[0] for name, place in DRIVERS.items() if is_there(name)}
    context.set_forkserver_preload([_HERE + module for module in sorted(modules)])
    return context


def barrier(parties: int) -> Any:
    return processes().Barrier(parties)


class Run:
    """One that was started."""

    def __init__(self, name: str, verb: str, job: Job) -> None:
        self._reader, writer = processes().Pipe(duplex=False)
        self._process = processes().Process(target=_run, args=(name, verb, job, writer))
        self._process.start()
        writer.close()

    def told(self) -> Told:
        """What came of it, when it has ended."""
        with self._reader:
            assert self._reader.poll(PATIENCE_S), f"not within {PATIENCE_S:.0f} s: the end of a run"
            try:
                told: Told = self._reader.recv()
            except EOFError:
                told = Told(killed=True)
        self._process.join(PATIENCE_S)
        return told


def at_once(runs: Sequence[Run]) -> list[Told]:
    return [run.told() for run in runs]


def _run(name: str, verb: str, job: Job, writer: Connection) -> None:
    # A group of its own, so that what it starts dies with it.
    os.setsid()
    try:
        told = getattr(driver(name), verb)(job)
    except BaseException as error:
        told = Told(error="".join(traceback.format_exception(error)))
    writer.send(told)
    writer.close()
