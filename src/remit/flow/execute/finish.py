"""Finish, renew and lapse: what becomes of a permit that a caller was given."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from remit.core.errors import NotFound, NotInThatState, RemitError
from remit.core.execution import fulfilment
from remit.core.execution.outcome import ActionOutcomeV1, CallResult, Conclusion, lease
from remit.core.execution.permit import (
    OUTCOME_OF,
    Finished,
    PermitRecord,
    check_permit,
    has_lapsed,
    lapsed,
    permit_of,
    renewed,
)
from remit.core.execution.proposer import Proposer
from remit.core.execution.result import kept_result
from remit.core.ledger.history import IntentHistory
from remit.core.lifecycle import Case, Status
from remit.core.records import Key
from remit.flow.context import Context
from remit.flow.execute.common import Keys, end_with, without_private
from remit.flow.execute.map import mapped_again
from remit.flow.writers import CaseWriter
from remit.ports import Snapshot, UnitOfWork, Writes


class FinishIntent(Struct, frozen=True):
    """
    Record what came of an action, as its caller says. Lapsed or not: whoever acted knows best.

    Where an outcome is recorded already, an answer to what nobody knew becomes a resolution, unless there is one. Twice
    is once, and is answered with what is recorded. Raises as `check_permit` does, `NotFound` and `Forbidden`.
    """

    context: Context
    keys: Keys
    proposer: Proposer
    result: CallResult
    now: datetime

    def unit(self) -> UnitOfWork[Finished]:
        return UnitOfWork(self.keys.all(), self.decide, self.then_reads)

    def then_reads(self, snapshot: Snapshot) -> list[Key[Any]]:
        keys = self.keys
        pinned = keys.pinned_type(snapshot) if self.result.answer else []
        return [*keys.charged(snapshot), *keys.private(snapshot), *pinned]

    def decide(self, snapshot: Snapshot) -> Writes[Finished]:
        keys, approval_id = self.keys, self.keys.approval_id
        case, history = _own(snapshot, keys, self.proposer)
        attempt = check_permit(case, approval_id, "finished")
        writer = CaseWriter(self.context, case, self.now)
        told = _with_what_is_kept(without_private(self.result, keys.opened(snapshot)), keys, snapshot, self.now)
        if history.outcome is not None:
            return _late(writer, history, history.outcome, told, self.proposer)
        concluded = Conclusion(status=OUTCOME_OF[self.result.acted], result=told)
        noted = fulfilment.noted(attempt, told, concluded.status, attempt.lease_until)
        answer = _finished(case, approval_id, concluded.status, recorded=True)
        return end_with(writer, snapshot, keys, noted, concluded, answer, by=self.proposer.name)


def _with_what_is_kept(result: CallResult, keys: Keys, snapshot: Snapshot, now: datetime) -> CallResult:
    if result.answer is None:
        return result
    return result.changed(answer=kept_result(keys.results(snapshot), result.answer, now))


def _late(
    writer: CaseWriter, history: IntentHistory, outcome: ActionOutcomeV1, result: CallResult, proposer: Proposer
) -> Writes[Finished]:
    case = writer.case
    # There is one call, and this is its answer: that it was in doubt says nothing of any other.
    attempt = case.attempt.changed(in_doubt=False) if case.attempt else None
    found = fulfilment.found_late(outcome, case, attempt, result, called=True)
    if found is None:
        return Writes(_finished(case, outcome.approval_id, case.status, recorded=False))
    resolution = fulfilment.late_resolution(outcome, found, result, writer.now, by=proposer.name)
    # One result an intent: what was told with the outcome stays.
    writer.resolve(outcome, resolution, result.answer if history.result is None else None)
    return writer.writes(_finished(case, outcome.approval_id, found, recorded=True))


def _finished(case: Case, approval_id: str, status: Status, *, recorded: bool) -> Finished:
    return Finished(
        action_intent_id=case.action_intent_id,
        approval_id=approval_id,
        status=status,
        recorded=recorded,
        trace_id=case.trace_id,
    )


class RenewPermit(Struct, frozen=True):
    """
    Prolong the lease of a permit by the time that it was first given for; a lapsed one lives again until it has ended.

    Raises as `check_permit` does, `NotFound`, `Forbidden`, and `NotInThatState` for one that has ended.
    """

    context: Context
    keys: Keys
    proposer: Proposer
    now: datetime

    def unit(self) -> UnitOfWork[PermitRecord]:
        return UnitOfWork(self.keys.all(), self.decide, self.then_reads)

    def then_reads(self, snapshot: Snapshot) -> list[Key[Any]]:
        return [*self.keys.pinned_type(snapshot), *self.keys.private(snapshot)]

    def decide(self, snapshot: Snapshot) -> Writes[PermitRecord]:
        keys = self.keys
        case, _ = _own(snapshot, keys, self.proposer)
        attempt = check_permit(case, keys.approval_id, "renewed")
        tool, intent = keys.tool(snapshot), keys.opened(snapshot)
        if attempt.status != "RUNNING":
            raise NotInThatState(case.action_intent_id, case.status, "renewed")
        assert tool is not None and intent is not None
        longer = renewed(attempt, lease(self.now, tool.timeout_s))
        request = mapped_again(self.context, intent, tool, attempt)
        writer = CaseWriter(self.context, case, self.now)
        writer.update(attempt=longer, due_at=longer.lease_until)
        return writer.writes(permit_of(intent, longer, request["parameters"]))


def lapse(context: Context, cases: Sequence[Case], now: datetime) -> list[bool | RemitError]:
    """End what its caller has begun and not finished in time: nobody knows whether it happened."""
    return context.store.transact([LapsePermit(context, Keys.of_case(case), now).unit() for case in cases])


class LapsePermit(Struct, frozen=True):
    """End one of them, unless it was finished or renewed meanwhile."""

    context: Context
    keys: Keys
    now: datetime

    def unit(self) -> UnitOfWork[bool]:
        return UnitOfWork(self.keys.all(), self.decide)

    def decide(self, snapshot: Snapshot) -> Writes[bool]:
        case = snapshot.get(self.keys.case)
        if case is None or case.attempt is None or not has_lapsed(case, self.now):
            return Writes(answer=False)
        writer = CaseWriter(self.context, case, self.now)
        return end_with(writer, snapshot, self.keys, case.attempt, lapsed(case.attempt), answer=True)


def _own(snapshot: Snapshot, keys: Keys, proposer: Proposer) -> tuple[Case, IntentHistory]:
    case, history = snapshot.get(keys.case), snapshot.get(keys.chain)
    if case is None or history is None:
        raise NotFound("intent", keys.case.id, keys.case.tenant_id)
    proposer.require_own(case, history.intent)
    return case, history
