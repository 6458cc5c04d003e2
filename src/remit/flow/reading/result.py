"""A tool's answer, read again: the same bytes every time, or why there are none."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from remit.core.errors import NotFound
from remit.core.execution.result import ReadResult, StoredResult, readable
from remit.core.gate.result_settings import BY_DEFAULT, ResultSettings
from remit.core.ledger.history import IntentHistory
from remit.core.records import chain_key, result_key
from remit.flow.context import Context, one, pinned_type_key

if TYPE_CHECKING:
    from remit.core.views import ResultAnswer


def result(context: Context, tenant_id: str, action_intent_id: str, now: datetime) -> ResultAnswer:
    """
    The tool's answer, checked against the hash that the ledger tells.

    Raises `NotFound` for an intent that is not there, and for one of which no answer is told.
    """
    chain_at, result_at = chain_key(tenant_id, action_intent_id), result_key(tenant_id, action_intent_id)
    seen = context.store.read([chain_at, result_at])
    history = seen.get(chain_at)
    if history is None:
        raise NotFound("intent", action_intent_id, tenant_id)
    found = read_result(history, seen.get(result_at), now)
    if found is None:
        raise NotFound.of_result(action_intent_id, tenant_id)
    return found.wire(action_intent_id)


def read_result(history: IntentHistory, stored: StoredResult | None, now: datetime) -> ReadResult | None:
    """The readable part of a result; `None` where none is told."""
    known = history.result
    return None if known is None else readable(known, stored, now, erased=history.result_erased)


def result_settings(context: Context, tenant_id: str, action_intent_id: str) -> ResultSettings:
    """The settings of an intent's results, by the version of its action type that it pins. Raises `NotFound`."""
    history = one(context, chain_key(tenant_id, action_intent_id))
    if history is None or history.intent is None:
        raise NotFound("intent", action_intent_id, tenant_id)
    pinned = one(context, pinned_type_key(history.intent))
    return pinned.spec.results if pinned else BY_DEFAULT
