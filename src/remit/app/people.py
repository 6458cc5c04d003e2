"""People's answers about an intent: approve, reject, edit, ask back, say what became of it, forget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from remit.app.execution import Execution
from remit.app.gating import Gating, request_of
from remit.app.part import Part
from remit.app.reading import Reading
from remit.core.edit import edited_proposal
from remit.core.erasure import Erased, check_erasure
from remit.core.execution.approval import Approval, check_undo_for, held_until
from remit.core.execution.outcome import Resolution
from remit.core.execution.question import Question, checked_words
from remit.core.execution.review import check_finding
from remit.core.execution.sample import SampleAnswer
from remit.core.execution.votes import Vote
from remit.core.identity.credential import PROCESS, Credential
from remit.core.identity.person import check_person
from remit.core.ledger.history import Votes
from remit.core.lifecycle import Case
from remit.core.values import check_text
from remit.flow import ask, erase_private, propose, review
from remit.flow.gate import GateAnswer
from remit.flow.judge import JudgeSampled
from remit.flow.one_write import in_one_write
from remit.flow.publish import IntentRef
from remit.flow.queue_limit import QueueLimit
from remit.hooks import Hooks
from remit.ports import UnitOfWork


class People(Part):
    """A person's answers. Who may give them the flow asks; what is approved goes on its way at once."""

    def __init__(
        self, gating: Gating, execution: Execution, reading: Reading, hooks: Hooks, queue_limit: QueueLimit
    ) -> None:
        super().__init__(reading.context, reading.clock)
        self._gating, self._execution, self._reading = gating, execution, reading
        self._hooks, self._queue_limit = hooks, queue_limit

    def approve(
        self,
        tenant_id: str,
        action_intent_id: str,
        *,
        by: str,
        digest: str,
        credential: Credential = PROCESS,
        undo_for_s: float = 0,
    ) -> Approval | Votes:
        """
        Approve what was seen under `digest`, and publish it after `undo_for_s`, in which it can be taken back (`undo`).

        `credential` is the one through which the person answers. Answers `Votes` while the action type asks for
        further approvers.
        """
        check_person("by", by)
        check_text("digest", digest)
        now = self.clock.now()
        vote, undo_for = Vote(voted_by=by, credential=credential), check_undo_for(undo_for_s)
        return self.carry_out_approval(
            review.ApproveIntent(self.context, tenant_id, action_intent_id, vote, digest, now, undo_for)
        )

    def carry_out_approval(
        self, approving: review.ApproveIntent, once: UnitOfWork[None] | None = None
    ) -> Approval | Votes:
        """In one write with `once`, if that is to be used up by it."""
        began_ns, unit = self._hooks.begin(), approving.unit()
        answer = self._one(unit) if once is None else self._one(in_one_write(once, unit))[1]
        self._queue_limit.answered(approving.tenant_id)
        if isinstance(answer, Approval):
            if held_until(answer, approving.now) is None:
                self._gating.publish([IntentRef(approving.tenant_id, approving.action_intent_id)])
            self._execution.note_queued()
            self._hooks.approved(began_ns, answer)
        return answer

    def undo(self, tenant_id: str, action_intent_id: str, *, by: str, credential: Credential = PROCESS) -> Case:
        """
        Take back an approval that was given with `undo_for_s`, while that is not over: the intent waits again.

        Raises `NotFound`, `NotInThatState`, `Forbidden` for another's approval, or `Conflict` when it is too late.
        """
        check_person("by", by)
        now = self.clock.now()
        undoing = review.UndoApproval(self.context, tenant_id, action_intent_id, by, credential, now)
        return self._one(undoing.unit())

    def reject(
        self,
        tenant_id: str,
        action_intent_id: str,
        *,
        by: str,
        reason: str | None = None,
        digest: str | None = None,
        credential: Credential = PROCESS,
    ) -> Case:
        """Reject an intent; with `digest`, only if that is what it has."""
        check_person("by", by)
        check_text("reason", reason or "")
        now = self.clock.now()
        return self.carry_out_rejection(
            review.RejectIntent(self.context, tenant_id, action_intent_id, by, credential, reason, digest, now)
        )

    def carry_out_rejection(self, rejecting: review.RejectIntent, once: UnitOfWork[None] | None = None) -> Case:
        unit = rejecting.unit()
        case = self._one(unit) if once is None else self._one(in_one_write(once, unit))[1]
        self._queue_limit.answered(rejecting.tenant_id)
        return case

    def edit(self, tenant_id: str, action_intent_id: str, *, by: str, changes: Mapping[str, Any]) -> GateAnswer:
        """Replace a waiting intent by an edited one, which waits for a person. Answers the gate's word on that."""
        check_person("by", by)
        old = self._reading.intent(tenant_id, action_intent_id)
        proposal = edited_proposal(old, changes, new_id=self.context.new_id())
        now = self.clock.now()
        self._gating.policies_ahead.proposals(self.context, [proposal], None, now)
        edited = self._one(propose.ProposeIntent(self.context, proposal, now, edited_by=by).unit())
        return self._gating.gate(request_of(edited))

    def ask(
        self, tenant_id: str, action_intent_id: str, *, by: str, text: str, credential: Credential = PROCESS
    ) -> list[Question]:
        """
        Ask the agent something about an intent, instead of answering: it waits on. Answers all that was asked so far.

        Raises `NotFound`, `NotInThatState` for what does not wait, `Conflict` where enough was asked, `InvalidInput`.
        """
        check_person("by", by)
        checked_words("text", text)
        now = self.clock.now()
        asking = ask.AskProposer(self.context, tenant_id, action_intent_id, by, credential, text, now)
        return self._one(asking.unit())

    def resolve(
        self,
        tenant_id: str,
        action_intent_id: str,
        *,
        by: str,
        status: Literal["SUCCEEDED", "FAILED"],
        note: str | None = None,
    ) -> Resolution:
        """Say what became of an intent whose outcome is `UNKNOWN`."""
        check_person("by", by)
        check_finding(status)
        check_text("note", note or "")
        now = self.clock.now()
        resolving = review.ResolveUnknown(self.context, tenant_id, action_intent_id, status, by, note, now)
        return self._one(resolving.unit())

    def judge(
        self,
        tenant_id: str,
        action_intent_id: str,
        *,
        by: str,
        right: bool,
        reason: str | None = None,
        credential: Credential = PROCESS,
    ) -> SampleAnswer:
        """
        Say whether a sampled action was right to run alone (`sampled` lists those that nobody judged yet).

        The answer that makes as many disagreements as the bounds allow stops its type, or what a limit is over that it
        was charged to. Raises `NotFound`, `Conflict` for what nobody is shown, or was answered otherwise, and
        `Forbidden` for whoever proposed it.
        """
        check_person("by", by)
        check_text("reason", reason or "")
        now = self.clock.now()
        judging = JudgeSampled(self.context, tenant_id, action_intent_id, right, reason, by, credential, now)
        return self._one(judging.unit())

    def erase(
        self,
        tenant_id: str,
        action_intent_id: str,
        *,
        by: str,
        reason: str,
        paths: Sequence[str] | None = None,
        credential: Credential = PROCESS,
    ) -> Erased:
        """Forget private values of an intent for good: those at `paths`, or all. Answers which went now."""
        check_erasure(by, reason)
        names, now = (tenant_id, action_intent_id), self.clock.now()
        erasing = erase_private.ErasePrivateValues(self.context, *names, paths, by, credential, reason, now)
        return self._one(erasing.unit())
