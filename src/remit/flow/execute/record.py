"""Record: write the outcome, for good, once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct

from remit.core.execution.approval import next_publish
from remit.core.execution.fulfilment import (
    after_break,
    conclusion,
    found_late,
    late_resolution,
    left_to_another,
    may_record,
    outcome_of,
)
from remit.core.execution.outcome import ActionOutcomeV1, CallResult, OutcomeStatus
from remit.flow.context import Context
from remit.flow.execute.common import Keys, Ref, Worker, end, failed
from remit.flow.writers import CaseWriter
from remit.ports import Snapshot, UnitOfWork, Writes, answer_of

LONGEST_ERROR_NAME = 200


def record(worker: Worker, ref_data: Mapping[str, str], result: Mapping[str, Any]) -> str | None:
    """
    Write the outcome, for good, once.

    `result` is what `map` or `invoke` answered. Answers the recorded status. Run again, or by a
    worker that lost its attempt, it changes nothing, except that an answer to a call whose
    outcome is `UNKNOWN` becomes a resolution by the system.
    """
    came_back, now = CallResult.from_wire(result["result"]), worker.clock.now()
    status: OutcomeStatus = result.get("status") or outcome_of(came_back)
    called_late = bool(result.get("late"))
    unit = RecordOutcome(worker, Ref(**ref_data), came_back, status, called_late, now).unit()
    return answer_of(worker.context.store.transact([unit]))


class RecordOutcome(Struct, frozen=True):
    """The outcome, or what a late answer makes of one."""

    worker: Worker
    ref: Ref
    result: CallResult
    status: OutcomeStatus
    called_late: bool
    now: datetime

    def unit(self) -> UnitOfWork[str | None]:
        keys = Keys.of(self.ref)
        return UnitOfWork(keys.all(), self.decide, keys.charged)

    def decide(self, snapshot: Snapshot) -> Writes[str | None]:
        worker, keys = self.worker, Keys.of(self.ref)
        case, history = snapshot.get(keys.case), snapshot.get(keys.chain)
        outcome, attempt = history.outcome if history else None, case.attempt if case else None
        if outcome is not None:
            return late(worker.context, snapshot, keys, outcome, self.result, self.now, called=self.called_late)
        if attempt is None or not may_record(worker.hold(attempt, self.ref, self.now), self.result):
            return Writes(answer=None)
        concluded = conclusion(attempt, self.status, self.result)
        return end(worker, snapshot, keys, concluded, self.now, answer=concluded.status)


def step_broke(worker: Worker, ref_data: Mapping[str, str], error: str) -> str | None:
    """
    End the attempt of a run whose engine gave a step up, or leave it to the next delivery.

    `error` is the engine's name for why. Answers the status that is recorded: what an earlier call came to, if it is
    noted, and `UNKNOWN` for a call without an answer. `None` if nothing is: the lease is over, and the approval is
    delivered again, until the intent expires.
    """
    unit = RecordBreak(worker, Ref(**ref_data), _broke(error), worker.clock.now()).unit()
    return answer_of(worker.context.store.transact([unit]))


class RecordBreak(Struct, frozen=True):
    """The outcome of a run that was given up, or its lease given up."""

    worker: Worker
    ref: Ref
    broke: CallResult
    now: datetime

    def unit(self) -> UnitOfWork[str | None]:
        keys = Keys.of(self.ref)
        return UnitOfWork(keys.all(), self.decide, keys.charged)

    def decide(self, snapshot: Snapshot) -> Writes[str | None]:
        worker, keys, now = self.worker, Keys.of(self.ref), self.now
        case, history = snapshot.get(keys.case), snapshot.get(keys.chain)
        if history is not None and history.outcome is not None:
            return Writes(answer=history.outcome.status)
        if case is None or case.attempt is None or worker.hold(case.attempt, self.ref, now) != "ours":
            return Writes(answer=None)
        concluded = after_break(case.attempt, self.broke, expired=now >= case.expires_at)
        if concluded is not None:
            return end(worker, snapshot, keys, concluded, now, answer=concluded.status)
        writer = CaseWriter(worker.context, case, now)
        deliveries = case.publication.deliveries if case.publication else 0
        writer.update(attempt=left_to_another(case.attempt, self.broke, now), due_at=now + next_publish(deliveries))
        return writer.writes(None)


def _broke(error: str) -> CallResult:
    name = error.encode("utf-8", "replace").decode()[:LONGEST_ERROR_NAME] or "an error without a name"
    return failed("STEP_BROKE", "UNKNOWN", f"a step could not be finished: {name}")


def late(
    context: Context,
    snapshot: Snapshot,
    keys: Keys,
    outcome: ActionOutcomeV1,
    result: CallResult,
    now: datetime,
    *,
    called: bool,
) -> Writes[str | None]:
    """A result that comes after the outcome: a resolution by the system, if it tells what nobody knew."""
    case = snapshot.get(keys.case)
    found = found_late(outcome, case, case.attempt if case else None, result, called=called)
    if found is None or case is None:
        return Writes(answer=outcome.status)
    writer = CaseWriter(context, case, now)
    history = snapshot.get(keys.chain)
    # One result an intent: what was told with the outcome stays.
    answer = result.answer if history is not None and history.result is None else None
    writer.resolve(outcome, late_resolution(outcome, found, result, now), answer)
    return writer.writes(found)
