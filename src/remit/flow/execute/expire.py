"""Expire: end an execution that waits for its next call and has expired meanwhile, whatever its tool waits for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from remit.core.errors import RemitError
from remit.core.execution import fulfilment
from remit.core.execution.outcome import Conclusion
from remit.core.lifecycle import Case, due_step
from remit.flow.context import CaseWriter, Context
from remit.flow.execute.common import Keys, end_with
from remit.ports import Snapshot, UnitOfWork, Writes


def expire_begun(context: Context, cases: Sequence[Case], now: datetime) -> list[bool | RemitError]:
    """End those of them that are queued, expired and nobody's: as the next worker would that takes them."""
    return context.store.transact([_expire_unit(context, case, now) for case in cases])


def _expire_unit(context: Context, seen: Case, now: datetime) -> UnitOfWork[bool]:
    keys = Keys(seen.tenant_id, seen.action_intent_id, seen.approval_id or "")

    def change(snapshot: Snapshot) -> Writes[bool]:
        case, intent, approval = snapshot.get(keys.case), keys.intent(snapshot), keys.approval(snapshot)
        attempt = case.attempt if case else None
        if case is None or attempt is None or intent is None or approval is None:
            return Writes(answer=False)
        if due_step(case, now) != "expire_begun" or now < attempt.lease_until:
            return Writes(answer=False)
        refusal = fulfilment.forbidden(intent, approval.approval_source, (), now)
        go = fulfilment.before_call(attempt, "ours", refusal, marking=False, calls_seen=0)
        ends = go if isinstance(go, Conclusion) else attempt.conclusion
        if ends is None:
            return Writes(answer=False)
        return end_with(CaseWriter(context, case, now), snapshot, keys, attempt, ends, answer=True)

    return UnitOfWork(keys.all(), change, keys.charged)
