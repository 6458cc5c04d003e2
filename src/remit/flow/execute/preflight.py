"""Preflight: may it still run? Asked before mapping, and again right before each call."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from remit.core.execution.outcome import CallResult, lease
from remit.core.gate.autonomy import Stop, stop_in_force, stopped_for
from remit.core.intent import ActionIntentV1
from remit.core.values import instant
from remit.flow.context import CaseWriter
from remit.flow.execute import common
from remit.flow.execute.common import Keys, Ref, Worker, charged_keys, ended, in_doubt
from remit.ports import Snapshot, UnitOfWork, Writes, answer_of


def preflight(worker: Worker, ref_data: Mapping[str, str]) -> bool:
    """May it still run? If not, it has ended `CANCELLED` and a policy's charge has been released."""
    return before_call(worker, Ref(**ref_data), mark_for_s=None)


def before_call(worker: Worker, ref: Ref, mark_for_s: float | None, calls_seen: int = 0) -> bool:
    """With `mark_for_s`, also mark the call: the one after the `calls_seen` that were marked when it was decided on."""
    now = worker.clock.now()
    keys = Keys.of(ref)

    def change(snapshot: Snapshot) -> Writes[bool]:
        case, attempt = snapshot.get(keys.case), snapshot.get(keys.attempt)
        if case is None or attempt is None or not worker.holds(attempt, ref):
            return Writes(answer=False)
        # An engine may run one step twice at once, both times for the run that holds the lease. Whoever comes
        # second decided to call before it could see the other's mark.
        if mark_for_s is not None and (attempt.attempt_count != calls_seen or attempt.conclusion):
            return Writes(answer=False)
        # Where an answer is noted there will be no call: a stop or an expiry comes too late to undo it.
        reason = None if attempt.conclusion else _forbidden(snapshot, keys, now)
        if reason is not None and not attempt.unanswered:
            result = CallResult(acted="no", error_code=reason[0], error_message=reason[1])
            return ended(worker, snapshot, keys, "CANCELLED", result, now, answer=False)
        if reason is not None:
            return ended(worker, snapshot, keys, "UNKNOWN", in_doubt(attempt, reason[1]), now, answer=False)
        until = lease(now, mark_for_s if mark_for_s is not None else common.START_LEASE_S)
        writer = CaseWriter(worker.context, case, now)
        update: dict[str, Any] = {"lease_until": until}
        if mark_for_s is not None:
            counted = attempt.attempt_count + 1
            update |= {"invoking": True, "in_doubt": attempt.unanswered, "attempt_count": counted}
        writer.put(keys.attempt, attempt.changed(**update))
        writer.update(due_at=until)
        return writer.writes(True)

    return answer_of(worker.context.store.transact([UnitOfWork(keys.all(), change, charged_keys(keys))]))


def _forbidden(snapshot: Snapshot, keys: Keys, now: datetime) -> tuple[str, str] | None:
    intent, approval = snapshot.get(keys.intent), snapshot.get(keys.approval)
    assert intent is not None and approval is not None
    if now >= intent.expires_at:
        return "INTENT_EXPIRED", f"it expired at {instant(intent.expires_at)} before it ran"
    stop = _stop(snapshot, keys, intent)
    if stop is not None and stopped_for(approval.approval_source, stop):
        return "AUTONOMY_STOPPED", f"{stop.stopped_by} stopped {stop.scope} ({stop.level}): {stop.reason}"
    return None


def _stop(snapshot: Snapshot, keys: Keys, intent: ActionIntentV1) -> Stop | None:
    return stop_in_force(
        [stops for stops in map(snapshot.get, keys.stops) if stops is not None],
        tenant_id=intent.tenant_id,
        account_id=intent.account_id,
        action_type=intent.action_type,
    )
