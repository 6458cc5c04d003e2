"""Lines of intents as people read them: what each is about, what it comes to, and what went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from remit.core.gate.bounds import BoundsInForce
from remit.core.headline import headline
from remit.core.intent import ActionIntentV1
from remit.core.ledger.history import IntentHistory
from remit.core.lifecycle import Case
from remit.core.mirrors import view_of
from remit.core.records import chain_key
from remit.flow.amounts import amounts_in, pinned_keys
from remit.flow.context import Context, bounds_key, bounds_of
from remit.flow.private_values import opened_now
from remit.ports import Snapshot

if TYPE_CHECKING:
    from typing_extensions import TypedDict

    from remit.core.views import AmountAnswer, TargetAnswer

    class Described(TypedDict, closed=True):
        """The part of a line of a list that is there where it was asked for."""

        title: str | None
        target: TargetAnswer | None
        proposed_by: str | None
        amounts: dict[str, AmountAnswer]
        cause: str | None


_NOTHING: Described = {"title": None, "target": None, "proposed_by": None, "amounts": {}, "cause": None}


def described(context: Context, tenant_id: str, cases: Sequence[Case]) -> list[Described]:
    """
    Of each case its headline, target, proposer, amounts, and why it failed or was refused (`cause`), in their order.

    No private value is said: that is for whoever opens the one intent.

    Chains, private values and pinned types are read together, whatever the length of the page.
    """
    keys = [chain_key(tenant_id, case.action_intent_id) for case in cases]
    seen = context.store.read([bounds_key(tenant_id), *keys])
    bounds, histories = bounds_of(seen, tenant_id), [seen.get(key) for key in keys]
    intents = opened_now(context.store, histories)
    pinned = context.store.read(pinned_keys(intent for intent in intents if intent is not None))
    return [_one(bounds, pinned, *each) for each in zip(histories, intents, strict=True)]


def _one(
    bounds: BoundsInForce, pinned: Snapshot, history: IntentHistory | None, intent: ActionIntentV1 | None
) -> Described:
    if history is None or intent is None:
        return _NOTHING
    amounts = {name: view_of(amount) for name, amount in amounts_in(pinned, intent).items()}
    spec, said = bounds.action_type(intent.action_type), view_of(intent.as_committed)
    return {
        "title": headline(spec.title if spec else None, said, amounts),
        "target": said["target"],
        "proposed_by": intent.proposed_by,
        "amounts": amounts,
        "cause": _cause(history),
    }


def _cause(history: IntentHistory) -> str | None:
    if history.outcome is not None:
        return history.outcome.error_message or history.outcome.error_code
    refusal = history.rejection or history.withdrawal
    return refusal.get("reason") if refusal else None
