"""Reading on in a tenant's ledger, for every step that follows it: nothing is lost, nothing comes twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from remit.core.ledger.entries import EventType, LedgerEntry
from remit.core.ledger.position import FOLLOWERS_MARKS, LATEST, LedgerConsumer, LedgerCursor, LedgerPosition
from remit.flow.context import Context
from remit.ports import entry_cursor

MOST_UNREAD = 2000
"""The most entries that one look after a bookmark takes, but for those that may still be joined by late ones."""
MOST_DAYS = 60
"""The most different days in one look: a follower that writes something for each has to fit into one write."""
_PAGES = (20, 500)
_INSTANT = timedelta(milliseconds=1)
_STEP = timedelta(seconds=1)
"""A stretch: where so much happens that only what settled is read, so much more settles before it is read on."""


@dataclass(frozen=True, slots=True)
class Unread:
    """
    What is new to a follower, in order, and the follower after it.

    Without anything new and `more` there is nothing to write down: looking again finds the same.
    """

    entries: list[LedgerEntry]
    after: LedgerConsumer
    more: bool


def unread(
    context: Context, tenant_id: str, event_types: Sequence[EventType], follower: LedgerConsumer, now: datetime
) -> Unread:
    """
    What the follower has not met.

    A few entries are told of at once. Of more than a bookmark can name, those are, bit by bit, that are too old
    for a late one to come between them.
    """
    bookmark = LedgerCursor.parse(follower.bookmark, most=FOLLOWERS_MARKS)
    entries = entries_after(context, tenant_id, event_types, bookmark.place, None, FOLLOWERS_MARKS)
    if entries is not None and _of_few_days(entries):
        # What has settled and fills a page is left behind once, or every further look would read it again.
        settled = sum(LedgerPosition.of(entry).at < now - LATEST for entry in entries) >= _PAGES[0]
        return _told(entries, bookmark, now - LATEST, follower.stretch_s, more=settled)
    if bookmark.place.at > now - LATEST - _STEP:
        return Unread([], follower, more=False)
    entries, stretch = _stretch(context, tenant_id, event_types, bookmark.place, follower.stretch_s, now - LATEST)
    upper = bookmark.place.at + stretch
    # Where little happened, twice as much time is read next.
    wider = 2 if len(entries) < MOST_UNREAD // 2 else 1
    return _told(entries, bookmark, upper, stretch.total_seconds() * wider, more=True)


def _told(
    entries: Sequence[LedgerEntry], bookmark: LedgerCursor, upper: datetime, stretch_s: float, *, more: bool
) -> Unread:
    new = [entry for entry in entries if not bookmark.has(LedgerPosition.of(entry))]
    for entry in entries:
        bookmark.passed(LedgerPosition.of(entry))
    bookmark.settle(upper)
    return Unread(new, LedgerConsumer(bookmark=bookmark.text(), stretch_s=stretch_s), more)


def _stretch(
    context: Context,
    tenant_id: str,
    event_types: Sequence[EventType],
    place: LedgerPosition,
    stretch_s: float,
    horizon: datetime,
) -> tuple[list[LedgerEntry], timedelta]:
    """The entries of some time after `place`, and how much time that is."""
    stretch = min(timedelta(seconds=stretch_s), horizon - place.at)
    while True:
        most = MOST_UNREAD if stretch > _INSTANT else None
        entries = entries_after(context, tenant_id, event_types, place, place.at + stretch, most)
        if entries is not None and _of_few_days(entries):
            return entries, stretch
        stretch /= 2


def _of_few_days(entries: Sequence[LedgerEntry]) -> bool:
    return len({entry.at[:10] for entry in entries}) <= MOST_DAYS


def entries_after(
    context: Context,
    tenant_id: str,
    event_types: Sequence[str],
    place: LedgerPosition,
    upper: datetime | None,
    most: int | None,
) -> list[LedgerEntry] | None:
    """The entries after `place` and before `upper`, in order; `None` if they are more than `most`."""
    after = LedgerPosition(upper, "").cursor() if upper else None
    found: list[LedgerEntry] = []
    page = _PAGES[0]
    while most is None or len(found) <= most:
        entries = context.store.recent(tenant_id, event_types, None, after, page)
        later = [entry for entry in entries if LedgerPosition.of(entry) > place]
        found += later
        if len(later) < page:
            return found[::-1] if most is None or len(found) <= most else None
        after, page = entry_cursor(entries[-1]), _PAGES[-1]
    return None
