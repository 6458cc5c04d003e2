"""Start: take the attempt, once per intent and for good, or take over from a worker that is gone."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from remit.core.execution.fulfilment import event_matches, may_start, new_attempt
from remit.core.execution.outcome import lease, tool_hash
from remit.flow.context import CaseWriter, bounds_key, bounds_of
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
    reads = [*keys.all(), bounds_key(ref.tenant_id)]
    unit = UnitOfWork(reads, lambda snapshot: _start(worker, snapshot, keys, ref, data, now), keys.pinned_type)
    return answer_of(worker.context.store.transact([unit]))


def _start(
    worker: Worker, snapshot: Snapshot, keys: Keys, ref: Ref, data: Mapping[str, Any], now: datetime
) -> Writes[dict[str, str] | None]:
    case, intent, approval = snapshot.get(keys.case), keys.intent(snapshot), keys.approval(snapshot)
    if case is None or intent is None or approval is None or not event_matches(case, intent, approval, data):
        log.warning("ignored an approval event that does not match what is stored")
        return Writes(answer=None)
    to_do = may_start(worker.hold(case.attempt, ref, now), case.publication, approval)
    if to_do == "nothing":
        return Writes(answer=None)
    writer = CaseWriter(worker.context, case, now)
    until = lease(now, common.START_LEASE_S)
    if case.attempt is not None:
        writer.update(attempt=case.attempt.changed(holder=worker.holder, lease_until=until), due_at=until)
        return writer.writes(ref.wire())
    if case.publication is not None and to_do == "publish and take":
        writer.mark_published(case.publication)
    tool = keys.tool(snapshot)
    taken = new_attempt(intent, ref.approval_id, tool, holder=worker.holder, now=now, until=until)
    writer.move("RUNNING", lease_until=until)
    writer.update(attempt=taken)
    started = {"config_sequence": bounds_of(snapshot, ref.tenant_id).config_sequence, "tool_hash": tool_hash(tool)}
    writer.append("EXECUTION_STARTED", {**bound_to(case, approval), **started, "outcome": None})
    return writer.writes(ref.wire())
