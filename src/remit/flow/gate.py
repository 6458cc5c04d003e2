"""
The gate: decide one intent, and in the same write charge, approve, reserve and record it, or queue it.

A decision that exists is final and is returned as it was made.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct, UnsetType
from msgspec.structs import replace

from remit.core.errors import RemitError
from remit.core.execution.approval import Approval, approve, approved_data, reserved
from remit.core.execution.permit import Begun
from remit.core.execution.publication import has_left, is_reserved
from remit.core.gate.autonomy import Stops
from remit.core.gate.bounds import BoundsInForce
from remit.core.gate.budget import Usage
from remit.core.gate.decision import (
    INTENT_NOT_FOUND,
    INTENT_WITHDRAWN,
    MISSING_INPUT,
    Decision,
    GateInput,
    Result,
    Verdict,
    decide,
)
from remit.core.gate.fact import NO_FACTS
from remit.core.intent import ActionIntentV1
from remit.core.ledger.history import IntentHistory
from remit.core.lifecycle import Case, ExecutedBy, Status, after_gate
from remit.core.mirrors import view_of
from remit.core.proposal import Proposal
from remit.core.records import USAGE, Key, case_key, chain_key
from remit.core.values import SYSTEM, instant
from remit.flow.context import Context, bounds_key, bounds_of, stops_keys, stops_over
from remit.flow.facts import CallFacts
from remit.flow.private_values import opened_in, private_keys
from remit.flow.writers import CaseWriter
from remit.ports import Snapshot, UnitOfWork, Writes

if TYPE_CHECKING:
    from remit.core.views import VerdictAnswer


class GateAnswer(Struct, frozen=True):
    """
    The gate's answer. `already_published` is true when an earlier call had finished all of it.

    `approval` is what still has to be published, where it is at hand: publishing need not look it up. `begun` is the
    answer to a begin in the same write, where that was asked for. `executed_by` is who carries it out, if anybody does.
    """

    action_intent_id: str
    result: Result
    reason: str
    explanation: str
    already_published: bool = False
    reserved: bool = False
    status: Status | None = None
    approval_id: str | None = None
    trace_id: str | None = None
    approval: Approval | None = None
    begun: Begun | None = None
    executed_by: ExecutedBy | None = None

    def wire(self) -> VerdictAnswer:
        shown: VerdictAnswer = {
            "action_intent_id": self.action_intent_id,
            "result": self.result,
            "reason": self.reason,
            "explanation": self.explanation,
            "already_published": self.already_published,
            "status": self.status,
            "approval_id": self.approval_id,
            "trace_id": self.trace_id,
            "executed_by": self.executed_by,
        }
        if self.begun:
            shown["begun"] = view_of(self.begun)
        return shown

    def with_begun(self, begun: Begun) -> GateAnswer:
        """With the answer to a begin, which published what is its caller's if it began."""
        if self.executed_by != "caller":
            return replace(self, status=begun.status, begun=begun)
        return replace(self, status=begun.status, reserved=False, approval=None, begun=begun)


class GateRequest(Struct, frozen=True):
    """An intent to decide. The account must be the intent's, and its proposer where one is named."""

    action_intent_id: str
    tenant_id: str
    account_id: str
    proposed_by: str | None = None


def gate(
    context: Context, requests: Sequence[GateRequest], facts: CallFacts | None, now: datetime
) -> list[GateAnswer | RemitError]:
    """
    Decide each intent as if one by one, in this order, with the facts that were looked up, if any were; each is
    atomic by itself.

    An answer with `reserved` has been charged and approved and still has to be published.
    """
    answers: list[GateAnswer | RemitError | None] = [_incomplete(request) for request in requests]
    units = [
        GateIntent(context, request, facts, now).unit()
        for request, no in zip(requests, answers, strict=True)
        if no is None
    ]
    decided = iter(facts.transact(units) if facts is not None else context.store.transact(units))
    return [next(decided) if answer is None else answer for answer in answers]


def _incomplete(request: GateRequest) -> GateAnswer | None:
    if request.action_intent_id and request.tenant_id and request.account_id:
        return None
    needed = "action_intent_id", "tenant_id", "account_id"
    missing = [name for name in needed if not getattr(request, name)]
    return _no_verdict(request, MISSING_INPUT, f"the input lacks {', '.join(missing)}")


def _no_verdict(request: GateRequest, reason: str, explanation: str) -> GateAnswer:
    return GateAnswer(
        action_intent_id=request.action_intent_id, result="REQUIRE_APPROVAL", reason=reason, explanation=explanation
    )


class GateIntent:
    """
    The one atomic write of a decision.

    `proposal` is what the intent will be that is stored in the same write, if it is not stored already.
    """

    __slots__ = (
        *("case_at", "chain_at", "context", "facts", "now", "proposal", "request"),
        *("_usage_ids", "_usages_at"),
    )

    def __init__(
        self,
        context: Context,
        request: GateRequest,
        facts: CallFacts | None,
        now: datetime,
        proposal: Proposal | None = None,
    ) -> None:
        self.context, self.request, self.now, self.proposal = context, request, now, proposal
        self.facts = facts
        self._usage_ids: Sequence[str] = ()
        self._usages_at: list[Key[Usage]] = []
        self.case_at = case_key(request.tenant_id, request.action_intent_id)
        self.chain_at = chain_key(request.tenant_id, request.action_intent_id)

    def unit(self) -> UnitOfWork[GateAnswer]:
        return UnitOfWork(self.reads(), self.decide, self.then_reads, may_lag=self.may_lag())

    def reads(self) -> list[Key[Any]]:
        return [self.case_at, self.chain_at, bounds_key(self.request.tenant_id), *self._stops_at()]

    def may_lag(self) -> Sequence[Key[Any]]:
        """A stop that comes in between is caught by the mark before the call, which reads them as they are."""
        return self._stops_at()

    def then_reads(self, snapshot: Snapshot) -> Sequence[Key[Any]]:
        """The counters that deciding would charge, and the private values that it would look at."""
        case = snapshot.get(self.case_at)
        if case is not None and (case.decided or case.account_id != self.request.account_id):
            return ()
        history = snapshot.get(self.chain_at)
        stored = history.intent if history else None
        usages = self._usage_keys(bounds_of(snapshot, self.request.tenant_id), stored or self.proposal)
        return [*usages, *private_keys(history)]

    def decide(self, snapshot: Snapshot) -> Writes[GateAnswer]:
        case, history = snapshot.get(self.case_at), snapshot.get(self.chain_at)
        stored = history.intent if history else None
        if history is None or case is None or stored is None or not _is_meant(self.request, stored):
            nobody = f"no intent {self.request.action_intent_id!r} is known for this tenant and account"
            return Writes(answer=_no_verdict(self.request, INTENT_NOT_FOUND, nobody))
        if case.decided:
            return Writes(answer=_earlier_answer(case, history))
        intent = opened_in(snapshot, history) or stored
        return self.decided(snapshot, CaseWriter(self.context, case, self.now), intent)

    def decided(self, snapshot: Snapshot, writer: CaseWriter, intent: ActionIntentV1) -> Writes[GateAnswer]:
        """The decision about an intent of which there is none, and all that follows; it has its private values."""
        bounds = bounds_of(snapshot, intent.tenant_id)
        usages = {}
        for key in self._usage_keys(bounds, intent):
            if (usage := snapshot.get(key)) is not None:
                usages[key.id] = usage
        verdict = decide(
            GateInput(
                intent=intent,
                bounds=bounds,
                stops=stops_over(snapshot, self.request.tenant_id),
                usages=usages,
                edited_by=writer.edited_by,
                person_required=writer.person_required,
                facts=self.facts.of(bounds, intent) if self.facts is not None else NO_FACTS,
                now=self.now,
            )
        )
        writer.update(reason=verdict.decision.reason)
        writer.append("GATE_DECIDED", verdict.decision)
        if verdict.decision.approves:
            sample = bounds.plans.of_type(intent.action_type).sample
            return _reserve(self.context, writer, intent, verdict, self.now, sample)
        return _ask_a_person(writer, verdict.decision, self.now)

    def _stops_at(self) -> Sequence[Key[Stops]]:
        return stops_keys(self.request.tenant_id)

    def _usage_keys(self, bounds: BoundsInForce, intent: ActionIntentV1 | Proposal | None) -> list[Key[Usage]]:
        """Of what is to be decided; of what nothing is known, for a store may ask ahead, whatever it may come to."""
        plans, account_id = bounds.plans, self.request.account_id
        if intent is None:
            usage_ids = plans.account(account_id, self.now).usage_ids
        else:
            usage_ids = plans.action(account_id, intent.action_type, self.now).usage_ids(intent.on_behalf_of)
        if usage_ids is not self._usage_ids:
            # Asked for twice: before the write, and in it.
            self._usage_ids = usage_ids
            self._usages_at = [Key(USAGE, self.request.tenant_id, usage_id) for usage_id in usage_ids]
        return self._usages_at


def _is_meant(request: GateRequest, intent: ActionIntentV1) -> bool:
    # Of what is another's, whoever asks learns no more than of what is not there.
    return intent.account_id == request.account_id and request.proposed_by in (None, intent.proposed_by)


def _reserve(
    context: Context,
    writer: CaseWriter,
    intent: ActionIntentV1,
    verdict: Verdict,
    now: datetime,
    sample: str | UnsetType,
) -> Writes[GateAnswer]:
    decision = verdict.decision
    approval = approve(
        intent,
        "POLICY",
        approval_id=context.new_id(),
        approved_by=SYSTEM,
        policy_version=decision.policy_version,
        charges=verdict.charges,
        now=now,
        sample=sample,
    )
    for usage in verdict.usages.values():
        writer.put(Key(USAGE, intent.tenant_id, usage.usage_id), usage)
    writer.move(after_gate(decision))
    writer.update(approval_id=approval.approval_id, approval_source="POLICY", publication=reserved(approval))
    writer.append("ACTION_APPROVED", approved_data(approval, decision.config_sequence))
    writer.enqueue()
    case = writer.case
    waits = is_reserved(case.publication)
    answer = _answer(decision, case, approval.approval_id, reserved=waits, approval=approval if waits else None)
    return writer.writes(answer)


def _ask_a_person(writer: CaseWriter, decision: Decision, now: datetime) -> Writes[GateAnswer]:
    status = after_gate(decision)
    writer.move(status)
    if writer.case.expired:
        writer.append("INTENT_EXPIRED", {"expired_at": instant(now)})
    return writer.writes(_answer(decision, writer.case, None))


def _earlier_answer(case: Case, history: IntentHistory) -> GateAnswer:
    decision = history.decision
    if decision is None:
        return _never_decided(case)
    publication = case.publication
    waits = publication is not None and is_reserved(publication)
    return _answer(
        decision,
        case,
        publication.approval_id if publication else None,
        reserved=waits,
        already_published=has_left(decision, case),
        approval=history.approval(publication.approval_id) if publication and waits else None,
    )


def _never_decided(case: Case) -> GateAnswer:
    if case.status != "WITHDRAWN":
        raise AssertionError(f"intent {case.action_intent_id!r} is {case.status} without a decision")
    return GateAnswer(
        action_intent_id=case.action_intent_id,
        result="REQUIRE_APPROVAL",
        reason=INTENT_WITHDRAWN,
        explanation="its proposer took it back before it was decided",
        status=case.status,
        trace_id=case.trace_id,
        executed_by=case.executed_by,
    )


def _answer(
    decision: Decision,
    case: Case,
    approval_id: str | None,
    *,
    reserved: bool = False,
    already_published: bool = False,
    approval: Approval | None = None,
) -> GateAnswer:
    return GateAnswer(
        action_intent_id=decision.action_intent_id,
        result=decision.result,
        reason=decision.reason,
        explanation=decision.explanation,
        already_published=already_published,
        reserved=reserved,
        status=case.status,
        approval_id=approval_id,
        trace_id=case.trace_id,
        approval=approval,
        executed_by=case.executed_by,
    )
