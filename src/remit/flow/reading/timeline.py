"""The timeline: the ledger in words, newest first, and as it goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from remit.core.ledger.entries import EventType, LedgerEntry
from remit.core.ledger.position import OVERLAP, LedgerCursor, LedgerPosition
from remit.core.notifications.narration import TOLD, narrate
from remit.core.records import Key, chain_key
from remit.core.values import ApprovalSource
from remit.flow.consumer import MOST_UNREAD, entries_after
from remit.flow.context import Context
from remit.flow.reading.pages import page_size
from remit.ports import Snapshot, entry_cursor

_MOST_LOOKS = 10
_INSTANT = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class TimelineFilter:
    """Which sentences of the timeline; what is `None` does not matter."""

    account_id: str | None = None
    event_types: Sequence[EventType] | None = None
    approval_source: ApprovalSource | None = None

    def wants(self, told: dict[str, Any]) -> bool:
        return bool(told["text"]) and self.approval_source in (None, told["approval_source"])


def timeline(
    context: Context, tenant_id: str, which: TimelineFilter, after: str | None, limit: int
) -> tuple[list[dict[str, Any]], str | None]:
    """
    What happened, newest first, each in one sentence, and the cursor of the next page.

    Where the filter leaves much out, a page may hold fewer and still have a next one.
    """
    told: list[dict[str, Any]] = []
    types = TOLD if which.event_types is None else [name for name in TOLD if name in which.event_types]
    for _ in range(_MOST_LOOKS):
        entries = context.store.recent(tenant_id, types, which.account_id, after, page_size(limit))
        seen = context.store.read(_known_of(tenant_id, entries))
        for entry in entries:
            after = entry_cursor(entry)
            sentence = _told(entry, seen)
            told += [sentence] if which.wants(sentence) else []
            if len(told) == limit:
                return told, after
        if len(entries) < limit:
            return told, None
    return told, after


def _known_of(tenant_id: str, entries: Sequence[LedgerEntry]) -> list[Key[Any]]:
    """The keys of what `_told` looks at: each one's intent and the decision about it, which its chain holds."""
    ids = {entry.action_intent_id for entry in entries if entry.action_intent_id}
    return [chain_key(tenant_id, name) for name in sorted(ids)]


@dataclass(frozen=True, slots=True)
class Followed:
    """The sentences since a bookmark, each with the bookmark's text after it, and whether more is there already."""

    told: list[tuple[str, dict[str, Any]]]
    bookmark: LedgerCursor
    more: bool


def since(context: Context, tenant_id: str, bookmark: LedgerCursor | None, now: datetime) -> Followed:
    """
    What the timeline tells since the bookmark, which is moved on; without one, nothing yet, and one to go on from.

    In the order of time, but for entries that were committed late: they follow when they are there.
    """
    horizon = now - OVERLAP
    if bookmark is None:
        bookmark = LedgerCursor.at(horizon)
        for entry in entries_after(context, tenant_id, TOLD, bookmark.place, None, None) or []:
            bookmark.passed(LedgerPosition.of(entry))
        return Followed([], bookmark, more=False)
    entries, upper = _unread(context, tenant_id, bookmark.place, horizon)
    new = [entry for entry in entries if not bookmark.has(LedgerPosition.of(entry))]
    seen = context.store.read(_known_of(tenant_id, new))
    for entry in entries:
        if bookmark.has(LedgerPosition.of(entry)):
            bookmark.passed(LedgerPosition.of(entry))
    told = []
    for entry in new:
        sentence = _told(entry, seen)
        bookmark.passed(LedgerPosition.of(entry), told=sentence["text"] is not None)
        told += [(bookmark.text(), sentence)] if sentence["text"] else []
    bookmark.settle(upper or horizon)
    return Followed(told, bookmark, more=upper is not None)


def _unread(
    context: Context, tenant_id: str, place: LedgerPosition, horizon: datetime
) -> tuple[list[LedgerEntry], datetime | None]:
    """The entries after `place`; where it is long ago, perhaps only those before the moment answered beside them."""
    if place.at >= horizon - OVERLAP:
        return entries_after(context, tenant_id, TOLD, place, None, None) or [], None
    upper = horizon
    while True:
        most = MOST_UNREAD if upper - place.at > _INSTANT else None
        entries = entries_after(context, tenant_id, TOLD, place, upper, most)
        if entries is not None:
            return entries, upper
        upper = place.at + (upper - place.at) / 2


def _told(entry: LedgerEntry, seen: Snapshot) -> dict[str, Any]:
    history = seen.get(chain_key(entry.tenant_id, entry.action_intent_id)) if entry.action_intent_id else None
    intent, decision = (history.intent, history.decision) if history else (None, None)
    return {
        "at": entry.at,
        "text": narrate(entry, intent),
        "event_type": entry.event_type,
        "actor": entry.actor,
        "account_id": entry.account_id,
        "action_intent_id": entry.action_intent_id,
        "action_type": intent.action_type if intent else None,
        "explanation": decision.explanation if decision else None,
        "approval_source": entry.data.get("approval_source"),
        "auto_executed": entry.data.get("auto_executed"),
    }
