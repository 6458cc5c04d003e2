"""
What the flow needs from outside, as small protocols: a store, a publisher, connectors, a clock.

A store knows how to be atomic and contains no rule. Its one write is `transact`: each `UnitOfWork` names
the records it needs, is shown them, and answers with what to write; the store makes that atomic and
may ask again after a conflict. Time and ids are always arguments, so a unit may be asked twice.
"""

from remit.ports.outside import (
    DELIVERED,
    REFUSED,
    UNCONFIRMED,
    Call,
    CheckedPublisher,
    Clock,
    Connector,
    ForeseesRefusal,
    Message,
    NotificationBatch,
    Notifier,
    OutgoingNotification,
    PolicySandbox,
    PreparingConnector,
    Receipt,
    SendingPublisher,
)
from remit.ports.store import (
    CaseFilter,
    ChangedTenants,
    Claim,
    Frozen,
    LedgerPage,
    MigrationSource,
    MigrationTarget,
    QueueLine,
    QueuePlace,
    ReadableStore,
    Store,
    case_cursor,
    entry_cursor,
    waiting_cursor,
)
from remit.ports.units import Snapshot, UnitOfWork, Writes, answer_of, attempt, in_order, needed

__all__ = [
    "DELIVERED",
    "REFUSED",
    "UNCONFIRMED",
    "Call",
    "CaseFilter",
    "ChangedTenants",
    "CheckedPublisher",
    "Claim",
    "Clock",
    "Connector",
    "ForeseesRefusal",
    "Frozen",
    "LedgerPage",
    "Message",
    "MigrationSource",
    "MigrationTarget",
    "NotificationBatch",
    "Notifier",
    "OutgoingNotification",
    "PolicySandbox",
    "PreparingConnector",
    "QueueLine",
    "QueuePlace",
    "ReadableStore",
    "Receipt",
    "SendingPublisher",
    "Snapshot",
    "Store",
    "UnitOfWork",
    "Writes",
    "answer_of",
    "attempt",
    "case_cursor",
    "entry_cursor",
    "in_order",
    "needed",
    "waiting_cursor",
]
