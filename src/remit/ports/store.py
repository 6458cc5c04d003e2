"""The store: where Remit remembers. It contains no rule."""

from __future__ import annotations

from typing import Protocol

from remit.ports.claiming import WorkQueue
from remit.ports.following import LedgerReader
from remit.ports.listing import CaseLists
from remit.ports.records import RecordStore


class Store(RecordStore, WorkQueue, CaseLists, LedgerReader, Protocol):
    """
    Everything that a store does. One passes `remit.testing.store_contract`, or is none.

    Every method may raise `TryLater` (nothing happened) and `transact` also `OutcomeUnknown` (the
    answer to the commit was lost). No driver's exception leaves a store.
    """
