"""A person's answers: approve, reject, and resolve what nobody could know."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from remit.core.errors import NotFound
from remit.core.execution.approval import UNDONE, Approval, approve, approved_data, reserved
from remit.core.execution.outcome import FoundStatus, Resolution
from remit.core.execution.review import (
    approved_before,
    check_may_approve,
    check_may_reject,
    check_may_resolve,
    check_may_undo,
    resolved_before,
)
from remit.core.execution.votes import Vote, counted, is_new, vote_data
from remit.core.gate.bounds import BoundsInForce
from remit.core.identity.credential import Credential
from remit.core.ledger.history import IntentHistory, Votes
from remit.core.lifecycle import Case
from remit.core.records import Key, case_key, chain_key
from remit.flow.context import CaseWriter, Context, bounds_key, bounds_of, current_approval
from remit.flow.obstacles import of_tool, tool_keys
from remit.flow.private_values import opened_in, private_keys
from remit.ports import Snapshot, UnitOfWork, Writes


def approve_unit(
    context: Context,
    tenant_id: str,
    action_intent_id: str,
    *,
    by: str,
    credential: Credential,
    digest: str,
    now: datetime,
    undo_for: timedelta | None = None,
) -> UnitOfWork[Approval | Votes]:
    """
    Approve what the person saw: `digest` is the one they were shown. For `undo_for` they may take it back.

    A second approve returns the first approval. Where the action type asks for several approvers, all but
    the last are answered with the votes so far. Raises `NotFound`, `DigestChanged`, `NotInThatState`,
    `Forbidden` for whoever has no say in it or does not count beside who voted before, or `Conflict` where it has
    expired, is blocked, or has no tool that could carry it out.
    """
    case_at, chain_at = case_key(tenant_id, action_intent_id), chain_key(tenant_id, action_intent_id)

    def change(snapshot: Snapshot) -> Writes[Approval | Votes]:
        case, history = _found(snapshot, case_at), _history(snapshot, chain_at)
        intent = opened_in(snapshot, history)
        assert intent is not None
        earlier = history.approval(case.approval_id) if case.approval_id else None
        if (first := approved_before(intent, earlier, digest)) is not None:
            return Writes(answer=first)
        bounds, vote = bounds_of(snapshot, tenant_id), Vote(voted_by=by, credential=credential)
        check_may_approve(case, intent, bounds, by, now)
        if (fails := of_tool(context, snapshot, intent, bounds)) is not None:
            raise fails.refuse(action_intent_id)
        writer = CaseWriter(context, case, now)
        needed = bounds.approvals_required(intent.action_type)
        votes = [vote] if needed == 1 else _voted(writer, history, vote, needed, bounds)
        if len(votes) < needed:
            return writer.writes(_so_far(history, writer, needed))
        return _approved(context, writer, history, votes, vote, bounds.config_sequence, undo_for)

    def tool(snapshot: Snapshot) -> Sequence[Key[Any]]:
        history = snapshot.get(chain_at)
        return [*tool_keys(history.intent if history else None), *private_keys(history)]

    return UnitOfWork(reads=[case_at, chain_at, bounds_key(tenant_id)], decide=change, then_reads=tool)


def _voted(writer: CaseWriter, history: IntentHistory, vote: Vote, needed: int, bounds: BoundsInForce) -> list[Vote]:
    """The votes that count, with this one; who votes twice counts once, and the ledger has it once."""
    intent = history.intent
    assert intent is not None
    earlier = counted(history.ballots, intent, writer.case.edited_by, bounds.bounds)
    if not is_new(vote, earlier, bounds.bounds):
        return earlier
    votes = [*earlier, vote]
    sequence = bounds.config_sequence
    data = vote_data(vote, intent, votes=len(votes), needed=needed, config_sequence=sequence)
    writer.append("APPROVAL_VOTED", data, actor=vote.voted_by)
    writer.update(voted_by=[each.voted_by for each in votes])
    return votes


def _so_far(history: IntentHistory, writer: CaseWriter, needed: int) -> Votes:
    votes = history.after(writer.entries).votes
    assert votes is not None
    return votes.changed(approvals_required=needed)


def _approved(
    context: Context,
    writer: CaseWriter,
    history: IntentHistory,
    votes: Sequence[Vote],
    last: Vote,
    config_sequence: int,
    undo_for: timedelta | None,
) -> Writes[Approval | Votes]:
    intent, decision = history.intent, history.decision
    assert intent is not None
    approval = approve(
        intent,
        "HUMAN",
        approval_id=context.new_id(),
        approved_by=last.voted_by,
        policy_version=decision.policy_version if decision else None,
        charges=[],
        now=writer.now,
        undo_for=undo_for,
    )
    writer.move("APPROVED")
    writer.update(
        approval_id=approval.approval_id,
        approval_source="HUMAN",
        published=False,
        publication=reserved(approval),
        voted_by=[],
    )
    approvers = [each.voted_by for each in votes]
    data = approved_data(approval, config_sequence, approvers=approvers, credential=last.credential)
    writer.append("ACTION_APPROVED", data, actor=last.voted_by)
    writer.enqueue()
    return writer.writes(approval)


def undo_unit(
    context: Context, tenant_id: str, action_intent_id: str, *, by: str, credential: Credential, now: datetime
) -> UnitOfWork[Case]:
    """
    Take back an approval of one's own while nothing has left; the intent waits again, as it did before.

    Raises `NotFound`, `NotInThatState` where none is in force, `Forbidden` for another's, or `Conflict` when too late.
    """
    case_at, chain_at = case_key(tenant_id, action_intent_id), chain_key(tenant_id, action_intent_id)

    def change(snapshot: Snapshot) -> Writes[Case]:
        case = _found(snapshot, case_at)
        approval = check_may_undo(case, current_approval(snapshot, tenant_id, action_intent_id), by, now)
        writer = CaseWriter(context, case, now)
        writer.release(approval, snapshot, UNDONE, by, credential=credential.wire())
        writer.move("AWAITING_APPROVAL")
        writer.update(approval_id=None, approval_source=None, queued=False)
        return writer.writes(writer.case)

    return UnitOfWork(reads=[case_at, chain_at], decide=change)


def reject_unit(
    context: Context,
    tenant_id: str,
    action_intent_id: str,
    *,
    by: str,
    credential: Credential,
    reason: str | None,
    digest: str | None,
    now: datetime,
) -> UnitOfWork[Case]:
    """
    Say no, to what was seen under `digest` if that is given. A second reject returns the first.

    Raises `NotFound`, `NotInThatState` if it was answered otherwise, or `Conflict` for another digest.
    """
    case_at = case_key(tenant_id, action_intent_id)

    def change(snapshot: Snapshot) -> Writes[Case]:
        case = _found(snapshot, case_at)
        if not check_may_reject(case, digest):
            return Writes(answer=case)
        writer = CaseWriter(context, case, now)
        writer.move("REJECTED")
        answered = {"rejected_by": by, "credential": credential.wire(), "reason": reason, "digest": case.digest}
        writer.append("ACTION_REJECTED", answered, actor=by)
        return writer.writes(writer.case)

    return UnitOfWork(reads=[case_at], decide=change)


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
    case_at, chain_at = case_key(tenant_id, action_intent_id), chain_key(tenant_id, action_intent_id)

    def change(snapshot: Snapshot) -> Writes[Resolution]:
        case, history = _found(snapshot, case_at), _history(snapshot, chain_at)
        earlier = history.resolution
        if (first := resolved_before(earlier, status)) is not None:
            return Writes(answer=first)
        outcome = check_may_resolve(case, history.outcome, earlier, status)
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

    return UnitOfWork(reads=[case_at, chain_at], decide=change)


def _found(snapshot: Snapshot, case_at: Key[Case]) -> Case:
    case = snapshot.get(case_at)
    if case is None:
        raise NotFound("intent", case_at.id, case_at.tenant_id)
    return case


def _history(snapshot: Snapshot, chain_at: Key[IntentHistory]) -> IntentHistory:
    history = snapshot.get(chain_at)
    assert history is not None
    return history
