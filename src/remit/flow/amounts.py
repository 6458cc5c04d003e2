"""The amounts of stored intents: each by the version of its action type that it pinned."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from remit.core.gate.action_type import ActionType
from remit.core.gate.amount import Amount, AmountUnknown, amount_of
from remit.core.intent import ActionIntentV1
from remit.core.records import Key
from remit.flow.context import pinned_type_key
from remit.ports import Snapshot


def pinned_keys(intents: Iterable[ActionIntentV1]) -> list[Key[Any]]:
    """The keys that a snapshot has to be asked for; of what was never registered there is none."""
    return list({pinned_type_key(intent): None for intent in intents if intent.registry_version is not None})


def pinned_type(seen: Snapshot, intent: ActionIntentV1) -> ActionType | None:
    """The version of its type that it was proposed under."""
    return seen.get(pinned_type_key(intent)) if intent.registry_version is not None else None


def amounts_in(seen: Snapshot, intent: ActionIntentV1) -> dict[str, Amount | AmountUnknown]:
    """By name; none of an intent whose type declares none."""
    pinned = pinned_type(seen, intent)
    declared = pinned.spec.amounts if pinned else {}
    return {name: amount_of(spec, intent.parameters) for name, spec in declared.items()}
