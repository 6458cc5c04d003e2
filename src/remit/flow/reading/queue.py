"""The review queue: what waits for a person, why, what is left of its budget, and when it expires."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, get_args

from remit.core.errors import InvalidInput
from remit.core.gate.fact import NO_FACTS, Facts
from remit.core.intent import ActionIntentV1
from remit.core.lifecycle import Case
from remit.core.records import Key, chain_key
from remit.flow.breakers import paused_tools
from remit.flow.context import Context, bounds_key, bounds_of, stops_keys
from remit.flow.obstacles import tool_keys
from remit.flow.pages import LARGEST_PAGE, page_size
from remit.flow.private_values import opened_now
from remit.flow.reading.deputies import assigned
from remit.flow.reading.intent_parts import line_of, proposed_in, questions_of, standing_of, unreadable, votes_of
from remit.flow.reading.usage import account_usage
from remit.flow.reading.waiting import WaitingFilter, soonest, waiting

if TYPE_CHECKING:
    from remit.core.views import QueuedAnswer
    from remit.flow.reading.intent_parts import Standing

QueueOrder = Literal["turns", "expiry", "amount"]
MOST_SORTED = 500
"""Of so many, the soonest to expire, the largest amounts are sought."""


def queue(
    context: Context,
    tenant_id: str,
    which: WaitingFilter,
    after: str | None,
    limit: int,
    now: datetime,
    order: QueueOrder = "turns",
) -> tuple[list[QueuedAnswer], str | None]:
    """
    The review queue: why, what is left of the budget, when it expires. Only in turns there are further pages.

    Raises `InvalidInput`, also for a cursor in another order: each would answer its first page again and again.
    """
    if order == "turns":
        cases, following = waiting(context, tenant_id, which, after, page_size(limit))
        return _items(context, tenant_id, cases, now), following
    if order not in get_args(QueueOrder):
        raise InvalidInput("order", f"is {order!r}", f"ask for {', '.join(get_args(QueueOrder))}")
    if after is not None:
        raise InvalidInput(
            "after",
            f"goes on in turns, and there is one page by {order}",
            f"leave it out, or ask for up to {LARGEST_PAGE} at once, or in turns",
        )
    found = soonest(context, tenant_id, which, MOST_SORTED if order == "amount" else page_size(limit))
    items = _items(context, tenant_id, found, now)
    return (sorted(items, key=_by_amount)[: page_size(limit)] if order == "amount" else items), None


def _by_amount(item: QueuedAnswer) -> Decimal:
    """The largest first, whatever it is of; without one last."""
    known = [Decimal(amount["value"]) for amount in item["amounts"].values() if amount["value"] is not None]
    return -max(known, default=Decimal(-1))


def _items(context: Context, tenant_id: str, cases: Sequence[Case], now: datetime) -> list[QueuedAnswer]:
    keys: list[Key[Any]] = [bounds_key(tenant_id)]
    keys += [chain_key(tenant_id, case.action_intent_id) for case in cases]
    seen = context.store.read(keys)
    bounds = bounds_of(seen, tenant_id)
    histories = [seen.get(chain_key(tenant_id, case.action_intent_id)) for case in cases]
    intents = {it.action_intent_id: it for it in opened_now(context.store, histories) if it is not None}
    left = {name: account_usage(context, bounds, name, now) for name in {case.account_id for case in cases}}
    facts = {
        case.action_intent_id: history.facts if history else NO_FACTS
        for case, history in zip(cases, histories, strict=True)
    }
    standing = _standing(context, tenant_id, list(intents.values()), facts, now)
    paused, assigned_to = paused_tools(context, tenant_id, cases), assigned(context, tenant_id, histories, now)
    return [
        {
            **line_of(case),
            **votes_of(case, history, bounds),
            "questions": questions_of(history),
            "explanation": history.decision.explanation if history and history.decision else None,
            **proposed_in(intents.get(case.action_intent_id)),
            "edited_by": case.edited_by,
            **(standing.get(case.action_intent_id) or unreadable(case)),
            **whose,
            "budget": left[case.account_id],
            "paused_tool": paused.get(case.action_type),
        }
        for case, history, whose in zip(cases, histories, assigned_to, strict=True)
    ]


def _standing(
    context: Context,
    tenant_id: str,
    intents: Sequence[ActionIntentV1],
    facts: Mapping[str, Facts],
    now: datetime,
) -> dict[str, Standing]:
    """Everything that is shown of each, its obstacle, its amounts and its facts, by its id."""
    tools = dict.fromkeys(key for intent in intents for key in tool_keys(intent))
    shown = context.store.read([bounds_key(tenant_id), *stops_keys(tenant_id), *tools])
    return {
        intent.action_intent_id: standing_of(context, shown, intent, facts[intent.action_intent_id], now)
        for intent in intents
    }
