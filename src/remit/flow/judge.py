"""A person's answer about an automatic action that they are shown afterwards, and the stop that it may bring about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import UNSET, Struct

from remit.core.execution.limit_answers import JudgedLimit, judged_limits
from remit.core.execution.sample import (
    CountedAnswer,
    LimitAnswer,
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
from remit.core.gate.charging import Charge
from remit.core.identity.credential import Credential
from remit.core.ledger.history import IntentHistory
from remit.core.lifecycle import Case
from remit.core.records import Key, case_key, chain_key, sample_key, tally_key
from remit.core.values import SYSTEM
from remit.flow.context import Context, bounds_key, bounds_of, found_in, intent_keys
from remit.flow.settings.bounds import StopAutonomy, stop_together, switch_keys
from remit.flow.writers import CaseWriter
from remit.ports import Snapshot, UnitOfWork, Writes


class _Counted(Struct, frozen=True):
    """An answer as it is counted for its action type, and for each limit."""

    of_type: CountedAnswer
    of_limits: Sequence[tuple[JudgedLimit, CountedAnswer]]

    def limit_answers(self) -> list[LimitAnswer]:
        return [
            LimitAnswer(
                limit=limit.limit,
                scope=limit.scope,
                number=counted.number,
                stopped=counted.stops,
                disagreements=counted.disagreements or 0,
                of_sampled=counted.of_sampled or 0,
            )
            for limit, counted in self.of_limits
        ]


class JudgeSampled(Struct, frozen=True):
    """
    Say whether a sampled action was right. The same answer again returns the first.

    The answer that makes too many disagreements stops the autonomy of its type, or of what a limit is over that it was
    charged to, in the same write. Raises `NotFound`, `Conflict` for what nobody is shown, or was answered otherwise,
    and `Forbidden` for whoever has no say in it.
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
        reads = [*intent_keys(*self._names), bounds_key(self.tenant_id)]
        return UnitOfWork(reads, self.decide, self.then_reads)

    def then_reads(self, snapshot: Snapshot) -> Sequence[Key[Any]]:
        case, history = snapshot.get(case_key(*self._names)), snapshot.get(chain_key(*self._names))
        intent = history.intent if history is not None else None
        if case is None or history is None or intent is None:
            return ()
        limits = judged_limits(bounds_of(snapshot, self.tenant_id).bounds, intent, _charges(history))
        tallies = [tally_key(self.tenant_id, name) for name in (case.action_type, *(limit.id for limit in limits))]
        return [sample_key(*self._names), *tallies, *switch_keys(StopScope(tenant_id=self.tenant_id))]

    @property
    def _names(self) -> tuple[str, str]:
        return self.tenant_id, self.action_intent_id

    def decide(self, snapshot: Snapshot) -> Writes[SampleAnswer]:
        case, history = found_in(snapshot, *self._names)
        intent = history.intent
        assert intent is not None
        bounds = bounds_of(snapshot, self.tenant_id)
        own = may_not_approve(intent, case.edited_by, bounds.bounds)
        check_may_judge(intent, self.by, history.is_sampled, own)
        if (first := judged_before(self.action_intent_id, history.sample_answer, self.right)) is not None:
            return Writes(answer=first)
        limits = judged_limits(bounds.bounds, intent, _charges(history))
        spec = bounds.action_type(case.action_type)
        tally = snapshot.get(tally_key(self.tenant_id, case.action_type)) or SampleTally(action_type=case.action_type)
        counted = _Counted(
            count_answer(tally, self.right, spec.stop_after if spec else None),
            [(limit, self._counted_for(snapshot, limit)) for limit in limits],
        )
        return self._answered(snapshot, case, counted, bounds)

    def _counted_for(self, snapshot: Snapshot, limit: JudgedLimit) -> CountedAnswer:
        known = snapshot.get(tally_key(self.tenant_id, limit.id))
        return count_answer(known or limit.no_answers, self.right, limit.stop_after)

    def _answered(
        self, snapshot: Snapshot, case: Case, counted: _Counted, bounds: BoundsInForce
    ) -> Writes[SampleAnswer]:
        of_type = counted.of_type
        answer = SampleAnswer(
            action_type=case.action_type,
            approval_id=case.approval_id or "",
            digest=case.digest,
            right=self.right,
            reason=self.reason,
            answered_by=self.by,
            number=of_type.number,
            stopped=of_type.stops,
            disagreements=of_type.disagreements,
            of_sampled=of_type.of_sampled,
            limits=counted.limit_answers() or UNSET,
        )
        spec = bounds.action_type(case.action_type)
        writer = CaseWriter(self.context, case, self.now)
        when = spec.stop_after if spec else None, [limit.stop_after for limit, _ in counted.of_limits]
        data = answer_data(answer, self.credential, bounds.config_sequence, *when)
        writer.append("AUTONOMY_SAMPLED", data, actor=self.by)
        writer.put(tally_key(self.tenant_id, case.action_type), of_type.tally)
        for limit, of_limit in counted.of_limits:
            writer.put(tally_key(self.tenant_id, limit.id), of_limit.tally)
        sample_at = sample_key(*self._names)
        if snapshot.get(sample_at) is not None:
            writer.delete(sample_at)
        return self._with_stops(snapshot, counted, writer.writes(answer))

    def _with_stops(self, snapshot: Snapshot, counted: _Counted, writes: Writes[SampleAnswer]) -> Writes[SampleAnswer]:
        switches = [*self._switches(counted, writes.answer)]
        if not switches:
            return writes
        stopping = stop_together(self.context, snapshot, switches, self.now)
        return Writes(
            writes.answer, [*writes.puts, *stopping.puts], writes.deletes, [*writes.entries, *stopping.entries]
        )

    def _switches(self, counted: _Counted, answer: SampleAnswer) -> Iterator[StopAutonomy]:
        """Those that the answer pulls."""
        if answer.stopped:
            scope = StopScope(tenant_id=self.tenant_id, action_type=answer.action_type)
            yield self._switch(scope, answer, answer, {})
        for (limit, _), each in zip(counted.of_limits, answer.of_limits, strict=True):
            if each.stopped:
                for scope in limit.stops:
                    yield self._switch(scope, answer, each, {"limit": each.limit, "scope": each.scope})

    def _switch(
        self, scope: StopScope, answer: SampleAnswer, counted_for: SampleAnswer | LimitAnswer, of: Mapping[str, str]
    ) -> StopAutonomy:
        about = {"action_intent_id": self.action_intent_id, "number": counted_for.number, **of}
        reason = why_stopped(self.action_intent_id, answer, counted_for)
        return StopAutonomy(self.context, scope, "autonomy", SYSTEM, reason, self.now, sampled=about)


def _charges(history: IntentHistory) -> Sequence[Charge]:
    """Of what ran alone: what its approval by policy was charged to."""
    ended = history.ended
    approval = history.approval(ended.data["approval_id"]) if ended is not None else None
    return approval.charges if approval is not None else ()
