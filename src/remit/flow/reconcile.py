"""
Reconciling: find the cases that are due, expire what nobody answered, purge what is done.

Finding says which step each case needs; `remit.app` hands them to the steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from remit.core.errors import RemitError
from remit.core.execution.publication import gives_back_on_expiry, may_expire, may_purge
from remit.core.lifecycle import Case, Step, due_step
from remit.core.records import ATTEMPT, Key, case_key, state_record_key
from remit.core.values import instant
from remit.flow.context import CaseWriter, Context, usage_keys
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
    case_at, state_at, attempt_at = case_key(*names), state_record_key(*names), Key(ATTEMPT, *names)

    def more(snapshot: Snapshot) -> Sequence[Key[Any]]:
        return usage_keys(seen.tenant_id, snapshot.get(state_at))

    def change(snapshot: Snapshot) -> Writes[bool]:
        case, state = snapshot.get(case_at), snapshot.get(state_at)
        if case is None or not may_expire(case, snapshot.get(attempt_at), now):
            return Writes(answer=False)
        writer = CaseWriter(context, case, now)
        writer.move("EXPIRED", state)
        if state is not None and gives_back_on_expiry(case, state):
            writer.release(state, snapshot, "INTENT_EXPIRED")
        writer.append("INTENT_EXPIRED", {"expired_at": instant(now)})
        return writer.writes(True)

    return UnitOfWork(reads=[case_at, state_at, attempt_at], decide=change, then_reads=more)


def purge(context: Context, cases: Sequence[Case], now: datetime) -> list[bool | RemitError]:
    """Drop the publication states of done intents whose time to live is over; everything else of them stays."""
    return context.store.transact([_purge_unit(case, now) for case in cases])


def _purge_unit(seen: Case, now: datetime) -> UnitOfWork[bool]:
    case_at = case_key(seen.tenant_id, seen.action_intent_id)
    state_at = state_record_key(seen.tenant_id, seen.action_intent_id)

    def change(snapshot: Snapshot) -> Writes[bool]:
        case, state = snapshot.get(case_at), snapshot.get(state_at)
        what = may_purge(case, state, now) if case is not None else "nothing"
        if case is None or what == "nothing":
            return Writes(answer=False)
        if state is not None and what == "put off":
            return Writes(answer=False, puts=[(case_at, case.changed(due_at=state.expires_at))])
        done = case.changed(due_at=None)
        return Writes(answer=True, puts=[(case_at, done)], deletes=[state_at] if state else [])

    return UnitOfWork(reads=[case_at, state_at], decide=change)
