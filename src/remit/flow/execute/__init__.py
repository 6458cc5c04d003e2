"""
Execution: start, preflight, map, invoke, record. It never decides again; it fulfils.

Where the store is the queue, a worker takes many executions in one write (`take`) and settles them in another
(`settle`); what acts in this very store is done in the first (`in_store`). What its proposer executes itself is begun
in one write and finished in another (`begin`, `finish`), and no worker takes it. An engine that calls functions has an
execution carried out `at_once`; for any other durable engine each step takes and returns plain JSON, so that it can be
carried between processes. Whatever moves the work: the attempt record alone says who may act, so a step that runs
twice, late or in two places does nothing the second time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from remit.flow.context import Context
from remit.flow.execute.at_once import at_once
from remit.flow.execute.begin import BeginIntent, begin
from remit.flow.execute.common import Keys, Worker, ref_of
from remit.flow.execute.expire import expire_begun
from remit.flow.execute.finish import FinishIntent, RenewPermit, lapse
from remit.flow.execute.held import look_again
from remit.flow.execute.invoke import invoke
from remit.flow.execute.map import map_request
from remit.flow.execute.preflight import preflight
from remit.flow.execute.recheck import Held
from remit.flow.execute.record import record, step_broke
from remit.flow.execute.settle import SettleCall
from remit.flow.execute.start import start
from remit.flow.execute.take import Ended, Taken, carry_out, claim_of, take, work_of
from remit.flow.fact_lookups import FactLookups
from remit.ports import Clock

__all__ = [
    "BeginIntent",
    "Ended",
    "Executor",
    "FinishIntent",
    "Held",
    "Keys",
    "RenewPermit",
    "SettleCall",
    "Taken",
    "begin",
    "carry_out",
    "claim_of",
    "expire_begun",
    "lapse",
    "look_again",
    "reference",
    "run",
    "take",
    "work_of",
]


class Executor:
    """The five steps, or all at once, as one run of one worker takes them; `holder` is as `Worker` says."""

    def __init__(self, context: Context, clock: Clock, holder: str, lookups: FactLookups) -> None:
        self.worker = Worker(context, clock, holder, lookups)

    def at_once(self, data: Mapping[str, Any], *, within_s: float | None = None) -> dict[str, Any]:
        return at_once(self.worker, data, within_s=within_s)

    def start(self, data: Mapping[str, Any]) -> dict[str, str] | None:
        return start(self.worker, data)

    def preflight(self, ref_data: Mapping[str, str]) -> bool:
        return preflight(self.worker, ref_data)

    def map(self, ref_data: Mapping[str, str]) -> dict[str, Any]:
        return map_request(self.worker, ref_data)

    def invoke(self, ref_data: Mapping[str, str], request: Mapping[str, Any]) -> dict[str, Any]:
        return invoke(self.worker, ref_data, request)

    def record(self, ref_data: Mapping[str, str], result: Mapping[str, Any]) -> str | None:
        return record(self.worker, ref_data, result)

    def step_broke(self, ref_data: Mapping[str, str], error: str) -> str | None:
        return step_broke(self.worker, ref_data, error)


def reference(data: Mapping[str, Any]) -> dict[str, str] | None:
    """The reference that the steps take, from an approval event's `data`; `None` if that lacks an id."""
    ref = ref_of(data)
    return ref.wire() if ref else None


def run(
    executor: Executor,
    data: Mapping[str, Any],
    step: Callable[..., Any],
    sleep: Callable[[float], None],
) -> str | None:
    """
    One execution from event to outcome, for engines that run code.

    `step(function, *arguments)` runs one step durably; `sleep` waits durably. Answers the recorded
    status, or `None` if there was nothing to do.
    """
    ref = step(executor.start, dict(data))
    if ref is None or not step(executor.preflight, ref):
        return None
    mapped = step(executor.map, ref)
    while "request" in mapped:
        called = step(executor.invoke, ref, mapped["request"])
        if called.get("stop"):
            return None
        if "retry_in_s" not in called:
            mapped = called
            break
        sleep(called["retry_in_s"])
    status: str | None = step(executor.record, ref, mapped)
    return status
