"""
Reconciling: find the cases that are due, expire what nobody answered or started.

Finding says which step each case needs; `remit.app` hands them to the steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from remit.core.errors import RemitError
from remit.core.execution.approval import Approval
from remit.core.execution.publication import may_expire
from remit.core.lifecycle import Case, Step, due_step
from remit.core.records import Key, case_key, chain_key
from remit.flow.context import Context, current_approval, usage_keys
from remit.flow.writers import writes_expiry
from remit.ports import Snapshot, UnitOfWork, Writes


def due(context: Context, now: datetime, limit: int) -> dict[Step, list[Case]]:
    """The cases whose time has come, by the step each one needs."""
    steps: dict[Step, list[Case]] = {}
    for case in context.store.due(now, limit):
        step = due_step(case, now)
        if step is not None:
            steps.setdefault(step, []).append(case)
    return steps


def expire(context: Context, cases: Sequence[Case], now: datetime) -> list[bool | RemitError]:
    """End what expired before it was answered or started; a charge that was taken for it is given back."""
    return context.store.transact(
        [ExpireIntent(context, case.tenant_id, case.action_intent_id, now).unit() for case in cases]
    )


class ExpireIntent(Struct, frozen=True):
    """End one of them, unless it was answered or started meanwhile."""

    context: Context
    tenant_id: str
    action_intent_id: str
    now: datetime

    def unit(self) -> UnitOfWork[bool]:
        names = self.tenant_id, self.action_intent_id
        return UnitOfWork([case_key(*names), chain_key(*names)], self.decide, self.then_reads)

    def then_reads(self, snapshot: Snapshot) -> Sequence[Key[Any]]:
        return usage_keys(self._approval(snapshot))

    def decide(self, snapshot: Snapshot) -> Writes[bool]:
        case = snapshot.get(case_key(self.tenant_id, self.action_intent_id))
        if case is None or not may_expire(case, case.attempt, self.now):
            return Writes(answer=False)
        return writes_expiry(self.context, case, self._approval(snapshot), snapshot, self.now, answer=True)

    def _approval(self, snapshot: Snapshot) -> Approval | None:
        return current_approval(snapshot, self.tenant_id, self.action_intent_id)
