"""Settle: the worker's write after a call, in which its answer is noted and what follows from it is recorded."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct

from remit.core.execution import fulfilment
from remit.core.execution.outcome import CallResult, Conclusion, Retry, after_call
from remit.flow.context import Context
from remit.flow.execute.common import end_with
from remit.flow.execute.record import late
from remit.flow.execute.take import Taken
from remit.flow.writers import CaseWriter
from remit.ports import Snapshot, UnitOfWork, Writes


class SettleCall(Struct, frozen=True):
    """
    Note a call's answer, and record the outcome or queue the next call; answers the status that was recorded.

    Whoever lost its lease meanwhile changes nothing, but for a success, which is the truth all the same. `spare_s` is
    the time that an engine may take to come back after a pause.
    """

    context: Context
    taken: Taken
    result: CallResult
    now: datetime
    spare_s: float = 0.0

    def unit(self) -> UnitOfWork[str | None]:
        # Of what has acted, no charge goes back: whoever names counters is in the way of every decision.
        charged = None if self.result.acted == "yes" else self.taken.keys.charged
        return UnitOfWork(self.taken.keys.all(), self.decide, charged)

    def decide(self, snapshot: Snapshot) -> Writes[str | None]:
        taken, keys, result, now = self.taken, self.taken.keys, self.result, self.now
        case, history = snapshot.get(keys.case), snapshot.get(keys.chain)
        if case is None or history is None or case.attempt is None:
            return Writes(answer=None)
        if history.outcome is not None:
            return late(self.context, snapshot, keys, history.outcome, result, now, called=True)
        hold = fulfilment.hold_of(case.attempt, taken.holder, keys.approval_id, now)
        if not fulfilment.may_record(hold, result):
            return Writes(answer=None)
        follows = after_call(
            result,
            attempt_count=case.attempt.attempt_count,
            max_attempts=taken.max_attempts,
            honours_key=taken.honours_key,
            in_doubt=case.attempt.in_doubt,
        )
        writer = CaseWriter(self.context, case, now)
        if isinstance(follows, Retry):
            # A pause holds no place: whoever claims it when it is over makes the next call.
            until = now + timedelta(seconds=follows.pause_s + self.spare_s)
            writer.update(attempt=fulfilment.noted(case.attempt, result, follows, until), due_at=until)
            return writer.writes(None)
        concluded = Conclusion(status=follows, result=result)
        noted = fulfilment.noted(case.attempt, result, follows, case.attempt.lease_until)
        return end_with(writer, snapshot, keys, noted, concluded, concluded.status)
