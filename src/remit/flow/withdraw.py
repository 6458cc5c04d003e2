"""Withdraw: the proposer takes back what nobody has started, and what it cost is given back with it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from remit.core.errors import NotFound
from remit.core.execution.proposer import Proposer, check_may_withdraw, withdrawn_data
from remit.core.execution.publication import gives_back_unstarted
from remit.core.gate.decision import INTENT_WITHDRAWN
from remit.core.lifecycle import Case
from remit.core.records import Key, case_key, chain_key
from remit.flow.context import CaseWriter, Context, current_approval, usage_keys
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
        unit = _withdraw_unit(context, tenant_id, name, proposer=proposer, reason=reason, now=now)
        case = answer_of(context.store.transact([unit]))
        if case.superseded_by is None:
            return case
        name = case.superseded_by


def _withdraw_unit(
    context: Context, tenant_id: str, action_intent_id: str, *, proposer: Proposer, reason: str | None, now: datetime
) -> UnitOfWork[Case]:
    """Of one that was replaced nothing is written, and the answer says by which."""
    names = tenant_id, action_intent_id
    case_at, chain_at = case_key(*names), chain_key(*names)

    def charged(snapshot: Snapshot) -> Sequence[Key[Any]]:
        return usage_keys(current_approval(snapshot, *names))

    def change(snapshot: Snapshot) -> Writes[Case]:
        case, approval = snapshot.get(case_at), current_approval(snapshot, *names)
        history = snapshot.get(chain_at)
        if case is None or history is None:
            raise NotFound("intent", action_intent_id, tenant_id)
        if not check_may_withdraw(case, history.intent, proposer):
            return Writes(answer=case)
        writer = CaseWriter(context, case, now)
        if approval is not None and gives_back_unstarted(case):
            writer.release(approval, snapshot, INTENT_WITHDRAWN)
        writer.move("WITHDRAWN")
        writer.append("INTENT_WITHDRAWN", withdrawn_data(case, proposer, reason), actor=proposer.name)
        return writer.writes(writer.case)

    return UnitOfWork(reads=[case_at, chain_at], decide=change, then_reads=charged)
