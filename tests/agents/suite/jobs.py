"""What a driver is asked to do and what it answers, and the far side whose effects are counted."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from remit.agents import GuardedTools, NotActed, ToolSpec
from tests.entrypoints.http_world import OWN
from tests.waiting import PATIENCE_S

Point = Literal["before the mark", "after the mark", "after acting", "after finish"]
SESSION = "t-1"
ORDER = "o-1"
REWRITTEN = 4999
CLOSED = "the shop is closed"
LARGE = 2**20


class Barrier(Protocol):
    def wait(self, timeout: float | None = None) -> int: ...


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer that a framework is given when it goes on. With Remit before it, it is a wake-up and no more."""

    kind: Literal["approve", "reject", "edit"] = "approve"
    reason: str = ""
    amount: int = 0


@dataclass(frozen=True, slots=True)
class Job:
    """
    One run of an agent whose model calls `refund` once, as `call_id`, and is done when it has heard an answer. `calls`
    is how often it calls in that turn, where the driver can say it.

    Without `url` the framework is alone; `asks` is whether somebody is to be asked. What must outlive the process
    (a checkpoint, a saved run) is kept in `folder`.
    """

    folder: Path
    url: str | None = None
    key: str = ""
    call_id: str = "call-1"
    amount: int = 5
    calls: int = 1
    asks: bool = True
    wait_s: float = 0.0
    more: Mapping[str, Any] = field(default_factory=dict)
    decision: Decision = Decision()
    answers: Literal["as usual", "breaks off", "did not act", "1 MiB"] = "as usual"
    rewrites: bool = False
    """Something between Remit and the tool changes the amount to `REWRITTEN`."""
    cancelled: bool = False
    """Whoever runs it gives up while it waits for a person."""
    killed: Point | None = None
    meets: Barrier | None = None
    """Where several wait for each other, before what only one of them may do."""

    @property
    def guarded(self) -> bool:
        return self.url is not None

    @property
    def risk_level(self) -> str:
        """Every way to put Remit before a tool can say a risk; not every one, how sure a model is."""
        return "MEDIUM" if self.asks else "LOW"

    def tools(self, tool: str = "refund") -> GuardedTools:
        more = {"confidence_score": 0.9, "risk_level": self.risk_level, **self.more}
        return GuardedTools("acct-1", {tool: ToolSpec(OWN, ("order", "order_id"), more)})


@dataclass(frozen=True, slots=True)
class Told:
    """What came of a run: it is paused, or what its model (or the caller of a function) heard of the call."""

    paused: bool = False
    heard: tuple[str, ...] = ()
    error: str | None = None
    killed: bool = False

    @property
    def words(self) -> str:
        return " ".join(filter(None, (*self.heard, self.error)))


class Driver(Protocol):
    """
    One way to put Remit before a tool. Each call is made in a process of its own, which may be killed on the way.

    `start` runs the agent until its model is done or the run is paused, and keeps in the job's folder what it needs
    to go on; `resume` goes on with what was kept. The tool of both is `far_side(job, amount)`; Remit is reached by
    `ForcedClient(job)` or `ForcedAsyncClient(job)` (`forced`), or, from a process that the driver starts (a gateway),
    at the job's URL. `cannot` names the scenarios that it has no way to do, each with the reason; `alone` says whether
    the framework has a pause of its own to compare with, and `cannot_alone` what that has no way to do. `shortens`: it
    passes a large result on as a part of it, whoever is before the tool. `in_table`: it has columns in the table.
    """

    alone: bool
    in_table: bool
    shortens: bool
    cannot: Mapping[str, str]
    cannot_alone: Mapping[str, str]

    def start(self, job: Job) -> Told: ...

    def resume(self, job: Job) -> Told: ...


def far_side(job: Job, amount: int) -> str:
    """The tool: notes what it did where any process can count it, then answers or breaks off."""
    if not job.guarded:
        die_at(job, "before the mark")
        meet(job)
    if job.answers == "did not act":
        raise NotActed(CLOSED)
    with _notes(job.folder).open("a") as notes:
        notes.write(json.dumps(amount) + "\n")
    die_at(job, "after acting")
    if job.answers == "breaks off":
        raise ValueError("no answer")
    return "x" * LARGE if job.answers == "1 MiB" else f"refunded {amount}"


def effects(folder: Path) -> list[int]:
    """The amounts that were refunded, in their order."""
    notes = _notes(folder)
    return [json.loads(line) for line in notes.read_text().splitlines()] if notes.exists() else []


def _notes(folder: Path) -> Path:
    return folder / "effects.jsonl"


def kept(job: Job) -> Path:
    """Where a driver keeps its conversation."""
    folder = job.folder / "kept"
    folder.mkdir(exist_ok=True)
    return folder


def die_at(job: Job, point: Point) -> None:
    """As a power cut would: this process and all that it started."""
    if job.killed == point:
        os.killpg(0, signal.SIGKILL)


def meet(job: Job) -> None:
    if job.meets is not None:
        job.meets.wait(PATIENCE_S)
