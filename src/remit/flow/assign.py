"""Whose a waiting card is, and whose cards are another's for a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from remit.core.errors import NotFound
from remit.core.execution.assignment import Handover, assignment_data, handover_data
from remit.core.identity.credential import Credential
from remit.core.identity.person import same_person
from remit.core.lifecycle import Case
from remit.core.records import case_key, chain_key
from remit.flow.context import Context, chain_head_key
from remit.flow.writers import CaseWriter, TenantLedgerWriter
from remit.ports import Snapshot, UnitOfWork, Writes


@dataclass(frozen=True, slots=True)
class AssignCard:
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
        names = self.tenant_id, self.action_intent_id
        return UnitOfWork([case_key(*names), chain_key(*names)], self.decide)

    def decide(self, snapshot: Snapshot) -> Writes[Case]:
        names = self.tenant_id, self.action_intent_id
        case, history = snapshot.get(case_key(*names)), snapshot.get(chain_key(*names))
        if case is None or history is None:
            raise NotFound("intent", self.action_intent_id, self.tenant_id)
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


@dataclass(frozen=True, slots=True)
class HandQueueOver:
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
