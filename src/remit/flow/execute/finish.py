"""Finish, renew and lapse: what becomes of a permit that a caller was given."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

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
from remit.flow.context import CaseWriter, Context
from remit.flow.execute.common import Keys, end_with, without_private
from remit.flow.execute.map import mapped_again
from remit.ports import Snapshot, UnitOfWork, Writes


def finish_unit(
    context: Context,
    tenant_id: str,
    action_intent_id: str,
    *,
    approval_id: str,
    proposer: Proposer,
    result: CallResult,
    now: datetime,
) -> UnitOfWork[Finished]:
    """
    Record what came of an action, as its caller says. Lapsed or not: whoever acted knows best.

    Where an outcome is recorded already, an answer to what nobody knew becomes a resolution, unless there is one. Twice
    is once, and is answered with what is recorded. Raises as `check_permit` does, `NotFound` and `Forbidden`.
    """
    keys = Keys(tenant_id, action_intent_id, approval_id)

    def decide(snapshot: Snapshot) -> Writes[Finished]:
        case, history = _own(snapshot, keys, proposer)
        attempt = check_permit(case, approval_id, "finished")
        writer = CaseWriter(context, case, now)
        told = _with_what_is_kept(without_private(result, keys.opened(snapshot)), keys, snapshot, now)
        if history.outcome is not None:
            return _late(writer, history, history.outcome, told, proposer)
        concluded = Conclusion(status=OUTCOME_OF[result.acted], result=told)
        noted = fulfilment.noted(attempt, told, concluded.status, attempt.lease_until)
        answer = _finished(case, approval_id, concluded.status, recorded=True)
        return end_with(writer, snapshot, keys, noted, concluded, answer, by=proposer.name)

    def more(snapshot: Snapshot) -> list[Key[Any]]:
        pinned = keys.pinned_type(snapshot) if result.answer else []
        return [*keys.charged(snapshot), *keys.private(snapshot), *pinned]

    return UnitOfWork(keys.all(), decide, more)


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


def renew_unit(
    context: Context, tenant_id: str, action_intent_id: str, *, approval_id: str, proposer: Proposer, now: datetime
) -> UnitOfWork[PermitRecord]:
    """
    Prolong the lease of a permit by the time that it was first given for; a lapsed one lives again until it has ended.

    Raises as `check_permit` does, `NotFound`, `Forbidden`, and `NotInThatState` for one that has ended.
    """
    keys = Keys(tenant_id, action_intent_id, approval_id)

    def decide(snapshot: Snapshot) -> Writes[PermitRecord]:
        case, _ = _own(snapshot, keys, proposer)
        attempt, tool, intent = check_permit(case, approval_id, "renewed"), keys.tool(snapshot), keys.opened(snapshot)
        if attempt.status != "RUNNING":
            raise NotInThatState(action_intent_id, case.status, "renewed")
        assert tool is not None and intent is not None
        longer = renewed(attempt, lease(now, tool.timeout_s))
        request = mapped_again(context, intent, tool, attempt)
        writer = CaseWriter(context, case, now)
        writer.update(attempt=longer, due_at=longer.lease_until)
        return writer.writes(permit_of(intent, longer, request["parameters"]))

    return UnitOfWork(keys.all(), decide, lambda snapshot: [*keys.pinned_type(snapshot), *keys.private(snapshot)])


def lapse(context: Context, cases: Sequence[Case], now: datetime) -> list[bool | RemitError]:
    """End what its caller has begun and not finished in time: nobody knows whether it happened."""
    return context.store.transact([_lapse_unit(context, case, now) for case in cases])


def _lapse_unit(context: Context, seen: Case, now: datetime) -> UnitOfWork[bool]:
    keys = Keys(seen.tenant_id, seen.action_intent_id, seen.approval_id or "")

    def decide(snapshot: Snapshot) -> Writes[bool]:
        case = snapshot.get(keys.case)
        if case is None or case.attempt is None or not has_lapsed(case, now):
            return Writes(answer=False)
        writer = CaseWriter(context, case, now)
        return end_with(writer, snapshot, keys, case.attempt, lapsed(case.attempt), answer=True)

    return UnitOfWork(keys.all(), decide)


def _own(snapshot: Snapshot, keys: Keys, proposer: Proposer) -> tuple[Case, IntentHistory]:
    case, history = snapshot.get(keys.case), snapshot.get(keys.chain)
    if case is None or history is None:
        raise NotFound("intent", keys.case.id, keys.case.tenant_id)
    proposer.require_own(case, history.intent)
    return case, history
