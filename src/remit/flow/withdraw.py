"""Withdraw: the proposer takes back what nobody has started, and what it cost is given back with it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from remit.core.execution.proposer import Proposer, check_may_withdraw, withdrawn_data
from remit.core.execution.publication import gives_back_unstarted
from remit.core.gate.decision import INTENT_WITHDRAWN
from remit.core.lifecycle import Case
from remit.core.records import Key
from remit.flow.context import Context, current_approval, found_in, intent_keys, usage_keys
from remit.flow.writers import CaseWriter
from remit.ports import Snapshot, UnitOfWork, Writes, answer_of


def withdraw(
    context: Context, tenant_id: str, action_intent_id: str, *, proposer: Proposer, reason: str | None, now: datetime
) -> Case:
    """
    Take an intent back, or the newest that took its place. A second time returns the first.

    Raises `NotFound`, `Forbidden` for another's intent, or `NotInThatState` for one that was started or has ended.
    """
    name = action_intent_id
    while True:
        unit = WithdrawIntent(context, tenant_id, name, proposer, reason, now).unit()
        case = answer_of(context.store.transact([unit]))
        if case.superseded_by is None:
            return case
        name = case.superseded_by


class WithdrawIntent(Struct, frozen=True):
    """Take one intent back. Of one that was replaced nothing is written, and the answer says by which."""

    context: Context
    tenant_id: str
    action_intent_id: str
    proposer: Proposer
    reason: str | None
    now: datetime

    def unit(self) -> UnitOfWork[Case]:
        return UnitOfWork(intent_keys(self.tenant_id, self.action_intent_id), self.decide, self.then_reads)

    def then_reads(self, snapshot: Snapshot) -> Sequence[Key[Any]]:
        return usage_keys(current_approval(snapshot, self.tenant_id, self.action_intent_id))

    def decide(self, snapshot: Snapshot) -> Writes[Case]:
        case, history = found_in(snapshot, self.tenant_id, self.action_intent_id)
        if not check_may_withdraw(case, history.intent, self.proposer):
            return Writes(answer=case)
        writer = CaseWriter(self.context, case, self.now)
        approval = current_approval(snapshot, self.tenant_id, self.action_intent_id)
        if approval is not None and gives_back_unstarted(case):
            writer.release(approval, snapshot, INTENT_WITHDRAWN)
        writer.move("WITHDRAWN")
        data = withdrawn_data(case, self.proposer, self.reason)
        writer.append("INTENT_WITHDRAWN", data, actor=self.proposer.name)
        return writer.writes(writer.case)
