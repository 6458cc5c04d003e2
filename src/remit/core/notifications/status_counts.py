"""
The numbers of a tenant's intents that ended in each way, counted from its ledger.

A status that nothing follows is entered by one entry of the intent's chain and never left, so counts of them only grow.
The others, in which an intent waits, moves or can still be found out about, are counted where they stand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import get_args

from remit.core.ledger.entries import EventType, LedgerEntry
from remit.core.lifecycle import FOLLOWS, Status
from remit.core.values import Record

FINAL: frozenset[Status] = frozenset(status for status, following in FOLLOWS.items() if not following)
"""The statuses that are counted here."""
OPEN: tuple[Status, ...] = tuple(status for status in get_args(Status) if status not in FINAL)
"""The statuses that are counted where they stand."""

_ENTERED_BY: dict[EventType, Status] = {
    "ACTION_EXECUTED": "SUCCEEDED",
    "ACTION_FAILED": "FAILED",
    "EXECUTION_CANCELLED": "CANCELLED",
    "ACTION_REJECTED": "REJECTED",
    "INTENT_EXPIRED": "EXPIRED",
    "INTENT_SUPERSEDED": "SUPERSEDED",
    "INTENT_WITHDRAWN": "WITHDRAWN",
}
ENDS: tuple[EventType, ...] = (*_ENTERED_BY, "OUTCOME_RESOLVED")
"""The entries by which intents end. What is found out about an unknown outcome says itself how."""


class StatusCounts(Record, frozen=True):
    """Of one tenant, by final status: of its whole ledger up to where it is counted."""

    counts: dict[str, int] = {}

    def with_entries(self, entries: Iterable[LedgerEntry]) -> StatusCounts:
        """With what these entries, of any type, say of intents that ended."""
        return StatusCounts(counts=dict(Counter(self.counts) + _ended(entries)))

    def without_entries(self, entries: Iterable[LedgerEntry]) -> StatusCounts:
        """As it was before what these entries say was counted."""
        return StatusCounts(counts=dict(Counter(self.counts) - _ended(entries)))


def _ended(entries: Iterable[LedgerEntry]) -> Counter[str]:
    return Counter(_entered(entry) for entry in entries if entry.event_type in ENDS)


def _entered(entry: LedgerEntry) -> str:
    if entry.event_type == "OUTCOME_RESOLVED":
        return str(entry.data["outcome"]["status"])
    return _ENTERED_BY[entry.event_type]
