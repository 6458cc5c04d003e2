"""Automatic actions that people are shown afterwards and nobody has judged yet."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING

from remit.core.execution.sample import Sample
from remit.core.ledger.history import IntentHistory
from remit.core.lifecycle import Case
from remit.core.mirrors import view_of
from remit.core.records import SAMPLE, case_key, chain_key
from remit.core.values import instant
from remit.flow.context import Context
from remit.flow.pages import page_size
from remit.flow.private_values import opened_now
from remit.flow.reading.described import described

if TYPE_CHECKING:
    from remit.core.views import RefAnswer, SampledAnswer

MOST_COUNTED = 100


def sampled(
    context: Context, tenant_id: str, account_id: str | None, after: str | None, limit: int, now: datetime
) -> tuple[list[SampledAnswer], str | None]:
    """By the intents' ids, and the cursor of the next page, which is the last one's id."""
    rows = (
        row
        for name, row in context.store.records(SAMPLE, tenant_id)
        if (after is None or name > after) and account_id in (None, row.account_id) and row.is_listed(now)
    )
    found = list(islice(rows, page_size(limit) + 1))
    page = found[:limit]
    return _described(context, tenant_id, page), page[-1].action_intent_id if len(found) > limit else None


def sampled_count(context: Context, tenant_id: str, now: datetime) -> int:
    """The number of those, as far as `MOST_COUNTED`."""
    rows = (row for _, row in context.store.records(SAMPLE, tenant_id) if row.is_listed(now))
    return sum(1 for _ in islice(rows, MOST_COUNTED))


def _described(context: Context, tenant_id: str, rows: Sequence[Sample]) -> list[SampledAnswer]:
    """Each with what it was and what came of it; one that was judged meanwhile is left out."""
    places = [(case_key(tenant_id, row.action_intent_id), chain_key(tenant_id, row.action_intent_id)) for row in rows]
    seen = context.store.read([key for place in places for key in place])
    known: list[tuple[Sample, Case, IntentHistory]] = []
    for row, (case_at, chain_at) in zip(rows, places, strict=True):
        case, history = seen.get(case_at), seen.get(chain_at)
        if case is not None and history is not None and history.sample_answer is None:
            known.append((row, case, history))
    intents = opened_now(context.store, [history for _, _, history in known])
    shown_as = [view_of(intent) for intent in intents]
    told = described(context, tenant_id, [case for _, case, _ in known])
    return [
        {
            "action_intent_id": row.action_intent_id,
            "account_id": row.account_id,
            "action_type": row.action_type,
            "ended_at": instant(row.ended_at),
            "shown_until": instant(row.shown_until),
            "status": case.status,
            "digest": case.digest,
            **words,
            # Whoever judges what ran is shown it, as on the card of what waits.
            "target": shown["target"] if shown else None,
            "parameters": shown["parameters"] if shown else None,
            "external_object_refs": _refs(history),
        }
        for (row, case, history), shown, words in zip(known, shown_as, told, strict=True)
    ]


def _refs(history: IntentHistory) -> list[RefAnswer]:
    return [view_of(ref) for ref in history.outcome.external_object_refs] if history.outcome else []
