"""The private values of intents, read beside their chains by whatever uses or shows them."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

from remit.core.execution.request import bounded
from remit.core.intent import ActionIntentV1
from remit.core.ledger.history import IntentHistory
from remit.core.opened_intent import OpenedIntent, open_intent
from remit.core.private_values import PrivateValues
from remit.core.records import Key, private_key
from remit.ports import Connector, Snapshot, Store


def new_seed() -> bytes:
    return secrets.token_bytes(32)


def private_keys(history: IntentHistory | None) -> list[Key[PrivateValues]]:
    """The key of an intent's private values; of an intent without any, none, so that it costs nothing."""
    intent = history.intent if history is not None and history.has_private_values else None
    return [private_key(intent.tenant_id, intent.action_intent_id)] if intent is not None else []


def opened_in(snapshot: Snapshot, history: IntentHistory | None) -> ActionIntentV1 | None:
    """The intent with its private values in their places; `snapshot` was asked for what `private_keys` names."""
    intent = history.intent if history is not None else None
    keys = private_keys(history)
    return open_intent(intent, snapshot.get(keys[0])) if intent is not None and keys else intent


def opened_now(store: Store, histories: Sequence[IntentHistory | None]) -> list[ActionIntentV1 | None]:
    """Several intents opened, in their order, by what is kept for them now."""
    keys = [key for history in histories for key in private_keys(history)]
    if not keys:
        return [history.intent if history is not None else None for history in histories]
    snapshot = store.read(keys)
    return [opened_in(snapshot, history) for history in histories]


def mapped(connector: Connector, tool: dict[str, Any], intent: ActionIntentV1) -> dict[str, Any]:
    """
    The request that an intent means.

    Raises `InvalidInput` where it lacks what the mapping needs, an erased private value among that, and whatever the
    connector raises.
    """
    if isinstance(intent, OpenedIntent):
        intent.require_whole()
    return bounded(connector.map(tool, intent))
