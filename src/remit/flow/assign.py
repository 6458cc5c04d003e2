"""Assign a waiting card to somebody, and a person's cards to another for a time."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from remit.core.execution.assignment import Handover, assignment_data, handover_data
from remit.core.identity.credential import Credential
from remit.core.identity.person import same_person
from remit.core.lifecycle import Case
from remit.flow.context import Context, chain_head_key, found_in, intent_keys
from remit.flow.writers import CaseWriter, TenantLedgerWriter
from remit.ports import Snapshot, UnitOfWork, Writes


class AssignCard(Struct, frozen=True):
    """
    Make a waiting card somebody's, or nobody's. Whose it is already it stays, and no entry says so again.

    Raises `NotFound`, or `NotInThatState` for what does not wait.
    """

    context: Context
    tenant_id: str
    action_intent_id: str
    by: str
    to: str | None
    credential: Credential
    now: datetime

    def unit(self) -> UnitOfWork[Case]:
        return UnitOfWork(intent_keys(self.tenant_id, self.action_intent_id), self.decide)

    def decide(self, snapshot: Snapshot) -> Writes[Case]:
        case, history = found_in(snapshot, self.tenant_id, self.action_intent_id)
        case.require_waiting("assigned")
        if self._is_theirs(history.assigned_to):
            return Writes(answer=case)
        writer = CaseWriter(self.context, case, self.now)
        assigned = assignment_data(self.by, self.to, self.credential, case.digest)
        writer.append("CARD_ASSIGNED", assigned, actor=self.by)
        writer.update(assigned_to=self.to)
        return writer.writes(writer.case)

    def _is_theirs(self, before: str | None) -> bool:
        return before == self.to or (before is not None and self.to is not None and same_person(before, self.to))


class HandQueueOver(Struct, frozen=True):
    """Write down whose cards are whose for a time."""

    context: Context
    tenant_id: str
    handover: Handover
    credential: Credential
    now: datetime

    def unit(self) -> UnitOfWork[Handover]:
        return UnitOfWork([chain_head_key(self.tenant_id)], self.decide)

    def decide(self, snapshot: Snapshot) -> Writes[Handover]:
        writer = TenantLedgerWriter(self.context, snapshot, self.tenant_id, self.now)
        data = handover_data(self.handover, self.credential)
        writer.append("QUEUE_HANDED_OVER", data, actor=self.handover.handed_from)
        return writer.writes(self.handover)
