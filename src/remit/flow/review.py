"""A person's answers: approve, reject, and resolve what nobody could know."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct

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
from remit.flow.context import Context, bounds_key, bounds_of, current_approval, found_in, intent_keys
from remit.flow.obstacles import of_tool, tool_keys
from remit.flow.private_values import opened_in, private_keys
from remit.flow.writers import CaseWriter
from remit.ports import Snapshot, UnitOfWork, Writes


class ApproveIntent(Struct, frozen=True):
    """
    Approve what the person saw: `digest` is the one they were shown. For `undo_for` they may take it back.

    A second approve returns the first approval. Where the action type asks for several approvers, all but
    the last are answered with the votes so far. Raises `NotFound`, `DigestChanged`, `NotInThatState`,
    `Forbidden` for whoever has no say in it or does not count beside who voted before, or `Conflict` where it has
    expired, is blocked, or has no tool that could carry it out.
    """

    context: Context
    tenant_id: str
    action_intent_id: str
    vote: Vote
    digest: str
    now: datetime
    undo_for: timedelta | None = None

    def unit(self) -> UnitOfWork[Approval | Votes]:
        reads = [*intent_keys(self.tenant_id, self.action_intent_id), bounds_key(self.tenant_id)]
        return UnitOfWork(reads, self.decide, self.then_reads)

    def then_reads(self, snapshot: Snapshot) -> Sequence[Key[Any]]:
        history = snapshot.get(chain_key(self.tenant_id, self.action_intent_id))
        return [*tool_keys(history.intent if history else None), *private_keys(history)]

    def decide(self, snapshot: Snapshot) -> Writes[Approval | Votes]:
        case, history = found_in(snapshot, self.tenant_id, self.action_intent_id)
        intent = opened_in(snapshot, history)
        assert intent is not None
        earlier = history.approval(case.approval_id) if case.approval_id else None
        if (first := approved_before(intent, earlier, self.digest)) is not None:
            return Writes(answer=first)
        bounds = bounds_of(snapshot, self.tenant_id)
        check_may_approve(case, intent, bounds, self.vote.voted_by, self.now, history.facts)
        if (fails := of_tool(self.context, snapshot, intent, bounds)) is not None:
            raise fails.refuse(self.action_intent_id)
        writer = CaseWriter(self.context, case, self.now)
        needed = bounds.approvals_required(intent.action_type)
        votes = [self.vote] if needed == 1 else _voted(writer, history, self.vote, needed, bounds)
        if len(votes) < needed:
            return writer.writes(_so_far(history, writer, needed))
        return self._approved(writer, history, votes, bounds.config_sequence)

    def _approved(
        self, writer: CaseWriter, history: IntentHistory, votes: Sequence[Vote], config_sequence: int
    ) -> Writes[Approval | Votes]:
        intent, decision, last = history.intent, history.decision, self.vote
        assert intent is not None
        approval = approve(
            intent,
            "HUMAN",
            approval_id=self.context.new_id(),
            approved_by=last.voted_by,
            policy_version=decision.policy_version if decision else None,
            charges=[],
            now=writer.now,
            undo_for=self.undo_for,
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


class UndoApproval(Struct, frozen=True):
    """
    Take back an approval of one's own while nothing has left; the intent waits again, as it did before.

    Raises `NotFound`, `NotInThatState` where none is in force, `Forbidden` for another's, or `Conflict` when too late.
    """

    context: Context
    tenant_id: str
    action_intent_id: str
    by: str
    credential: Credential
    now: datetime

    def unit(self) -> UnitOfWork[Case]:
        return UnitOfWork(intent_keys(self.tenant_id, self.action_intent_id), self.decide)

    def decide(self, snapshot: Snapshot) -> Writes[Case]:
        names = self.tenant_id, self.action_intent_id
        case, _ = found_in(snapshot, *names)
        approval = check_may_undo(case, current_approval(snapshot, *names), self.by, self.now)
        writer = CaseWriter(self.context, case, self.now)
        writer.release(approval, snapshot, UNDONE, self.by, credential=self.credential.wire())
        writer.move("AWAITING_APPROVAL")
        writer.update(approval_id=None, approval_source=None, queued=False)
        return writer.writes(writer.case)


class RejectIntent(Struct, frozen=True):
    """
    Say no, to what was seen under `digest` if that is given. A second reject returns the first.

    Raises `NotFound`, `NotInThatState` if it was answered otherwise, or `Conflict` for another digest.
    """

    context: Context
    tenant_id: str
    action_intent_id: str
    by: str
    credential: Credential
    reason: str | None
    digest: str | None
    now: datetime

    def unit(self) -> UnitOfWork[Case]:
        return UnitOfWork([case_key(self.tenant_id, self.action_intent_id)], self.decide)

    def decide(self, snapshot: Snapshot) -> Writes[Case]:
        case = snapshot.get(case_key(self.tenant_id, self.action_intent_id))
        if case is None:
            raise NotFound("intent", self.action_intent_id, self.tenant_id)
        if not check_may_reject(case, self.digest):
            return Writes(answer=case)
        writer = CaseWriter(self.context, case, self.now)
        writer.move("REJECTED")
        who = {"rejected_by": self.by, "credential": self.credential.wire()}
        answered = {**who, "reason": self.reason, "digest": case.digest}
        writer.append("ACTION_REJECTED", answered, actor=self.by)
        return writer.writes(writer.case)


class ResolveUnknown(Struct, frozen=True):
    """
    Write down what was found out about an `UNKNOWN` outcome; the outcome stays as it is.

    The same finding again returns the first. Raises `NotFound`, or `NotInThatState` for an intent
    whose outcome is known, or was resolved otherwise.
    """

    context: Context
    tenant_id: str
    action_intent_id: str
    status: FoundStatus
    by: str
    note: str | None
    now: datetime

    def unit(self) -> UnitOfWork[Resolution]:
        return UnitOfWork(intent_keys(self.tenant_id, self.action_intent_id), self.decide)

    def decide(self, snapshot: Snapshot) -> Writes[Resolution]:
        case, history = found_in(snapshot, self.tenant_id, self.action_intent_id)
        earlier = history.resolution
        if (first := resolved_before(earlier, self.status)) is not None:
            return Writes(answer=first)
        outcome = check_may_resolve(case, history.outcome, earlier, self.status)
        resolution = Resolution(
            action_intent_id=self.action_intent_id,
            tenant_id=self.tenant_id,
            status=self.status,
            resolved_by=self.by,
            resolved_at=self.now,
            note=self.note,
        )
        writer = CaseWriter(self.context, case, self.now)
        writer.resolve(outcome, resolution)
        return writer.writes(resolution)
