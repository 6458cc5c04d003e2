"""
Everything that the flow needs from outside, as small protocols: a store, a publisher, connectors, channels, a clock.

A store knows how to be atomic and contains no rule. Its one write is `transact`: each `UnitOfWork` names
the records it needs, is shown them, and answers with what to write; the store makes that atomic and
may ask again after a conflict. Time and ids are always arguments, so a unit may be asked twice.

`Store` is the sum of `RecordStore` (`records`), `WorkQueue` (`claiming`), `CaseLists` (`listing`) and `LedgerReader`
(`following`), in `store`; `units` are its writes, and `migrating` is what a copy into another database asks of both.
`publishing`, `calling` and `notifying` are the ways out, and `outside` is what is left: clock, facts, policy sandbox.
"""

from remit.ports.calling import (
    ActsInStore,
    Call,
    CallsTogether,
    Connector,
    ForeseesHost,
    ForeseesRefusal,
    PreparingConnector,
    RunsNamedTypes,
    TriedHost,
    TriesHost,
    WorkerFunction,
    acts_in_store,
    calls_together,
    runs_named_types,
)
from remit.ports.claiming import Claim, Runnable
from remit.ports.following import ChangedTenants, LedgerPage, ReaderPage, entry_cursor
from remit.ports.listing import CaseFilter, QueueLine, QueuePlace, case_cursor, cursor_of, waiting_cursor
from remit.ports.migrating import Frozen, MigrationSource, MigrationTarget, ReadableStore
from remit.ports.notifying import ChatApp, NotificationBatch, Notifier, OutgoingNotification, PushService
from remit.ports.outside import Clock, FactLookup, FactSource, PolicySandbox
from remit.ports.publishing import DELIVERED, REFUSED, UNCONFIRMED, CheckedPublisher, Message, Receipt, SendingPublisher
from remit.ports.store import Store
from remit.ports.units import Snapshot, UnitOfWork, Writes, answer_of, as_answer, attempt, in_order, needed

__all__ = [
    "DELIVERED",
    "REFUSED",
    "UNCONFIRMED",
    "ActsInStore",
    "Call",
    "CallsTogether",
    "CaseFilter",
    "ChangedTenants",
    "ChatApp",
    "CheckedPublisher",
    "Claim",
    "Clock",
    "Connector",
    "FactLookup",
    "FactSource",
    "ForeseesHost",
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
    "PushService",
    "QueueLine",
    "QueuePlace",
    "ReadableStore",
    "ReaderPage",
    "Receipt",
    "Runnable",
    "RunsNamedTypes",
    "SendingPublisher",
    "Snapshot",
    "Store",
    "TriedHost",
    "TriesHost",
    "UnitOfWork",
    "WorkerFunction",
    "Writes",
    "acts_in_store",
    "answer_of",
    "as_answer",
    "attempt",
    "calls_together",
    "case_cursor",
    "cursor_of",
    "entry_cursor",
    "in_order",
    "needed",
    "runs_named_types",
    "waiting_cursor",
]
