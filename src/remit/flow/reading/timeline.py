"""The timeline: the ledger in words, newest first, and as it goes on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from remit.core.ledger.entries import EventType, LedgerEntry
from remit.core.ledger.position import LedgerCursor, LedgerPosition
from remit.core.notifications.narration import TOLD, narrate
from remit.core.records import Key, chain_key
from remit.core.values import ApprovalSource, instant
from remit.flow.context import Context
from remit.flow.pages import page_size
from remit.ports import Snapshot, cursor_of, entry_cursor

if TYPE_CHECKING:
    from remit.core.views import ToldAnswer

_MOST_LOOKS = 10
MOST_AT_ONCE = 100
"""About how many entries one look at a stream takes: what it made of them is freed in one go, which holds others up."""


class TimelineFilter(Struct, frozen=True):
    """A choice of sentences of the timeline; what is `None` does not matter."""

    account_id: str | None = None
    event_types: Sequence[EventType] | None = None
    approval_source: ApprovalSource | None = None
    since: datetime | None = None
    before: datetime | None = None

    def is_past(self, entry: LedgerEntry) -> bool:
        """Is it, and all that comes after it, older than what is asked for?"""
        return self.since is not None and datetime.fromisoformat(entry.at) < self.since

    def begins(self, after: str | None) -> str | None:
        """The cursor of the page behind `after`, which never leads to what is not asked for."""
        if self.before is None or (after is not None and cursor_of(after)[0] < self.before):
            return after
        return f"{instant(self.before)}|"

    def wants(self, told: ToldAnswer) -> bool:
        return self.approval_source in (None, told["approval_source"])


def timeline(
    context: Context, tenant_id: str, which: TimelineFilter, after: str | None, limit: int
) -> tuple[list[ToldAnswer], str | None]:
    """
    Events, newest first, each in one sentence, and the cursor of the next page.

    Where the filter leaves much out, a page may hold fewer and still have a next one.
    """
    told: list[ToldAnswer] = []
    after = which.begins(after)
    types = TOLD if which.event_types is None else [name for name in TOLD if name in which.event_types]
    for _ in range(_MOST_LOOKS):
        entries = context.store.recent(tenant_id, types, which.account_id, after, page_size(limit))
        seen = context.store.read(_known_of(tenant_id, entries))
        for entry in entries:
            if which.is_past(entry):
                return told, None
            after = entry_cursor(entry)
            sentence = _told(entry, seen)
            told += [sentence] if sentence is not None and which.wants(sentence) else []
            if len(told) == limit:
                return told, after
        if len(entries) < limit:
            return told, None
    return told, after


def _known_of(tenant_id: str, entries: Sequence[LedgerEntry]) -> list[Key[Any]]:
    """The keys of what `_told` looks at: each one's intent and the decision about it, which its chain holds."""
    ids = {entry.action_intent_id for entry in entries if entry.action_intent_id}
    return [chain_key(tenant_id, name) for name in sorted(ids)]


class StreamCursor(Struct, frozen=True):
    """
    The position up to which one reader has followed a tenant's timeline, in the order in which the store took its
    entries in.

    Who comes with the id of a release that followed by time has `met` some of what is up to `met_to`, one of the
    store's own positions: `met` says what. It is of use until all of that has been read once.
    """

    position: str
    met: LedgerCursor | None = None
    met_to: str = ""

    def text(self) -> str:
        """As the reader sends it to go on from here: less than 8 KiB of ASCII, without a line break."""
        return self.met.text() if self.met else self.position


class Followed(Struct, frozen=True):
    """The sentences behind a cursor, each with the cursor's text after it, and whether more is there already."""

    told: list[tuple[str, ToldAnswer]]
    cursor: StreamCursor
    more: bool


def stream_cursor(
    context: Context, tenant_id: str, last_event_id: str | None = None, since: datetime | None = None
) -> StreamCursor:
    """
    The cursor behind the last event that a reader was told; without one behind everything that is there, or behind what
    was before `since`.

    Raises `InvalidInput` for an id that no stream has told.
    """
    store = context.store
    if last_event_id is None:
        return StreamCursor(store.reader_position(tenant_id, since))
    if store.reader_page(tenant_id, [], last_event_id, 1) is not None:
        return StreamCursor(last_event_id)
    met = LedgerCursor.parse(last_event_id)
    # First: what is written from now on is not what the id speaks of.
    met_to = store.ledger_position(tenant_id)
    return StreamCursor(store.reader_position(tenant_id, met.place.at), met, met_to)


def since(context: Context, tenant_id: str, cursor: StreamCursor) -> Followed:
    """The timeline behind the cursor, in the order in which it was committed."""
    found = context.store.reader_page(tenant_id, TOLD, cursor.position, MOST_AT_ONCE)
    if found is None:
        # The database was put back to what it was before that.
        return Followed([], stream_cursor(context, tenant_id), more=False)
    page = found.page
    new = [
        (entry, behind)
        for (entry, position), behind in zip(page.entries, found.entries, strict=True)
        if cursor.met is None or position > cursor.met_to or not cursor.met.has(LedgerPosition.of(entry))
    ]
    seen = context.store.read(_known_of(tenant_id, [entry for entry, _ in new]))
    told = []
    for entry, behind in new:
        sentence = _told(entry, seen)
        if cursor.met is not None:
            cursor.met.passed(LedgerPosition.of(entry), told=sentence is not None)
        if sentence is not None:
            told.append((replace(cursor, position=behind).text(), sentence))
    after = replace(cursor, position=found.position)
    if cursor.met is not None and not page.more:
        after = StreamCursor(found.position)
    return Followed(told, after, page.more)


def _told(entry: LedgerEntry, seen: Snapshot) -> ToldAnswer | None:
    """Its sentence, and what it is about; `None` for what the timeline does not tell."""
    history = seen.get(chain_key(entry.tenant_id, entry.action_intent_id)) if entry.action_intent_id else None
    intent, decision = (history.intent, history.decision) if history else (None, None)
    text = narrate(entry, intent)
    if text is None:
        return None
    return {
        "at": entry.at,
        "text": text,
        "event_type": entry.event_type,
        "actor": entry.actor,
        "account_id": entry.account_id,
        "action_intent_id": entry.action_intent_id,
        "action_type": intent.action_type if intent else None,
        "explanation": decision.explanation if decision else None,
        "approval_source": entry.data.get("approval_source"),
        "auto_executed": entry.data.get("auto_executed"),
    }
