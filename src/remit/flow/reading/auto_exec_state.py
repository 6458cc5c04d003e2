"""The publication state of an intent's approval, as a record of its own."""

from __future__ import annotations

from datetime import datetime

from remit.core.errors import NotFound
from remit.core.execution import approval as approvals
from remit.core.execution.approval import AutoExecStateV1
from remit.core.ledger.history import IntentHistory
from remit.core.lifecycle import Case
from remit.flow.context import Context, found_in, intent_keys


def auto_exec_state(context: Context, tenant_id: str, action_intent_id: str, now: datetime) -> AutoExecStateV1:
    """
    The publication state of an intent's approval, its last one where it had several.

    Raises `NotFound` for an intent that is not there, for one that was never approved, and once the state's time is
    over: beside an approval that means done.
    """
    seen = context.store.read(intent_keys(tenant_id, action_intent_id))
    case, history = found_in(seen, tenant_id, action_intent_id)
    state = _state(case, history, now)
    if state is None:
        raise NotFound("publication state of intent", action_intent_id, tenant_id)
    return state


def _state(case: Case, history: IntentHistory, now: datetime) -> AutoExecStateV1 | None:
    publication = case.publication
    approval = history.approval(publication.approval_id) if publication else None
    if publication is None or approval is None:
        return None
    return approvals.auto_exec_state(approval, publication, now)
