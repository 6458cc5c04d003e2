"""Start: take the attempt, once per intent and for good, or take over from a worker that is gone."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from remit.core.execution.approval import Approval
from remit.core.execution.outcome import ExecutionAttempt, idempotency_key, lease
from remit.core.gate.action_type import Tool
from remit.core.intent import ActionIntentV1, digest_of_wire
from remit.core.lifecycle import Case
from remit.flow.context import CaseWriter
from remit.flow.execute import common
from remit.flow.execute.common import Keys, Ref, Worker, bound_to, ref_of
from remit.ports import Snapshot, UnitOfWork, Writes, answer_of

log = logging.getLogger(__name__)


def start(worker: Worker, data: Mapping[str, Any]) -> dict[str, str] | None:
    """
    Take the attempt that an `ACTION_APPROVED` event's `data` announces, or take over one whose
    lease has run out.

    Answers the reference that the other steps take, or `None`: somebody else has it, it is done, it
    was released, or the event does not match what is stored. Asked again by the run that has it, it answers
    the same.
    """
    ref = ref_of(data)
    if ref is None:
        log.warning("ignored an approval event without its ids")
        return None
    now = worker.clock.now()
    keys = Keys.of(ref)
    unit = UnitOfWork(keys.all(), lambda snapshot: _start(worker, snapshot, keys, ref, data, now), keys.pinned_type)
    return answer_of(worker.context.store.transact([unit]))


def _start(
    worker: Worker, snapshot: Snapshot, keys: Keys, ref: Ref, data: Mapping[str, Any], now: datetime
) -> Writes[dict[str, str] | None]:
    case, intent, approval = snapshot.get(keys.case), snapshot.get(keys.intent), snapshot.get(keys.approval)
    state, attempt = snapshot.get(keys.state), snapshot.get(keys.attempt)
    if case is None or intent is None or approval is None or not _matches(case, intent, approval, data):
        log.warning("ignored an approval event that does not match what is stored")
        return Writes(answer=None)
    writer = CaseWriter(worker.context, case, now)
    until = lease(now, common.START_LEASE_S)
    if attempt is not None:
        # An engine whose answer to this step was lost asks again, for the run that took it.
        ours = worker.holds(attempt, ref)
        if attempt.status != "RUNNING" or (now < attempt.lease_until and not ours):
            return Writes(answer=None)
        writer.put(keys.attempt, attempt.changed(holder=worker.holder, lease_until=until))
        writer.update(due_at=until)
        return writer.writes(ref.wire())
    if state is None or state.status == "RELEASED" or state.approval_id != approval.approval_id:
        return Writes(answer=None)
    if state.status == "RESERVED":
        writer.mark_published(state)
    writer.case.require("RUNNING", "started")
    writer.put(keys.attempt, _new_attempt(worker, intent, ref, keys.tool(snapshot), now, until))
    writer.update(status="RUNNING", due_at=until)
    writer.append("EXECUTION_STARTED", {**bound_to(case, approval), "outcome": None})
    return writer.writes(ref.wire())


def _matches(case: Case, intent: ActionIntentV1, approval: Approval, data: Mapping[str, Any]) -> bool:
    """The event is not trusted by itself: it must say what the stored approval says, of the intent as it is."""
    return (
        approval.action_intent_id == intent.action_intent_id
        and case.approval_id == approval.approval_id
        and data.get("intent_digest") == approval.intent_digest == intent.digest
        and digest_of_wire(intent.wire()) == intent.digest
    )


def _new_attempt(
    worker: Worker, intent: ActionIntentV1, ref: Ref, tool: Tool | None, now: datetime, until: datetime
) -> ExecutionAttempt:
    return ExecutionAttempt(
        action_intent_id=intent.action_intent_id,
        tenant_id=intent.tenant_id,
        approval_id=ref.approval_id,
        status="RUNNING",
        attempt_count=0,
        holder=worker.holder,
        lease_until=until,
        invoking=False,
        in_doubt=False,
        tool=tool.name if tool else None,
        idempotency_key=idempotency_key(intent, tool.wire() if tool else None),
        started_at=now,
    )
