"""
The ledger: append-only chains of entries, each holding the hash of the one before.

One chain for each intent, one for each tenant's bounds, one of the platform's own for global stops.
The hash of an entry is SHA-256 over the RFC 8785 form of everything else in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from remit.core.canonical import digest_of
from remit.core.values import Record, instant

EventType = Literal[
    "INTENT_PROPOSED",
    "INTENT_SUPERSEDED",
    "INTENT_EXPIRED",
    "GATE_DECIDED",
    "ACTION_APPROVED",
    "ACTION_REJECTED",
    "ACTION_PUBLISHED",
    "BUDGET_RELEASED",
    "EXECUTION_STARTED",
    "ACTION_EXECUTED",
    "ACTION_FAILED",
    "ACTION_UNKNOWN",
    "EXECUTION_CANCELLED",
    "OUTCOME_RESOLVED",
    "CONFIG_CHANGED",
    "AUTONOMY_STOPPED",
    "AUTONOMY_RESUMED",
    "LEDGER_SEALED",
]

OF_TENANT: frozenset[EventType] = frozenset({"CONFIG_CHANGED", "AUTONOMY_STOPPED", "AUTONOMY_RESUMED", "LEDGER_SEALED"})
"""What stands in the chain of a tenant (or the platform) itself; everything else is about one intent."""

SYSTEM = "remit"
"""The actor of what Remit does by itself."""


class Head(Record, frozen=True):
    """The last entry of a chain; `NO_CHAIN` before the first."""

    sequence: int
    hash: str | None


NO_CHAIN = Head(sequence=0, hash=None)


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One thing that happened. `at` is RFC 3339 in UTC; `data` is JSON; an exported line holds exactly these."""

    entry_id: str
    tenant_id: str
    account_id: str | None
    action_intent_id: str | None
    sequence: int
    event_type: EventType
    actor: str
    at: str
    data: dict[str, Any]
    previous_hash: str | None
    hash: str

    @property
    def head(self) -> Head:
        return Head(sequence=self.sequence, hash=self.hash)

    def wire(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ENTRY_FIELDS}


ENTRY_FIELDS = tuple(LedgerEntry.__slots__)


def entry_hash(entry: dict[str, Any]) -> str:
    """The hash an exported line must carry."""
    return digest_of({name: value for name, value in entry.items() if name != "hash"})


def next_entry(
    head: Head,
    event_type: EventType,
    data: dict[str, Any],
    *,
    entry_id: str,
    tenant_id: str,
    account_id: str | None,
    action_intent_id: str | None,
    actor: str,
    at: datetime,
) -> LedgerEntry:
    """The entry that follows `head` in its chain."""
    fields: dict[str, Any] = {
        "entry_id": entry_id,
        "tenant_id": tenant_id,
        "account_id": account_id,
        "action_intent_id": action_intent_id,
        "sequence": head.sequence + 1,
        "event_type": event_type,
        "actor": actor,
        "at": instant(at),
        "data": data,
        "previous_hash": head.hash,
    }
    return LedgerEntry(**fields, hash=digest_of(fields))


class ChainHead(Record, frozen=True):
    """The head of a tenant's own chain (bounds, stops, seals), or of the platform's."""

    chain: Head = NO_CHAIN


# A seal names every head; in parts, so that no entry outgrows what any store can hold.
HEADS_PER_SEAL = 1000


def seal_parts(heads: dict[str, Head], entries: int, tenant_head: Head) -> list[dict[str, Any]]:
    """
    What `LEDGER_SEALED` carries: counts over the whole export before the seal, the head of every intent's
    chain in parts of at most `HEADS_PER_SEAL`, and the head of the tenant's own chain that the first part follows.
    """
    named = sorted(heads.items())
    chunks = [named[i : i + HEADS_PER_SEAL] for i in range(0, len(named), HEADS_PER_SEAL)] or [[]]
    return [
        {
            "intents": len(heads),
            "entries": entries,
            "tenant_head": tenant_head.wire(),
            "part": number + 1,
            "parts": len(chunks),
            "heads": {name: head.wire() for name, head in chunk},
        }
        for number, chunk in enumerate(chunks)
    ]
