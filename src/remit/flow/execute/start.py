"""Start: take the attempt, once per intent and for good, or take over from a worker that is gone."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from remit.core.execution.fulfilment import event_matches, may_start, new_attempt
from remit.core.execution.outcome import lease
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
    if case is None or intent is None or approval is None or not event_matches(case, intent, approval, data):
        log.warning("ignored an approval event that does not match what is stored")
        return Writes(answer=None)
    to_do = may_start(worker.hold(attempt, ref, now), state, approval)
    if to_do == "nothing":
        return Writes(answer=None)
    writer = CaseWriter(worker.context, case, now)
    until = lease(now, common.START_LEASE_S)
    if attempt is not None:
        writer.put(keys.attempt, attempt.changed(holder=worker.holder, lease_until=until))
        writer.update(due_at=until)
        return writer.writes(ref.wire())
    if state is not None and to_do == "publish and take":
        writer.mark_published(state)
    writer.case.require("RUNNING", "started")
    taken = new_attempt(intent, ref.approval_id, keys.tool(snapshot), holder=worker.holder, now=now, until=until)
    writer.put(keys.attempt, taken)
    writer.move("RUNNING", lease_until=until)
    writer.append("EXECUTION_STARTED", {**bound_to(case, approval), "outcome": None})
    return writer.writes(ref.wire())
