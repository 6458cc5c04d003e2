"""
Reconciling: find the cases that are due, expire what nobody answered or started.

Finding says which step each case needs; `remit.app` hands them to the steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from remit.core.errors import RemitError
from remit.core.execution.publication import may_expire
from remit.core.lifecycle import Case, Step, due_step
from remit.core.records import Key, case_key, chain_key
from remit.flow.context import Context, current_approval, usage_keys, writes_expiry
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
    return context.store.transact([_expire_unit(context, case, now) for case in cases])


def _expire_unit(context: Context, seen: Case, now: datetime) -> UnitOfWork[bool]:
    names = seen.tenant_id, seen.action_intent_id
    case_at, chain_at = case_key(*names), chain_key(*names)

    def more(snapshot: Snapshot) -> Sequence[Key[Any]]:
        return usage_keys(current_approval(snapshot, *names))

    def change(snapshot: Snapshot) -> Writes[bool]:
        case, approval = snapshot.get(case_at), current_approval(snapshot, *names)
        if case is None or not may_expire(case, case.attempt, now):
            return Writes(answer=False)
        return writes_expiry(context, case, approval, snapshot, now, answer=True)

    return UnitOfWork(reads=[case_at, chain_at], decide=change, then_reads=more)
