"""Executions, as workers and durable engines carry them out."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from remit.app.part import Part
from remit.core.errors import RemitError
from remit.core.execution.outcome import CallResult
from remit.flow import execute
from remit.flow.context import Context
from remit.ports import Clock, answer_of

log = logging.getLogger(__name__)


class Execution(Part):
    """Taking what the store queues, calling, and settling; and the single steps for an engine that carries them."""

    def __init__(self, context: Context, clock: Clock) -> None:
        super().__init__(context, clock)
        self._queued = threading.Event()

    def take(self, limit: int, holder: str) -> list[execute.Taken | execute.Ended]:
        """
        Take executions that this store queues, in one write; their calls are marked. `holder` is never used again.
        """
        taken = execute.take(self.context, list(self.context.connectors), limit, holder, self.clock.now())
        for error in taken:
            if isinstance(error, RemitError):
                log.warning("an execution could not be taken and is tried again: %s", error)
        return [each for each in taken if isinstance(each, execute.Taken | execute.Ended)]

    def carry_out(self, taken: execute.Taken) -> CallResult:
        """Make the call of one execution. Never raises for what came of it."""
        return execute.carry_out(taken, self.clock.now())

    def settle(self, results: Sequence[tuple[execute.Taken, CallResult]]) -> list[str | None]:
        """Record what calls came to, in one write; answers each recorded status, `None` where there is none yet."""
        now = self.clock.now()
        units = [execute.settle_unit(self.context, taken, result, now) for taken, result in results]
        return [answer_of([answer]) for answer in self.context.store.transact(units)]

    def has_queued(self) -> bool:
        """Is there an execution that `take` would find?"""
        return self.context.store.has_queued(self.clock.now(), [*self.context.connectors, ""])

    def wait_for_queued(self, timeout_s: float) -> None:
        """Until this process has queued an execution, or so long."""
        self._queued.wait(timeout_s)
        self._queued.clear()

    def note_queued(self) -> None:
        """This process may have queued an execution: whoever waits for one looks."""
        self._queued.set()

    def executor(self, holder: str) -> execute.Executor:
        """The five steps of one execution, for one run of one worker."""
        return execute.Executor(self.context, self.clock, holder)
