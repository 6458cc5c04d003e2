"""Executions, as workers and durable engines carry them out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from remit.app.part import Part
from remit.core.errors import RemitError
from remit.core.execution.outcome import CallResult
from remit.core.execution.places import Places
from remit.core.identity.person import check_person
from remit.flow import execute
from remit.flow.breakers import ResumeTool, ToolId, failing_tools, log_uncounted, note_units, room_under
from remit.flow.context import Context
from remit.flow.fact_lookups import FactLookups
from remit.ports import Clock, UnitOfWork, answer_of

log = logging.getLogger(__name__)


class Execution(Part):
    """Taking what the store queues, calling, and settling; and the single steps for an engine that carries them."""

    def __init__(self, context: Context, clock: Clock) -> None:
        super().__init__(context, clock)
        self._wakes: tuple[Callable[[], None], ...] = ()
        self.lookups = FactLookups(context, clock)

    def take(
        self, limit: int, holder: str, places: Places | None = None, *, act_in_store: bool = False
    ) -> list[execute.Taken | execute.Held | execute.Ended]:
        """
        Take at most `limit` executions that this store queues, in one write. Their calls are marked, but for those
        whose facts are looked at before (`look_again`).

        `holder` is never used again. With `places`, only what finds one there. With `act_in_store`, what acts in this
        very store (notes, tasks) has acted and ended in that write.
        """
        places, now, breakers = places or Places(limit), self.clock.now(), failing_tools(self.context)
        taken = execute.take(
            self.context, places, limit, holder, now, breakers, self.lookups, act_in_store=act_in_store
        )
        for error in taken:
            if isinstance(error, RemitError):
                log.warning("an execution could not be taken and is tried again: %s", error)
        return [each for each in taken if isinstance(each, execute.Taken | execute.Held | execute.Ended)]

    def look_again(self, held: execute.Held) -> execute.Taken | execute.Ended | None:
        """
        Look up the facts of what was taken, and mark its call; or end it, where they are not as decided on. `None`
        where there is nothing to call now. Waits for others, up to 20 s; never raises.
        """
        return execute.look_again(self.context, held, self.clock)

    def carry_out(self, taken: Sequence[execute.Taken]) -> list[CallResult]:
        """Make the calls of one piece of work (`flow.execute.work_of`). Never raises for what came of them."""
        return execute.carry_out(taken, self.clock)

    def settle(self, results: Sequence[tuple[execute.Taken, CallResult]]) -> list[str | None]:
        """Record what calls came to, in one write; answers each recorded status, `None` where there is none yet."""
        now = self.clock.now()
        units: list[UnitOfWork[Any]] = [
            execute.SettleCall(self.context, taken, result, now).unit() for taken, result in results
        ]
        units += note_units(self.context, [taken.ended(result) for taken, result in results], now)
        answers = self.context.store.transact(units)
        log_uncounted(answers[len(results) :])
        return [answer_of([answer]) for answer in answers[: len(results)]]

    def has_queued(self, places: Places) -> bool:
        """Is there an execution that `take` would find, with these places?"""
        now = self.clock.now()
        # First without a look at what is paused: mostly nothing is queued.
        if not self.context.store.has_queued(execute.claim_of(self.context, places, 1, now, {})):
            return False
        breakers = failing_tools(self.context)
        wanted = execute.claim_of(self.context, places, 1, now, breakers)
        return not room_under(breakers, now) or self.context.store.has_queued(wanted)

    @contextmanager
    def waking(self, wake: Callable[[], None]) -> Iterator[None]:
        """`wake` is called, from any thread, soon after this process, or another, may have queued an execution."""
        self._wakes = (*self._wakes, wake)
        try:
            with self.context.store.watch(wake):
                yield
        finally:
            self._wakes = tuple(each for each in self._wakes if each is not wake)

    def resume_tool(self, tenant_id: str, action_type: str, *, by: str) -> bool:
        """End the pause of a tool that kept failing: it is called at once. False if it was not paused."""
        check_person("by", by)
        resumed = self._one(ResumeTool(ToolId(tenant_id, action_type)).unit())
        if resumed:
            log.warning("tenant %s: %s resumed %s's tool", tenant_id, by, action_type)
            self.note_queued()
        return resumed

    def note_queued(self) -> None:
        """This process may have queued an execution: whoever waits for one looks."""
        for wake in self._wakes:
            wake()

    def executor(self, holder: str) -> execute.Executor:
        """One execution, at once or by its five steps, for one run of one worker."""
        return execute.Executor(self.context, self.clock, holder, self.lookups)
