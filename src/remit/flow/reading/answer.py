"""The answer to a proposal: read along what took its place, to the newest."""

from __future__ import annotations

from datetime import datetime

from remit.core.execution.answer import ProposalAnswer
from remit.core.execution.approval import held_until
from remit.core.execution.publication import not_taken_since
from remit.core.execution.result import ReadResult
from remit.core.gate.result_settings import BY_DEFAULT
from remit.core.identity.principal import Principal
from remit.core.ledger.history import IntentHistory
from remit.core.lifecycle import Case
from remit.core.records import result_key
from remit.flow.context import Context, found_in, intent_keys, one, pinned_type_key
from remit.flow.reading.result import read_result

MOST_FOLLOWED = 100
"""How many that took each other's place are followed."""


def answer(
    context: Context, tenant_id: str, action_intent_id: str, now: datetime, reader: Principal | None = None
) -> ProposalAnswer:
    """
    The answer to an intent, or to the newest that took its place, as far as `reader` may see it; a program sees all.

    Raises `NotFound`, and `Forbidden` for whose it is not.
    """
    name, edited_by = action_intent_id, None
    for _ in range(MOST_FOLLOWED):
        case, history, result = _read(context, tenant_id, name, now)
        if reader is not None:
            reader.require_sight_of(case.proposed_by, case.account_id)
        edited_by = case.edited_by or edited_by
        if case.superseded_by is None:
            break
        name = case.superseded_by
    readable, since = _for(context, reader, case, history, result), not_taken_since(case, now)
    held = held_until(case.publication, now)
    return ProposalAnswer(action_intent_id, case, history, edited_by, readable, since, held)


def _read(context: Context, tenant_id: str, name: str, now: datetime) -> tuple[Case, IntentHistory, ReadResult | None]:
    result_at = result_key(tenant_id, name)
    seen = context.store.read([*intent_keys(tenant_id, name), result_at])
    case, history = found_in(seen, tenant_id, name)
    return case, history, read_result(history, seen.get(result_at), now)


def _for(
    context: Context, reader: Principal | None, case: Case, history: IntentHistory, result: ReadResult | None
) -> ReadResult | None:
    """The result, if the reader may have its content."""
    if result is None or reader is None or reader.may_read_result_of(case.proposed_by, people=False):
        return result
    assert history.intent is not None
    pinned = one(context, pinned_type_key(history.intent))
    people = (pinned.spec.results if pinned else BY_DEFAULT).people
    return result if reader.may_read_result_of(case.proposed_by, people=people) else None
