"""Preflight: may it still run? Asked before mapping, and again right before each call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from msgspec import Struct

from remit.core.execution import fulfilment
from remit.core.execution.breaker import ToolBreaker
from remit.core.execution.outcome import Conclusion, ExecutionAttempt, lease
from remit.core.intent import ActionIntentV1
from remit.core.lifecycle import Case
from remit.core.records import Key, breaker_key
from remit.flow.breakers import ToolId
from remit.flow.execute import common
from remit.flow.execute.common import Keys, Ref, Worker, end_with, with_trial
from remit.flow.execute.recheck import rechecked
from remit.flow.facts import CallFacts
from remit.flow.writers import CaseWriter
from remit.ports import Snapshot, UnitOfWork, Writes, answer_of


def preflight(worker: Worker, ref_data: Mapping[str, str]) -> bool:
    """May it still run? If not, it has ended `CANCELLED` and a policy's charge has been released."""
    return before_call(worker, Ref(**ref_data), mark_for_s=None).go


class MayGo(NamedTuple):
    """Go on, or not; with `wait_until`, not before then."""

    go: bool
    wait_until: datetime | None = None


def before_call(
    worker: Worker,
    ref: Ref,
    mark_for_s: float | None,
    calls_seen: int = 0,
    *,
    pause_s: float = 0.0,
    trial_of: ToolId | None = None,
    again: LookAgain | None = None,
) -> MayGo:
    """
    With `mark_for_s`, also mark the call: the one after the `calls_seen` that were marked when it was decided on.
    Without, the attempt is held over a pause.

    With `trial_of` the call is the one trial of that paused tool. Where another is, nothing is marked. `again` is given
    where facts are looked at before the mark; raises `TryLater` where none could be looked up.
    """
    breaker_at = breaker_key(*trial_of) if trial_of else None

    def unit() -> UnitOfWork[MayGo]:
        return MarkCall(worker, ref, mark_for_s, calls_seen, pause_s, breaker_at, worker.clock.now(), again).unit()

    return again.facts.carry_out(unit) if again else answer_of(worker.context.store.transact([unit()]))


class LookAgain(NamedTuple):
    """The facts of a call, as they are looked up again for this intent, which has its private values."""

    facts: CallFacts
    intent: ActionIntentV1


class MarkCall(Struct, frozen=True):
    """The last look before a call, and its mark; without `mark_for_s`, the look alone."""

    worker: Worker
    ref: Ref
    mark_for_s: float | None
    calls_seen: int
    pause_s: float
    breaker_at: Key[ToolBreaker] | None
    now: datetime
    again: LookAgain | None

    def unit(self) -> UnitOfWork[MayGo]:
        keys = Keys.of(self.ref)
        reads = [*(keys.begun() if self.again else keys.all()), *([self.breaker_at] if self.breaker_at else [])]
        return UnitOfWork(reads, self.decide, self.then_reads)

    def then_reads(self, snapshot: Snapshot) -> Sequence[Key[Any]]:
        keys = Keys.of(self.ref)
        pinned = keys.pinned_type(snapshot) if self.again else keys.if_waited(snapshot)
        return [*keys.charged(snapshot), *pinned]

    def decide(self, snapshot: Snapshot) -> Writes[MayGo]:
        keys, now, marking = Keys.of(self.ref), self.now, self.mark_for_s is not None
        case, intent, approval = snapshot.get(keys.case), keys.intent(snapshot), keys.approval(snapshot)
        attempt = case.attempt if case else None
        if case is None or attempt is None or intent is None or approval is None:
            return Writes(answer=MayGo(False))
        stops = [stops for stops in map(snapshot.get, keys.stops) if stops is not None]
        refusal = fulfilment.forbidden(intent, approval.approval_source, stops, now)
        if refusal is None and case.waited_until is not None:
            refusal = fulfilment.left_alone(keys.spec(snapshot), case.waited_until, now)
        hold = self.worker.hold(attempt, self.ref, now)
        go = fulfilment.before_call(attempt, hold, refusal, marking=marking, calls_seen=self.calls_seen)
        if go == "go on" and self.again is not None:
            attempt, refusal = rechecked(snapshot, keys, self.again.intent, attempt, self.again.facts)
            go = fulfilment.before_call(attempt, hold, refusal, marking=marking, calls_seen=self.calls_seen)
        if isinstance(go, Conclusion):
            writer = CaseWriter(self.worker.context, case, now)
            return end_with(writer, snapshot, keys, attempt, go, answer=MayGo(False))
        return Writes(answer=MayGo(False)) if go == "leave it" else self._goes_on(snapshot, case, attempt)

    def _goes_on(self, snapshot: Snapshot, case: Case, attempt: ExecutionAttempt) -> Writes[MayGo]:
        mark_for_s = self.mark_for_s
        until = lease(self.now, common.START_LEASE_S + self.pause_s if mark_for_s is None else mark_for_s)
        writer = CaseWriter(self.worker.context, case, self.now)
        if (wait_until := with_trial(writer, snapshot, self.breaker_at, self.worker.holder, until)) is not None:
            return Writes(answer=MayGo(False, wait_until))
        goes_on = attempt.changed(lease_until=until) if mark_for_s is None else fulfilment.marked(attempt, until)
        writer.update(attempt=goes_on, due_at=until)
        return writer.writes(MayGo(True))
