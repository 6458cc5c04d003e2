"""Expire: end an execution that waits for its next call and has expired meanwhile, whatever its tool waits for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from remit.core.errors import RemitError
from remit.core.execution import fulfilment
from remit.core.execution.outcome import Conclusion
from remit.core.lifecycle import Case, due_step
from remit.flow.context import Context
from remit.flow.execute.common import Keys, end_with
from remit.flow.writers import CaseWriter
from remit.ports import Snapshot, UnitOfWork, Writes


def expire_begun(context: Context, cases: Sequence[Case], now: datetime) -> list[bool | RemitError]:
    """End those of them that are queued, expired and nobody's: as the next worker would that takes them."""
    return context.store.transact([ExpireBegun(context, Keys.of_case(case), now).unit() for case in cases])


class ExpireBegun(Struct, frozen=True):
    """End one of them, unless it was taken meanwhile."""

    context: Context
    keys: Keys
    now: datetime

    def unit(self) -> UnitOfWork[bool]:
        return UnitOfWork(self.keys.all(), self.decide, self.keys.charged)

    def decide(self, snapshot: Snapshot) -> Writes[bool]:
        keys = self.keys
        case, intent, approval = snapshot.get(keys.case), keys.intent(snapshot), keys.approval(snapshot)
        attempt = case.attempt if case else None
        if case is None or attempt is None or intent is None or approval is None:
            return Writes(answer=False)
        if due_step(case, self.now) != "expire_begun" or self.now < attempt.lease_until:
            return Writes(answer=False)
        refusal = fulfilment.forbidden(intent, approval.approval_source, (), self.now)
        go = fulfilment.before_call(attempt, "ours", refusal, marking=False, calls_seen=0)
        ends = go if isinstance(go, Conclusion) else attempt.conclusion
        if ends is None:
            return Writes(answer=False)
        return end_with(CaseWriter(self.context, case, self.now), snapshot, keys, attempt, ends, answer=True)
