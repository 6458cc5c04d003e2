"""A person's answers: approve, reject, and resolve what nobody could know."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from remit.core.errors import NotFound
from remit.core.execution.approval import Approval, approve, event_data, reserved
from remit.core.execution.outcome import FoundStatus, Resolution
from remit.core.execution.review import (
    approved_before,
    check_may_approve,
    check_may_reject,
    check_may_resolve,
    enough_votes,
    resolved_before,
    with_vote,
)
from remit.core.gate.decision import Decision
from remit.core.intent import ActionIntentV1
from remit.core.lifecycle import Case
from remit.core.records import (
    APPROVAL,
    DECISION,
    INTENT,
    OUTCOME,
    RESOLUTION,
    VOTES,
    Key,
    Votes,
    case_key,
    state_record_key,
)
from remit.flow.context import CaseWriter, Context, bounds_key, bounds_of
from remit.ports import Snapshot, UnitOfWork, Writes


def approve_unit(
    context: Context, tenant_id: str, action_intent_id: str, *, by: str, digest: str, now: datetime
) -> UnitOfWork[Approval | Votes]:
    """
    Approve what the person saw: `digest` is the one they were shown.

    A second approve returns the first approval. Where the action type asks for several approvers, all but
    the last are answered with the votes so far. Raises `NotFound`, `DigestChanged`, `NotInThatState`,
    `Forbidden` for the proposer where that is configured, or `Conflict` where it has expired or is blocked.
    """
    case_at, intent_at = case_key(tenant_id, action_intent_id), Key(INTENT, tenant_id, action_intent_id)
    bounds_at, decision_at = bounds_key(tenant_id), Key(DECISION, tenant_id, action_intent_id)
    votes_at = Key(VOTES, tenant_id, action_intent_id)

    def more(snapshot: Snapshot) -> Sequence[Key[Any]]:
        case = snapshot.get(case_at)
        return [Key(APPROVAL, tenant_id, case.approval_id)] if case and case.approval_id else []

    def change(snapshot: Snapshot) -> Writes[Approval | Votes]:
        case, intent = _found(snapshot, case_at), snapshot.get(intent_at)
        assert intent is not None
        earlier = next((snapshot.get(key) for key in more(snapshot)), None)
        if (first := approved_before(intent, earlier, digest)) is not None:
            return Writes(answer=first)
        bounds = bounds_of(snapshot, tenant_id)
        check_may_approve(case, intent, bounds, by, now)
        votes = with_vote(snapshot.get(votes_at), intent, by)
        if not enough_votes(votes, intent, bounds):
            return Writes(answer=votes, puts=[(case_at, case.changed(updated_at=now)), (votes_at, votes)])
        return _approved(context, case, intent, snapshot.get(decision_at), votes.approved_by, by, now)

    return UnitOfWork(reads=[case_at, intent_at, bounds_at, decision_at, votes_at], decide=change, then_reads=more)


def _approved(
    context: Context,
    case: Case,
    intent: ActionIntentV1,
    decision: Decision | None,
    approvers: list[str],
    by: str,
    now: datetime,
) -> Writes[Approval | Votes]:
    approval = approve(
        intent,
        "HUMAN",
        approval_id=context.new_id(),
        approved_by=by,
        policy_version=decision.policy_version if decision else None,
        charges=[],
        now=now,
    )
    writer = CaseWriter(context, case, now)
    writer.put(Key(APPROVAL, intent.tenant_id, approval.approval_id), approval)
    writer.put(state_record_key(intent.tenant_id, intent.action_intent_id), reserved(approval))
    writer.move("APPROVED")
    writer.update(approval_id=approval.approval_id, approval_source="HUMAN", published=False)
    writer.append("ACTION_APPROVED", {**event_data(approval), "approvers": approvers, "charges": []}, actor=by)
    return writer.writes(approval)


def reject_unit(
    context: Context,
    tenant_id: str,
    action_intent_id: str,
    *,
    by: str,
    reason: str | None,
    digest: str | None,
    now: datetime,
) -> UnitOfWork[Case]:
    """
    Say no, to what was seen under `digest` if that is given. A second reject returns the first.

    Raises `NotFound`, `NotInThatState` if it was answered otherwise, or `Conflict` for another digest.
    """
    case_at, state_at = case_key(tenant_id, action_intent_id), state_record_key(tenant_id, action_intent_id)

    def change(snapshot: Snapshot) -> Writes[Case]:
        case, released = _found(snapshot, case_at), snapshot.get(state_at)
        if not check_may_reject(case, digest):
            return Writes(answer=case)
        writer = CaseWriter(context, case, now)
        writer.move("REJECTED", released)
        writer.append("ACTION_REJECTED", {"rejected_by": by, "reason": reason, "digest": case.digest}, actor=by)
        return writer.writes(writer.case)

    return UnitOfWork(reads=[case_at, state_at], decide=change)


def resolve_unit(
    context: Context,
    tenant_id: str,
    action_intent_id: str,
    *,
    status: FoundStatus,
    by: str,
    note: str | None,
    now: datetime,
) -> UnitOfWork[Resolution]:
    """
    Write down what was found out about an `UNKNOWN` outcome; the outcome stays as it is.

    The same finding again returns the first. Raises `NotFound`, or `NotInThatState` for an intent
    whose outcome is known, or was resolved otherwise.
    """
    case_at, outcome_at = case_key(tenant_id, action_intent_id), Key(OUTCOME, tenant_id, action_intent_id)
    resolution_at = Key(RESOLUTION, tenant_id, action_intent_id)

    def change(snapshot: Snapshot) -> Writes[Resolution]:
        case, earlier = _found(snapshot, case_at), snapshot.get(resolution_at)
        if (first := resolved_before(earlier, status)) is not None:
            return Writes(answer=first)
        outcome = check_may_resolve(case, snapshot.get(outcome_at), earlier, status)
        resolution = Resolution(
            action_intent_id=action_intent_id,
            tenant_id=tenant_id,
            status=status,
            resolved_by=by,
            resolved_at=now,
            note=note,
        )
        writer = CaseWriter(context, case, now)
        writer.resolve(outcome, resolution)
        return writer.writes(resolution)

    return UnitOfWork(reads=[case_at, outcome_at, resolution_at], decide=change)


def _found(snapshot: Snapshot, case_at: Key[Case]) -> Case:
    case = snapshot.get(case_at)
    if case is None:
        raise NotFound("intent", case_at.id, case_at.tenant_id)
    return case
