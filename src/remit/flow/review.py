"""A person's answers: approve, reject, edit, and resolve what nobody could know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from remit.core.errors import Conflict, DigestChanged, Forbidden, InvalidInput, NotFound, NotInThatState
from remit.core.execution.approval import PUBLISH_AFTER, Approval, approve, event_data, reserved
from remit.core.execution.outcome import Resolution
from remit.core.gate.bounds import BoundsInForce
from remit.core.gate.decision import Decision, ask_policy
from remit.core.identity.access import approvers_needed
from remit.core.intent import ActionIntentV1, Proposal, parse_proposal
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
from remit.core.values import instant
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
        if digest != intent.digest:
            raise DigestChanged(action_intent_id, digest, intent.digest)
        earlier = next((snapshot.get(key) for key in more(snapshot)), None)
        if earlier is not None and earlier.approval_source == "HUMAN":
            return Writes(answer=earlier)
        case.require_waiting("approved")
        if now >= intent.expires_at:
            raise Conflict(f"intent {action_intent_id!r} expired at {instant(intent.expires_at)}; propose it again")
        bounds = bounds_of(snapshot, tenant_id)
        _refuse_blocked(intent, bounds, now)
        if by in (intent.proposed_by, case.edited_by) and not bounds.bounds.proposer_may_approve:
            raise Forbidden(f"intent {action_intent_id!r} is {by}'s own, so somebody else has to approve it")
        votes = _voted(snapshot.get(votes_at), intent, by)
        if approvers_needed(bounds.approvals_required(intent.action_type), votes.approved_by, by):
            return Writes(answer=votes, puts=[(case_at, case.changed(updated_at=now)), (votes_at, votes)])
        return _approved(context, case, intent, snapshot.get(decision_at), votes.approved_by, by, now)

    return UnitOfWork(reads=[case_at, intent_at, bounds_at, decision_at, votes_at], decide=change, then_reads=more)


def _voted(before: Votes | None, intent: ActionIntentV1, by: str) -> Votes:
    approved_by = before.approved_by if before else []
    return Votes(digest=intent.digest, approved_by=[*approved_by, *([] if by in approved_by else [by])])


def _refuse_blocked(intent: ActionIntentV1, bounds: BoundsInForce, now: datetime) -> None:
    mode = bounds.mode(intent.account_id, intent.action_type)
    _, verdict = ask_policy(intent, bounds, mode, bounds.budget(intent.account_id, now), now)
    if verdict.policy_decision == "BLOCK":
        raise Conflict(
            f"intent {intent.action_intent_id!r} is blocked ({verdict.reason}): {verdict.explanation}; "
            "lift the block first"
        )


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
    writer.update(
        status="APPROVED",
        approval_id=approval.approval_id,
        approval_source="HUMAN",
        published=False,
        due_at=min(now + PUBLISH_AFTER, intent.expires_at),
    )
    writer.append("ACTION_APPROVED", {**event_data(approval), "approvers": approvers, "charges": []}, actor=by)
    return writer.writes(approval)


def reject_unit(
    context: Context, tenant_id: str, action_intent_id: str, *, by: str, reason: str | None, now: datetime
) -> UnitOfWork[Case]:
    """
    Say no. A second reject returns the first.

    Raises `NotFound`, or `NotInThatState` if it was answered otherwise.
    """
    case_at, state_at = case_key(tenant_id, action_intent_id), state_record_key(tenant_id, action_intent_id)

    def change(snapshot: Snapshot) -> Writes[Case]:
        case, released = _found(snapshot, case_at), snapshot.get(state_at)
        if case.status == "REJECTED":
            return Writes(answer=case)
        case.require_waiting("rejected")
        writer = CaseWriter(context, case, now)
        writer.update(status="REJECTED", due_at=released.expires_at if released else None)
        writer.append("ACTION_REJECTED", {"rejected_by": by, "reason": reason, "digest": case.digest}, actor=by)
        return writer.writes(writer.case)

    return UnitOfWork(reads=[case_at, state_at], decide=change)


def edited_proposal(old: ActionIntentV1, changes: Mapping[str, Any], *, new_id: str) -> Proposal:
    """
    The proposal that a person's edit means: `changes` maps paths such as `parameters.amount` or
    `target.entity_id` to new values (`None` removes a parameter).

    Raises `InvalidInput` for other paths, and where nothing changes.
    """
    data: dict[str, Any] = {
        "action_intent_id": new_id,
        "tenant_id": old.tenant_id,
        "account_id": old.account_id,
        "action_type": old.action_type,
        "target": old.target.wire(),
        "parameters": _copied(old.parameters),
        "confidence_score": old.confidence_score,
        "risk_level": old.risk_level,
        "why": old.why,
        "proposed_by": old.proposed_by,
        "expires_at": old.expires_at,
        "trace_id": old.trace_id,
        "supersedes": old.action_intent_id,
    }
    before = (_copied(data["target"]), _copied(data["parameters"]), data["expires_at"])
    for path, value in changes.items():
        _set(data, path, value)
    proposal = parse_proposal(data)
    if (proposal.target.model_dump(), proposal.parameters, proposal.expires_at) == before:
        raise InvalidInput("changes", "change nothing", "approve it as it is, or set a new value")
    return proposal


def _set(data: dict[str, Any], path: str, value: Any) -> None:
    names = path.split(".")
    if path != "expires_at" and (names[0] not in ("parameters", "target") or len(names) < 2 or not all(names)):
        raise InvalidInput(path or "(path)", "cannot be edited", "edit parameters.…, target.… or expires_at")
    place = data
    for name in names[:-1]:
        place = place.setdefault(name, {})
        if not isinstance(place, dict):
            raise InvalidInput(path, f"{name!r} is not an object", "set the whole value one level up")
    if value is None and names[0] == "parameters":
        place.pop(names[-1], None)
    else:
        place[names[-1]] = value


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copied(inner) for name, inner in value.items()}
    return [_copied(inner) for inner in value] if isinstance(value, list) else value


def resolve_unit(
    context: Context,
    tenant_id: str,
    action_intent_id: str,
    *,
    status: Literal["SUCCEEDED", "FAILED"],
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
        case, outcome = _found(snapshot, case_at), snapshot.get(outcome_at)
        earlier = snapshot.get(resolution_at)
        if earlier is not None and earlier.status == status:
            return Writes(answer=earlier)
        if outcome is None or outcome.status != "UNKNOWN" or earlier is not None:
            raise NotInThatState(action_intent_id, case.status, "resolved")
        case.require(status, "resolved")
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
