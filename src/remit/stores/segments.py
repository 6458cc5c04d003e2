"""
Segments: the entries that one write adds to one chain, packed as they are exported, one line an entry.

Shared by every store.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from itertools import groupby

from msgspec import Struct

from remit.core.ledger.entries import EventType, LedgerEntry, event_type_in
from remit.stores.packing import LINES, packed, unpacked

KIND_BITS: tuple[EventType, ...] = (
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
    "APPROVAL_VOTED",
    "KEY_CHANGED",
    "SUBSCRIPTION_CHANGED",
    "LINK_MADE",
    "INTENT_WITHDRAWN",
    "CONTENT_ERASED",
    "QUESTION_ASKED",
    "QUESTION_ANSWERED",
    "CARD_ASSIGNED",
    "QUEUE_HANDED_OVER",
    "AUTONOMY_SAMPLED",
)
"""The bit of each type of event, by its place. Stored: a new type is added at the end, and none ever moves."""
_BITS: dict[str, int] = {name: 1 << place for place, name in enumerate(KIND_BITS)}

COMMON: frozenset[EventType] = frozenset(
    {
        "INTENT_PROPOSED",
        "GATE_DECIDED",
        "ACTION_APPROVED",
        "ACTION_PUBLISHED",
        "EXECUTION_STARTED",
        "ACTION_EXECUTED",
    }
)
"""The events of an action that runs by itself; every other is rare, and can be looked for by its type."""


class Segment(Struct, frozen=True):
    """Entries of one chain that follow each other, from one write and of one moment."""

    entries: Sequence[LedgerEntry]

    @property
    def first(self) -> LedgerEntry:
        return self.entries[0]

    @property
    def has_rare(self) -> bool:
        return not COMMON.issuperset([entry.event_type for entry in self.entries])

    @property
    def rare(self) -> set[EventType]:
        return {entry.event_type for entry in self.entries} - COMMON

    @property
    def kinds(self) -> int:
        return kinds_of([entry.event_type for entry in self.entries])

    def packed(self) -> bytes:
        return packed(b"\n".join([entry.line for entry in self.entries]), LINES)


def segments_of(entries: Iterable[LedgerEntry]) -> list[Segment]:
    """
    The entries of one write by chain, each chain's in its order.

    Segments in the order of their moments hold entries in theirs: what is read by time relies on it.
    """
    chains: dict[tuple[str, str | None], list[LedgerEntry]] = {}
    for entry in entries:
        chains.setdefault((entry.tenant_id, entry.action_intent_id), []).append(entry)
    return [segment for chain in chains.values() for segment in segments_of_chain(chain)]


def segments_of_chain(entries: Sequence[LedgerEntry]) -> list[Segment]:
    """The entries of one write to one chain, in their order."""
    if len({entry.at for entry in entries}) == 1:
        return [Segment(tuple(entries))]
    return [Segment(tuple(of_moment)) for _, of_moment in groupby(entries, key=lambda entry: entry.at)]


def kinds_of(event_types: Iterable[str]) -> int:
    """A bit for each type of event."""
    kinds = 0
    for name in event_types:
        kinds |= _BITS.get(name, 0)
    return kinds


def unpack(body: bytes) -> list[LedgerEntry]:
    """The entries of a packed segment. Raises `RemitError` for a way of packing that is not known here."""
    return [LedgerEntry.parse(line) for line in _lines(body)]


def unpack_some(body: bytes, event_types: Container[str]) -> list[LedgerEntry | None]:
    """As `unpack`, with `None` in the place of each entry that is of another type: it is not read."""
    return [LedgerEntry.parse(line) if event_type_in(line) in event_types else None for line in _lines(body)]


def _lines(body: bytes) -> list[bytes]:
    return unpacked(body).split(b"\n")
