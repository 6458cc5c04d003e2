"""A person's answer about an automatic action that they are shown afterwards, and the stop that it may bring about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from remit.core.errors import NotFound
from remit.core.execution.sample import (
    CountedAnswer,
    SampleAnswer,
    SampleTally,
    answer_data,
    check_may_judge,
    count_answer,
    judged_before,
    why_stopped,
)
from remit.core.execution.votes import may_not_approve
from remit.core.gate.autonomy import StopScope
from remit.core.gate.bounds import BoundsInForce
from remit.core.identity.credential import Credential
from remit.core.ledger.entries import SYSTEM
from remit.core.lifecycle import Case
from remit.core.records import Key, case_key, chain_key, sample_key, tally_key
from remit.flow.context import Context, bounds_key, bounds_of
from remit.flow.settings.bounds import StopAutonomy, stop_keys
from remit.flow.writers import CaseWriter
from remit.ports import Snapshot, UnitOfWork, Writes


@dataclass(frozen=True, slots=True)
class JudgeSampled:
    """
    Say whether a sampled action was right. The same answer again returns the first.

    The answer that makes too many disagreements stops its type's autonomy in the same write. Raises `NotFound`,
    `Conflict` for what nobody is shown, or was answered otherwise, and `Forbidden` for whoever has no say in it.
    """

    context: Context
    tenant_id: str
    action_intent_id: str
    right: bool
    reason: str | None
    by: str
    credential: Credential
    now: datetime

    def unit(self) -> UnitOfWork[SampleAnswer]:
        names = self.tenant_id, self.action_intent_id
        return UnitOfWork(
            [case_key(*names), chain_key(*names), bounds_key(self.tenant_id)], self.decide, self.then_reads
        )

    def then_reads(self, snapshot: Snapshot) -> Sequence[Key[Any]]:
        case = snapshot.get(case_key(self.tenant_id, self.action_intent_id))
        if case is None:
            return ()
        tally = tally_key(self.tenant_id, case.action_type)
        return [sample_key(self.tenant_id, self.action_intent_id), tally, *stop_keys(self._scope(case))]

    def _scope(self, case: Case) -> StopScope:
        """Of what it may stop."""
        return StopScope(tenant_id=self.tenant_id, action_type=case.action_type)

    def decide(self, snapshot: Snapshot) -> Writes[SampleAnswer]:
        names = self.tenant_id, self.action_intent_id
        case, history = snapshot.get(case_key(*names)), snapshot.get(chain_key(*names))
        if case is None or history is None or (intent := history.intent) is None:
            raise NotFound("intent", self.action_intent_id, self.tenant_id)
        bounds = bounds_of(snapshot, self.tenant_id)
        own = may_not_approve(intent, case.edited_by, bounds.bounds)
        check_may_judge(intent, self.by, history.is_sampled, own)
        if (first := judged_before(self.action_intent_id, history.sample_answer, self.right)) is not None:
            return Writes(answer=first)
        spec, tally_at = bounds.action_type(case.action_type), tally_key(self.tenant_id, case.action_type)
        tally = snapshot.get(tally_at) or SampleTally(action_type=case.action_type)
        counted = count_answer(tally, self.right, spec.stop_after if spec else None)
        writes = self._answered(snapshot, case, counted, bounds)
        writes.put(tally_at, counted.tally)
        return writes

    def _answered(
        self, snapshot: Snapshot, case: Case, counted: CountedAnswer, bounds: BoundsInForce
    ) -> Writes[SampleAnswer]:
        answer = SampleAnswer(
            action_type=case.action_type,
            approval_id=case.approval_id or "",
            digest=case.digest,
            right=self.right,
            reason=self.reason,
            answered_by=self.by,
            number=counted.number,
            stopped=counted.stops,
            disagreements=counted.disagreements,
            of_sampled=counted.of_sampled,
        )
        spec = bounds.action_type(case.action_type)
        writer = CaseWriter(self.context, case, self.now)
        data = answer_data(answer, self.credential, bounds.config_sequence, spec.stop_after if spec else None)
        writer.append("AUTONOMY_SAMPLED", data, actor=self.by)
        sample_at = sample_key(self.tenant_id, self.action_intent_id)
        if snapshot.get(sample_at) is not None:
            writer.delete(sample_at)
        writes = writer.writes(answer)
        return self._with_stop(snapshot, case, writes) if counted.stops else writes

    def _with_stop(self, snapshot: Snapshot, case: Case, writes: Writes[SampleAnswer]) -> Writes[SampleAnswer]:
        answer, about = writes.answer, {"action_intent_id": self.action_intent_id, "number": writes.answer.number}
        reason = why_stopped(self.action_intent_id, answer)
        stop = StopAutonomy(self.context, self._scope(case), "autonomy", SYSTEM, reason, self.now, sampled=about)
        stopping = stop.decide(snapshot)
        return Writes(answer, [*writes.puts, *stopping.puts], writes.deletes, [*writes.entries, *stopping.entries])
