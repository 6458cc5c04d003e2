"""Start: take the attempt, once per intent and for good, or take over from a worker that is gone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct

from remit.core.errors import NotAnApproval
from remit.core.execution.fulfilment import event_says, may_start
from remit.core.execution.outcome import lease
from remit.flow.execute import common
from remit.flow.execute.common import Keys, Ref, Worker, ref_of
from remit.flow.writers import CaseWriter
from remit.ports import Snapshot, UnitOfWork, Writes, answer_of


def start(worker: Worker, data: Mapping[str, Any]) -> dict[str, str] | None:
    """
    Take the attempt that an `ACTION_APPROVED` event's `data` announces, or take over one whose
    lease has run out.

    Answers the reference that the other steps take, or `None`: somebody else has it, it is done, it was
    released or taken back, or it is not for this worker: its caller executes it, or only a worker with other connectors
    can. Asked again by the run that has it, it answers the same.

    Raises `NotAnApproval` for an event that says too little, or what no approval stands behind.
    """
    ref = ref_of(data)
    if ref is None:
        raise NotAnApproval("it lacks its ids")
    return answer_of(worker.context.store.transact([StartAttempt(worker, ref, data, worker.clock.now()).unit()]))


class StartAttempt(Struct, frozen=True):
    """The one write of it. Answers the reference, or `None` where there is nothing to start for this worker."""

    worker: Worker
    ref: Ref
    data: Mapping[str, Any]
    now: datetime

    def unit(self) -> UnitOfWork[dict[str, str] | None]:
        keys = Keys.of(self.ref)
        return UnitOfWork(keys.begun(), self.decide, keys.pinned_type)

    def decide(self, snapshot: Snapshot) -> Writes[dict[str, str] | None]:
        keys, worker = Keys.of(self.ref), self.worker
        case, intent, approval = snapshot.get(keys.case), keys.intent(snapshot), keys.approval(snapshot)
        if case is None or intent is None or approval is None:
            raise NotAnApproval("nothing by its ids is stored")
        if not event_says(intent, approval, self.data):
            raise NotAnApproval("it does not say what is stored")
        if not worker.may_take(case) or case.approval_id != approval.approval_id:
            # Its caller's alone, or another worker's; or released, and maybe approved anew: this one is over.
            return Writes(answer=None)
        to_do = may_start(worker.hold(case.attempt, self.ref, self.now), case.publication, approval, self.now)
        if to_do == "nothing":
            return Writes(answer=None)
        writer = CaseWriter(worker.context, case, self.now)
        until = lease(self.now, common.START_LEASE_S)
        if case.attempt is not None:
            writer.update(attempt=case.attempt.changed(holder=worker.holder, lease_until=until), due_at=until)
            return writer.writes(self.ref.wire())
        if case.publication is not None and to_do == "publish and take":
            writer.mark_published(case.publication)
        common.take_attempt(writer, snapshot, keys, holder=worker.holder, until=until)
        return writer.writes(self.ref.wire())
