"""Whose a waiting card is, and whose cards are another's for a time."""

from __future__ import annotations

from datetime import datetime

from remit.core.errors import NotFound
from remit.core.execution.assignment import Handover, assignment_data, handover_data
from remit.core.identity.credential import Credential
from remit.core.identity.person import same_person
from remit.core.lifecycle import Case
from remit.core.records import case_key, chain_key
from remit.flow.context import CaseWriter, Context, TenantLedgerWriter, chain_head_key
from remit.ports import Snapshot, UnitOfWork, Writes


def assign_unit(
    context: Context,
    tenant_id: str,
    action_intent_id: str,
    *,
    by: str,
    to: str | None,
    credential: Credential,
    now: datetime,
) -> UnitOfWork[Case]:
    """
    Make a waiting card somebody's, or nobody's. Whose it is already it stays, and no entry says so again.

    Raises `NotFound`, or `NotInThatState` for what does not wait.
    """
    names = tenant_id, action_intent_id

    def change(snapshot: Snapshot) -> Writes[Case]:
        case, history = snapshot.get(case_key(*names)), snapshot.get(chain_key(*names))
        if case is None or history is None:
            raise NotFound("intent", action_intent_id, tenant_id)
        case.require_waiting("assigned")
        before = history.assigned_to
        if before == to or (before is not None and to is not None and same_person(before, to)):
            return Writes(answer=case)
        writer = CaseWriter(context, case, now)
        writer.append("CARD_ASSIGNED", assignment_data(by, to, credential, case.digest), actor=by)
        return writer.writes(writer.case)

    return UnitOfWork(reads=[case_key(*names), chain_key(*names)], decide=change)


def hand_over_unit(
    context: Context, tenant_id: str, handover: Handover, *, credential: Credential, now: datetime
) -> UnitOfWork[Handover]:
    """Write down whose cards are whose for a time."""

    def change(snapshot: Snapshot) -> Writes[Handover]:
        writer = TenantLedgerWriter(context, snapshot, tenant_id, now)
        writer.append("QUEUE_HANDED_OVER", handover_data(handover, credential), actor=handover.handed_from)
        return writer.writes(handover)

    return UnitOfWork(reads=[chain_head_key(tenant_id)], decide=change)
