"""
The kinds of record a store keeps, and how each is found. A store learns from here what to keep,
and nothing of what it means.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from remit.core.canonical import sha256_hex
from remit.core.execution.breaker import ToolBreaker
from remit.core.execution.result import StoredResult
from remit.core.execution.sample import Sample, SampleTally
from remit.core.gate.action_type import ActionType
from remit.core.gate.autonomy import Stops
from remit.core.gate.bounds import BoundsInForce
from remit.core.gate.budget import Usage
from remit.core.gate.policy import PolicySource
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
from remit.core.notifications.subscription import CARD, ENDED, NoticeKind, Subscription
from remit.core.private_values import PrivateValues
from remit.core.values import Document, Record, Stored, UtcTime

R = TypeVar("R", bound=Stored | IntentHistory)


class InternalObject(Record, frozen=True):
    """A note or a task that the `internal` connector made, under its idempotency key."""

    object_id: str
    object_type: str
    account_id: str
    fields: dict[str, str]
    created_at: UtcTime


class PolicyVersion(Document):
    """The policies that a version names: kept for good, so that any decision can be explained."""

    version: str
    platform: str
    sources: list[PolicySource]


# One object a kind: compared and hashed as itself, which every look-up does.
class Kind(Struct, Generic[R], frozen=True, eq=False):
    """
    One kind of record. `contended` records are locked, or checked for change, from read to write;
    the others are written once, or only under a contended one. Of `timed` ones each says in its `due_at` when it has to
    be looked at, and is found by that over all tenants.
    """

    name: str
    model: type[R]
    contended: bool = False
    timed: bool = False


class Key(msgspec.Struct, Generic[R], frozen=True, gc=False):
    """The place of one record: its kind, its tenant first, its id."""

    kind: Kind[R]
    tenant_id: str
    id: str


KINDS: dict[str, Kind[Any]] = {}
"""Every kind by name, in the order in which a store locks them."""


def _kind(name: str, model: type[R], *, contended: bool = False, timed: bool = False) -> Kind[R]:
    kind = Kind(name, model, contended, timed)
    KINDS[name] = kind
    return kind


# Always locked in this order, so that no two writers wait for each other.
CHAIN_HEAD = _kind("chain_heads", ChainHead, contended=True)
CASE = _kind("cases", Case, contended=True)
USAGE = _kind("usages", Usage, contended=True)
TOOL_BREAKER = _kind("tool_breakers", ToolBreaker, contended=True, timed=True)
BOUNDS = _kind("bounds", BoundsInForce)
STOPS = _kind("stops", Stops)
ACTION_TYPE = _kind("action_types", ActionType)
POLICY_VERSION = _kind("policy_versions", PolicyVersion)
INTERNAL_OBJECT = _kind("internal_objects", InternalObject, contended=True)
API_KEY = _kind("api_keys", ApiKey, contended=True)
SESSION = _kind("sessions", Session)
# Read and written by whoever opens it: one of two gets in.
SIGN_IN_LINK = _kind("sign_in_links", SignInLink, contended=True)
CONSUMER = _kind("consumers", LedgerConsumer, contended=True)
DAILY_COUNTS = _kind("daily_counts", DailyCounts)
# Written with its consumer, and read with it.
STATUS_COUNTS = _kind("status_counts", StatusCounts)
NOTIFICATION_STATE = _kind("notification_states", NotificationState, timed=True)
SUBSCRIPTION = _kind("subscriptions", Subscription, contended=True)
BROWSER = _kind("browsers", Browser, contended=True)
OUTBOX = _kind("outboxes", Outbox, contended=True, timed=True)
DELIVERY = _kind("deliveries", Delivery)
# Written and erased under its intent's case.
RESULT = _kind("results", StoredResult, timed=True)
# Likewise.
PRIVATE_VALUES = _kind("private_values", PrivateValues)
# Likewise.
SAMPLE = _kind("samples", Sample, timed=True)
SAMPLE_TALLY = _kind("sample_tallies", SampleTally, contended=True)

TIMED = tuple(kind.name for kind in KINDS.values() if kind.timed)

CHAIN: Kind[IntentHistory] = Kind("chains", IntentHistory)
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
    assert isinstance(record, NotificationState | Outbox | ToolBreaker | StoredResult | Sample)
    return record.due_at if isinstance(record, NotificationState | Outbox | ToolBreaker) else over_at(record)


def over_at(record: Stored) -> datetime | None:
    """From when on a record says nothing to anybody, so that a store may drop it by itself; `None` for never."""
    if isinstance(record, StoredResult):
        return record.erase_at
    if isinstance(record, Sample):
        return record.shown_until
    return record.expires_at if isinstance(record, Session | SignInLink) else None


def is_over(record: Stored, now: datetime) -> bool:
    """Does a record say nothing to anybody any more?"""
    until = over_at(record)
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
