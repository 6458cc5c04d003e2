"""
The kinds of record a store keeps, and how each is found. A store learns from here what to keep,
and nothing of what it means.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import msgspec

from remit.core.canonical import sha256_hex
from remit.core.notifications.notice_kind import CARD, ENDED, NoticeKind
from remit.core.values import Record, UtcTime

if TYPE_CHECKING:
    from remit.core.execution.breaker import ToolBreaker
    from remit.core.execution.result import StoredResult
    from remit.core.execution.sample import Sample, SampleTally
    from remit.core.gate.action_type import ActionType
    from remit.core.gate.autonomy import Stops
    from remit.core.gate.bounds import BoundsInForce
    from remit.core.gate.budget import Usage
    from remit.core.gate.policy import PolicyVersion
    from remit.core.identity.api_key import ApiKey
    from remit.core.identity.session import Session, SignInLink
    from remit.core.ledger.entries import ChainHead
    from remit.core.ledger.history import IntentHistory
    from remit.core.ledger.position import LedgerConsumer
    from remit.core.lifecycle import Case
    from remit.core.notifications.browser import Browser
    from remit.core.notifications.daily_counts import DailyCounts
    from remit.core.notifications.notice import NotificationState
    from remit.core.notifications.outbox import Delivery, Outbox
    from remit.core.notifications.status_counts import StatusCounts
    from remit.core.notifications.subscription import Subscription
    from remit.core.private_values import PrivateValues
    from remit.core.values import Stored

R = TypeVar("R", bound="Stored | IntentHistory")


class InternalObject(Record, frozen=True):
    """A note or a task that the `internal` connector made, under its idempotency key."""

    object_id: str
    object_type: str
    account_id: str
    fields: dict[str, str]
    created_at: UtcTime


# One object a kind: compared and hashed as itself, which every look-up does.
@dataclass(frozen=True, eq=False)
class Kind(Generic[R]):
    """
    One kind of record. `contended` records are locked, or checked for change, from read to write;
    the others are written once, or only under a contended one. Of `timed` ones each says in its `due_at` when it has to
    be looked at, and is found by that over all tenants.
    """

    name: str
    home: str
    contended: bool = False
    timed: bool = False

    @cached_property
    def model(self) -> type[R]:
        """The type of its records, loaded when the first one is read: most processes read few kinds."""
        module, _, name = self.home.partition(":")
        return cast(type[R], getattr(import_module(f"remit.core.{module}"), name))


class Key(msgspec.Struct, Generic[R], frozen=True, gc=False):
    """The place of one record: its kind, its tenant first, its id."""

    kind: Kind[R]
    tenant_id: str
    id: str


KINDS: dict[str, Kind[Any]] = {}
"""Every kind by name, in the order in which a store locks them."""


def _kind(name: str, home: str, *, contended: bool = False, timed: bool = False) -> Kind[Any]:
    """`home` is the module in `core` that has the type of its records, and the type's name there."""
    KINDS[name] = Kind(name, home, contended, timed)
    return KINDS[name]


# Always locked in this order, so that no two writers wait for each other.
CHAIN_HEAD: Kind[ChainHead] = _kind("chain_heads", "ledger.entries:ChainHead", contended=True)
CASE: Kind[Case] = _kind("cases", "lifecycle:Case", contended=True)
USAGE: Kind[Usage] = _kind("usages", "gate.budget:Usage", contended=True)
TOOL_BREAKER: Kind[ToolBreaker] = _kind("tool_breakers", "execution.breaker:ToolBreaker", contended=True, timed=True)
BOUNDS: Kind[BoundsInForce] = _kind("bounds", "gate.bounds:BoundsInForce")
STOPS: Kind[Stops] = _kind("stops", "gate.autonomy:Stops")
ACTION_TYPE: Kind[ActionType] = _kind("action_types", "gate.action_type:ActionType")
POLICY_VERSION: Kind[PolicyVersion] = _kind("policy_versions", "gate.policy:PolicyVersion")
INTERNAL_OBJECT: Kind[InternalObject] = _kind("internal_objects", "records:InternalObject", contended=True)
API_KEY: Kind[ApiKey] = _kind("api_keys", "identity.api_key:ApiKey", contended=True)
SESSION: Kind[Session] = _kind("sessions", "identity.session:Session")
# Read and written by whoever opens it: one of two gets in.
SIGN_IN_LINK: Kind[SignInLink] = _kind("sign_in_links", "identity.session:SignInLink", contended=True)
CONSUMER: Kind[LedgerConsumer] = _kind("consumers", "ledger.position:LedgerConsumer", contended=True)
DAILY_COUNTS: Kind[DailyCounts] = _kind("daily_counts", "notifications.daily_counts:DailyCounts")
# Written with its consumer, and read with it.
STATUS_COUNTS: Kind[StatusCounts] = _kind("status_counts", "notifications.status_counts:StatusCounts")
NOTIFICATION_STATE: Kind[NotificationState] = _kind(
    "notification_states", "notifications.notice:NotificationState", timed=True
)
SUBSCRIPTION: Kind[Subscription] = _kind("subscriptions", "notifications.subscription:Subscription", contended=True)
BROWSER: Kind[Browser] = _kind("browsers", "notifications.browser:Browser", contended=True)
OUTBOX: Kind[Outbox] = _kind("outboxes", "notifications.outbox:Outbox", contended=True, timed=True)
DELIVERY: Kind[Delivery] = _kind("deliveries", "notifications.outbox:Delivery")
# Written and erased under its intent's case.
RESULT: Kind[StoredResult] = _kind("results", "execution.result:StoredResult", timed=True)
# Likewise.
PRIVATE_VALUES: Kind[PrivateValues] = _kind("private_values", "private_values:PrivateValues")
# Likewise.
SAMPLE: Kind[Sample] = _kind("samples", "execution.sample:Sample", timed=True)
SAMPLE_TALLY: Kind[SampleTally] = _kind("sample_tallies", "execution.sample:SampleTally", contended=True)

TIMED = tuple(kind.name for kind in KINDS.values() if kind.timed)

CHAIN: Kind[IntentHistory] = Kind("chains", "ledger.history:IntentHistory")
"""One intent's chain, read as records. It is never put: it grows by a write's entries."""

THE_ONE = "-"
"""The id of a record of which a tenant has just one: its bounds, its stops, its chain head."""


def case_key(tenant_id: str, action_intent_id: str) -> Key[Case]:
    return Key(CASE, tenant_id, action_intent_id)


def chain_key(tenant_id: str, action_intent_id: str) -> Key[IntentHistory]:
    return Key(CHAIN, tenant_id, action_intent_id)


# Of each tenant alone, asked for by every decision.
@lru_cache(maxsize=4096)
def stops_key(owner: str) -> Key[Stops]:
    """Of the stop switches of a tenant, or of the platform."""
    return Key(STOPS, owner, THE_ONE)


def breaker_key(tenant_id: str, action_type: str) -> Key[ToolBreaker]:
    """Of a tool: an action type of a tenant."""
    return Key(TOOL_BREAKER, tenant_id, action_type)


def private_key(tenant_id: str, action_intent_id: str) -> Key[PrivateValues]:
    return Key(PRIVATE_VALUES, tenant_id, action_intent_id)


def due_at(record: Stored) -> datetime | None:
    """The time when a record of a `timed` kind has to be looked at; `None` for never."""
    return cast("NotificationState | Outbox | ToolBreaker | StoredResult | Sample", record).due_at


def is_over(record: Stored, now: datetime) -> bool:
    """Does a record say nothing to anybody any more?"""
    until = record.over_at
    return until is not None and until <= now


def result_key(tenant_id: str, action_intent_id: str) -> Key[StoredResult]:
    return Key(RESULT, tenant_id, action_intent_id)


def sample_key(tenant_id: str, action_intent_id: str) -> Key[Sample]:
    return Key(SAMPLE, tenant_id, action_intent_id)


def tally_key(tenant_id: str, name: str) -> Key[SampleTally]:
    """Of the answers about an action type, or about a limit (`tally_id`)."""
    return Key(SAMPLE_TALLY, tenant_id, name)


def type_id(name: str, version: int) -> str:
    """The id of one version of an action type."""
    return f"{name}@{version}"


def start_key(tenant_id: str, subscription_id: str) -> Key[LedgerConsumer]:
    """From where on in the ledger a subscription is told."""
    return Key(CONSUMER, tenant_id, f"from|{subscription_id}")


def outbox_key(tenant_id: str, subscription_id: str, notice: NoticeKind) -> Key[Outbox]:
    return Key(OUTBOX, tenant_id, f"{subscription_id}|{notice}")


def callback_key(tenant_id: str, subscription_id: str, url: str) -> Key[Outbox]:
    """Of what is on its way to one URL of agents."""
    return Key(OUTBOX, tenant_id, f"{callbacks_of(subscription_id)}{sha256_hex(url.encode())[:32]}")


def callbacks_of(subscription_id: str) -> str:
    """The beginning of the ids of all of them."""
    return f"{subscription_id}|{ENDED}|"


def card_key(tenant_id: str, subscription_id: str, action_intent_id: str) -> Key[Outbox]:
    """Of a card, and what is on its way to it."""
    return Key(OUTBOX, tenant_id, f"{subscription_id}|{CARD}|{action_intent_id}")


def delivery_key(tenant_id: str, delivery: Delivery) -> Key[Delivery]:
    """Of a finished one; by subscription, then in the order in which they were made."""
    return Key(DELIVERY, tenant_id, f"{delivery.subscription_id}|{delivery.delivery_id}")
