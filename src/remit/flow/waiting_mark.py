"""Whether somebody still waits for an intent: a mark on its case, prolonged by waiting, of which no entry tells."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from remit.core.errors import NotFound
from remit.core.execution.answer import ProposalAnswer
from remit.core.lifecycle import ENDED, Case
from remit.core.records import case_key
from remit.flow.context import Context, one, pinned_type_key
from remit.ports import Snapshot, UnitOfWork, Writes, answer_of


@dataclass(frozen=True, slots=True)
class MarkWaiting:
    """Note that somebody waits until then, at least. Of what has ended nothing is noted. Raises `NotFound`."""

    tenant_id: str
    action_intent_id: str
    until: datetime

    def unit(self) -> UnitOfWork[Case]:
        return UnitOfWork([case_key(self.tenant_id, self.action_intent_id)], self.decide)

    def decide(self, snapshot: Snapshot) -> Writes[Case]:
        case_at = case_key(self.tenant_id, self.action_intent_id)
        case = snapshot.get(case_at)
        if case is None:
            raise NotFound("intent", self.action_intent_id, self.tenant_id)
        noted = case.waited_until is not None and case.waited_until >= self.until
        if noted or case.status in ENDED:
            return Writes(answer=case)
        marked = case.changed(waited_until=self.until)
        return Writes(answer=marked, puts=[(case_at, marked)])


def mark_waiting(context: Context, found: ProposalAnswer, *, until: datetime) -> None:
    """Note that somebody waits until then for an intent that is not settled, where its type lets it matter."""
    intent = found.intent
    if intent.registry_version is None:
        return
    pinned = one(context, pinned_type_key(intent))
    if pinned is not None and pinned.spec.if_nobody_waits == "expire":
        mark = MarkWaiting(intent.tenant_id, intent.action_intent_id, until)
        answer_of(context.store.transact([mark.unit()]))
