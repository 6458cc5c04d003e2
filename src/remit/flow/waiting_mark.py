"""Whether somebody still waits for an intent: a mark on its case, prolonged by waiting, of which no entry tells."""

from __future__ import annotations

from datetime import datetime

from remit.core.errors import NotFound
from remit.core.execution.answer import ProposalAnswer
from remit.core.lifecycle import ENDED, Case
from remit.core.records import case_key
from remit.flow.context import Context, one, pinned_type_key
from remit.ports import Snapshot, UnitOfWork, Writes, answer_of


def mark_waiting_unit(tenant_id: str, action_intent_id: str, until: datetime) -> UnitOfWork[Case]:
    """
    Note that somebody waits until then, at least. Of what has ended nothing is noted. Raises `NotFound`.
    """
    case_at = case_key(tenant_id, action_intent_id)

    def change(snapshot: Snapshot) -> Writes[Case]:
        case = snapshot.get(case_at)
        if case is None:
            raise NotFound("intent", action_intent_id, tenant_id)
        noted = case.waited_until is not None and case.waited_until >= until
        if noted or case.status in ENDED:
            return Writes(answer=case)
        marked = case.changed(waited_until=until)
        return Writes(answer=marked, puts=[(case_at, marked)])

    return UnitOfWork(reads=[case_at], decide=change)


def mark_waiting(context: Context, found: ProposalAnswer, *, until: datetime) -> None:
    """Note that somebody waits until then for an intent that is not settled, where its type lets it matter."""
    intent = found.intent
    if intent.registry_version is None:
        return
    pinned = one(context, pinned_type_key(intent))
    if pinned is not None and pinned.spec.if_nobody_waits == "expire":
        answer_of(context.store.transact([mark_waiting_unit(intent.tenant_id, intent.action_intent_id, until)]))
