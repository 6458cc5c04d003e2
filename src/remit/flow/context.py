"""Context of every step, and the records that steps share."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar

from remit.core.errors import NotFound
from remit.core.execution.approval import DEFAULT_SOURCE, STATE_TTL_DAYS, Approval
from remit.core.execution.breaker import DEFAULT_RULES, BreakerRules
from remit.core.gate.action_type import CALLER, ActionType
from remit.core.gate.autonomy import Stops
from remit.core.gate.bounds import BoundsInForce, nothing_set
from remit.core.gate.budget import Usage, split_window_id
from remit.core.intent import ActionIntentV1
from remit.core.ledger.entries import ChainHead
from remit.core.ledger.history import IntentHistory
from remit.core.lifecycle import Case
from remit.core.records import (
    ACTION_TYPE,
    BOUNDS,
    CHAIN_HEAD,
    THE_ONE,
    USAGE,
    Key,
    case_key,
    chain_key,
    stops_key,
    type_id,
)
from remit.core.values import PLATFORM, Stored
from remit.flow.private_values import new_seed
from remit.ports import (
    Connector,
    FactSource,
    Notifier,
    PolicySandbox,
    Runnable,
    Snapshot,
    Store,
    runs_named_types,
)

MOST_WAITING = 1000
NO_CONNECTOR = ""
"""Of what has no tool: every worker can end that."""
T = TypeVar("T")
S = TypeVar("S")
R = TypeVar("R", bound=Stored | IntentHistory)


@dataclass(frozen=True, slots=True)
class Context:
    """The store, where ids come from (UUIDv7), and the few settings that steps need."""

    store: Store
    new_id: Callable[[], str]
    connectors: Mapping[str, Connector]
    event_source: str = DEFAULT_SOURCE
    state_ttl_days: int = STATE_TTL_DAYS[1]
    notifiers: Mapping[str, Notifier] = field(default_factory=dict)
    console_url: str | None = None
    publishes: bool = False
    """Does a decision publish in its own write? Then this store is the queue that workers take executions from."""
    policy_sandbox: PolicySandbox | None = None
    fact_source: FactSource | None = None
    """Where facts are looked up; without, none can be had."""
    new_seed: Callable[[], bytes] = new_seed
    """32 random bytes, of which the salts of one intent's private values are made."""
    most_waiting: int | None = MOST_WAITING
    """How many intents of one proposer may wait for people; `None` for no limit."""
    breaker: BreakerRules | None = DEFAULT_RULES
    """When a tool that keeps failing is paused; `None` for never."""

    @property
    def runnable(self) -> Runnable:
        """The tools that a worker with these connectors can run. What callers execute is no worker's."""
        known = {name: _types_of(connector) for name, connector in self.connectors.items() if name != CALLER}
        return Runnable({**known, NO_CONNECTOR: None})

    def runs(self, case: Case) -> bool:
        """Can a worker with these connectors run it?"""
        known = self.connectors.get(case.connector)
        own = Runnable({NO_CONNECTOR: None} if known is None else {case.connector: _types_of(known)})
        return not case.by_caller and own.runs(case.connector, case.action_type)


def _types_of(connector: Connector) -> Collection[str] | None:
    """The action types that it runs; `None` for every one."""
    return connector.action_types if runs_named_types(connector) else None


def one(context: Context, key: Key[R]) -> R | None:
    """One record as last committed."""
    return context.store.read([key]).get(key)


# Of each tenant alone, asked for by every decision.
@lru_cache(maxsize=4096)
def bounds_key(tenant_id: str) -> Key[BoundsInForce]:
    return Key(BOUNDS, tenant_id, THE_ONE)


def bounds_of(snapshot: Snapshot, tenant_id: str) -> BoundsInForce:
    """A tenant's bounds in a snapshot that was asked for `bounds_key`; where nobody set any: nothing is allowed."""
    return snapshot.get(bounds_key(tenant_id)) or nothing_set(tenant_id)


def bounds_now(context: Context, tenant_id: str) -> BoundsInForce:
    """A tenant's bounds as last committed."""
    return bounds_of(context.store.read([bounds_key(tenant_id)]), tenant_id)


def chain_head_key(tenant_id: str) -> Key[ChainHead]:
    return Key(CHAIN_HEAD, tenant_id, THE_ONE)


@lru_cache(maxsize=4096)
def stops_keys(tenant_id: str) -> Sequence[Key[Stops]]:
    """The stop switches that are over a tenant: its own, and the platform's."""
    return stops_key(tenant_id), stops_key(PLATFORM)


def stops_over(snapshot: Snapshot, tenant_id: str) -> list[Stops]:
    """Those in a snapshot that was asked for `stops_keys`; switches that nobody ever pulled are left out."""
    return [stops for stops in map(snapshot.get, stops_keys(tenant_id)) if stops is not None]


def intent_keys(tenant_id: str, action_intent_id: str) -> list[Key[Any]]:
    """An intent's case and its chain."""
    return [case_key(tenant_id, action_intent_id), chain_key(tenant_id, action_intent_id)]


def found_in(snapshot: Snapshot, tenant_id: str, action_intent_id: str) -> tuple[Case, IntentHistory]:
    """Both, in a snapshot that was asked for `intent_keys`. Raises `NotFound`."""
    case = snapshot.get(case_key(tenant_id, action_intent_id))
    history = snapshot.get(chain_key(tenant_id, action_intent_id))
    if case is None or history is None:
        raise NotFound("intent", action_intent_id, tenant_id)
    return case, history


def pinned_type_key(intent: ActionIntentV1) -> Key[ActionType]:
    """The version of its action type that an intent was proposed under."""
    return Key(ACTION_TYPE, intent.tenant_id, type_id(intent.action_type, intent.registry_version or 0))


def usage_keys(approval: Approval | None) -> list[Key[Usage]]:
    """The usage records that an approval's charges were taken from."""
    if approval is None:
        return []
    ids = {split_window_id(taken.window_id)[0] for taken in approval.charges}
    return [Key(USAGE, approval.tenant_id, usage_id) for usage_id in sorted(ids)]


def charged_usages(snapshot: Snapshot, approval: Approval) -> dict[str, Usage]:
    """Those records. A charge without its counter cannot be: they were written together."""
    found = {key.id: snapshot.get(key) for key in usage_keys(approval)}
    return {usage_id: usage for usage_id, usage in found.items() if usage is not None}


def current_approval(snapshot: Snapshot, tenant_id: str, action_intent_id: str) -> Approval | None:
    """The approval that an intent's case names, in a snapshot that was asked for its case and its chain."""
    case = snapshot.get(case_key(tenant_id, action_intent_id))
    history = snapshot.get(chain_key(tenant_id, action_intent_id))
    if case is None or history is None or case.approval_id is None:
        return None
    return history.approval(case.approval_id)
