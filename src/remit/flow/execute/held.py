"""
Held: an execution that a worker has taken, and whose facts it looks up before it marks the call.

It is taken in one write with others, which looks nothing up; here is one execution, beside all others. A worker that
dies in between leaves an attempt without a mark: whoever takes it over looks them up itself.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from msgspec import Struct

from remit.core.errors import RemitError, TryLater
from remit.core.execution import fulfilment
from remit.flow.context import Context
from remit.flow.execute.recheck import Held
from remit.flow.execute.take import Ended, Taken, take_held_unit
from remit.ports import Clock, Snapshot, UnitOfWork, Writes, answer_of

log = logging.getLogger(__name__)

AGAIN_AFTER = timedelta(seconds=1)
"""After which an execution is taken again that was put back: lookups had no place, or another one tries its tool."""


def look_again(context: Context, held: Held, clock: Clock) -> Taken | Ended | None:
    """
    Look its facts up and mark its call, or end it; `None` where there is nothing to call now: it is another's, or is
    put back for the next that takes it. Never raises: what could not be written is left to whoever takes it over.
    """
    facts = held.shared.facts()
    try:
        facts.look_up_again([held.asked])
        taken = facts.carry_out(lambda: take_held_unit(context, held, facts, clock.now()))
        if isinstance(taken, Taken | Ended):
            return taken
    except TryLater as error:
        log.info("tenant %s: an execution is taken again in a moment: %s", held.tenant_id, error)
    except RemitError as error:
        log.warning(
            "tenant %s: a call could not be marked, and waits until its lease is over: %s", held.tenant_id, error
        )
        return None
    except Exception as error:
        # Its words may hold anything: the request was made of what may be private.
        log.error("tenant %s: looking facts up broke: %s", held.tenant_id, type(error).__name__)
        return None
    _put_back(context, held, clock.now())
    return None


def _put_back(context: Context, held: Held, now: datetime) -> None:
    try:
        answer_of(context.store.transact([PutBack(held, now).unit()]))
    except RemitError as error:
        log.warning("tenant %s: an execution waits until its lease runs out: %s", held.tenant_id, error)


class PutBack(Struct, frozen=True):
    """The attempt without a holder, where this one still holds it: nothing was called, and the next takes it over."""

    held: Held
    now: datetime

    def unit(self) -> UnitOfWork[None]:
        return UnitOfWork([self.held.keys.case], self.decide)

    def decide(self, snapshot: Snapshot) -> Writes[None]:
        key = self.held.keys.case
        case = snapshot.get(key)
        attempt = case.attempt if case else None
        if case is None or attempt is None:
            return Writes(answer=None)
        hold = fulfilment.hold_of(attempt, self.held.holder, self.held.keys.approval_id, self.now)
        if hold != "ours" or attempt.attempt_count != self.held.calls_seen:
            return Writes(answer=None)
        again_at = self.now + AGAIN_AFTER
        put_back = attempt.changed(holder=fulfilment.NOBODY, lease_until=again_at)
        return Writes(answer=None, puts=[(key, case.changed(attempt=put_back, due_at=again_at, updated_at=self.now))])
