"""Answers for agents: what became of a proposal, at once or as soon as it is known."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Self

from remit.app.answer_feed import AnswerFeed, Waiter
from remit.app.part import Part
from remit.core.errors import InvalidInput
from remit.core.execution.answer import ProposalAnswer
from remit.core.identity.principal import Principal
from remit.core.values import shifted
from remit.flow.context import Context
from remit.flow.mark_waiting import mark_waiting
from remit.flow.reading.answer import answer
from remit.ports import Clock

if TYPE_CHECKING:
    from remit.core.views import AgentAnswer

WAIT_S = 30.0
LONGEST_WAIT_S = 7 * 24 * 3600.0
ASKS_AGAIN = timedelta(seconds=10)
"""How long somebody whose question was answered still counts as waiting: it asks again."""


class Watch:
    """One who waits for an intent, as long as the context is open."""

    def __init__(
        self,
        waiter: Waiter,
        action_intent_id: str,
        read: Callable[[str, str], ProposalAnswer],
        mark: Callable[[ProposalAnswer], None],
        now: Callable[[], datetime],
    ) -> None:
        """`mark` notes of each intent that is followed that somebody waits for it."""
        self._waiter, self._asked, self._read, self._mark = waiter, action_intent_id, read, mark
        self._now = now
        self._marked: set[str] = set()
        self._alarm: threading.Timer | None = None

    def look(self) -> ProposalAnswer:
        """The answer as it stands; from here on, whatever changes wakes. Raises `NotFound`, and `Forbidden`."""
        self._waiter.follow(self._asked)
        found = self._read(self._waiter.tenant_id, self._asked)
        # To one that took its place something may have happened before it was followed.
        while self._waiter.follow(found.case.action_intent_id):
            found = self._read(self._waiter.tenant_id, self._asked)
        if not found.settled and found.case.action_intent_id not in self._marked:
            self._marked.add(found.case.action_intent_id)
            self._mark(found)
        if found.held_until is not None:
            self._wake_at(found.held_until)
        return found

    def _wake_at(self, moment: datetime) -> None:
        """No entry tells that the time is over in which an approval can be taken back."""
        self._stop_alarm()
        self._alarm = threading.Timer((moment - self._now()).total_seconds(), self._waiter.wake)
        self._alarm.daemon = True
        self._alarm.start()

    def _stop_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop_alarm()
        self._waiter.leave()


class AgentAnswers(Part):
    """For agents. Waiting reads nothing while nothing happens."""

    def __init__(self, context: Context, clock: Clock) -> None:
        super().__init__(context, clock)
        self._feed = AnswerFeed(lambda: context.store)

    def answer(self, tenant_id: str, action_intent_id: str) -> AgentAnswer:
        """The answer to an intent, or to what took its place, in words and in fields. Raises `NotFound`."""
        return self.read(tenant_id, action_intent_id).wire()

    def wait(self, tenant_id: str, action_intent_id: str, *, timeout_s: float = WAIT_S) -> AgentAnswer:
        """
        The answer when it is `settled`, or after `timeout_s` as it is then. Follows edits.

        Raises `NotFound`, and `InvalidInput` for a time that is none.
        """
        if type(timeout_s) not in (int, float) or not 0 <= timeout_s <= LONGEST_WAIT_S:
            raise InvalidInput("timeout_s", f"is {timeout_s!r:.40}", f"choose 0 to {LONGEST_WAIT_S:,.0f} seconds")
        woken, until = threading.Event(), time.monotonic() + timeout_s
        with self.watch(tenant_id, action_intent_id, woken.set, timeout_s) as watch:
            while True:
                woken.clear()
                found = watch.look()
                left_s = until - time.monotonic()
                if found.settled or left_s <= 0:
                    return found.wire()
                woken.wait(left_s)

    def watch(
        self,
        tenant_id: str,
        action_intent_id: str,
        wake: Callable[[], None],
        for_s: float,
        reader: Principal | None = None,
    ) -> Watch:
        """
        For whoever waits in a way of its own, for so long: `wake` is called, from another thread, when it is time to
        look.
        """
        until = shifted(self.clock.now(), timedelta(seconds=for_s) + ASKS_AGAIN)
        mark = partial(self._mark, reader, until)
        waiter, read = self._feed.enter(tenant_id, wake), partial(self.read, reader=reader)
        return Watch(waiter, action_intent_id, read, mark, self.clock.now)

    def _mark(self, reader: Principal | None, until: datetime, found: ProposalAnswer) -> None:
        # People who look on, and whoever else may read it, would keep alive what its own agent has left.
        if reader is None or reader.name == found.intent.proposed_by:
            mark_waiting(self.context, found, until=until)

    def read(self, tenant_id: str, action_intent_id: str, reader: Principal | None = None) -> ProposalAnswer:
        """
        The answer for a door: what `reader` may see of it. Raises `NotFound`, and `Forbidden` for whose it is not.
        """
        return answer(self.context, tenant_id, action_intent_id, self.clock.now(), reader)
