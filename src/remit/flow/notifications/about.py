"""The intents that notices are about, read for subscriptions that look at them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from remit.core.gate.amount import amount_of
from remit.core.intent import ActionIntentV1
from remit.core.notifications.about import AboutIntent
from remit.core.records import Key, case_key, chain_key
from remit.flow.context import Context, pinned_type_key
from remit.ports import Snapshot


def about_intents(context: Context, tenant_id: str, names: Iterable[str]) -> dict[str, AboutIntent]:
    """By id, as they stand in the ledger; what is not there is left out."""
    wanted = sorted(set(names))
    keys: list[Key[Any]] = [key for name in wanted for key in (case_key(tenant_id, name), chain_key(tenant_id, name))]
    seen = context.store.read(keys)
    intents = [each.intent for name in wanted if (each := seen.get(chain_key(tenant_id, name))) and each.intent]
    types = context.store.read(list(dict.fromkeys(pinned_type_key(intent) for intent in intents)))
    return {intent.action_intent_id: _about(seen, types, intent) for intent in intents}


def _about(seen: Snapshot, types: Snapshot, intent: ActionIntentV1) -> AboutIntent:
    case = seen.get(case_key(intent.tenant_id, intent.action_intent_id))
    pinned = types.get(pinned_type_key(intent))
    declared = pinned.spec.amounts if pinned else {}
    amounts = {name: amount_of(spec, intent.parameters) for name, spec in declared.items()}
    return AboutIntent(intent, case.reason if case else None, amounts)
