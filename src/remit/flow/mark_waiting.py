"""Mark waiting: note on its case until when somebody waits for an intent. No entry tells of it."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from remit.core.errors import NotFound
from remit.core.execution.answer import ProposalAnswer
from remit.core.lifecycle import Case, waited_for
from remit.core.records import case_key
from remit.flow.context import Context, one, pinned_type_key
from remit.ports import Snapshot, UnitOfWork, Writes, answer_of


class MarkWaiting(Struct, frozen=True):
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
        marked = waited_for(case, self.until)
        return Writes(answer=marked, puts=[(case_at, marked)] if marked != case else [])


def mark_waiting(context: Context, found: ProposalAnswer, *, until: datetime) -> None:
    """Note that somebody waits until then for an intent that is not settled, where its type lets it matter."""
    intent = found.intent
    if intent.registry_version is None:
        return
    pinned = one(context, pinned_type_key(intent))
    if pinned is not None and pinned.spec.if_nobody_waits == "expire":
        mark = MarkWaiting(intent.tenant_id, intent.action_intent_id, until)
        answer_of(context.store.transact([mark.unit()]))
