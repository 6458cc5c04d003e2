"""Reading on in a tenant's ledger, for every step that follows it: nothing is lost, nothing comes twice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from msgspec import Struct

from remit.core.ledger.entries import EventType, LedgerEntry
from remit.core.ledger.position import FOLLOWERS_MARKS, LedgerConsumer, LedgerCursor
from remit.flow.context import Context
from remit.ports import LedgerPage

MOST_UNREAD = 2000
"""About how many entries one look takes."""
MOST_DAYS = 60
"""The most different days in one look: a consumer that writes something for each has to fit into one write."""


class Unread(Struct, frozen=True):
    """
    The entries that are new to a consumer, in the order in which they were taken in, and the consumer after it.

    Without anything new and `more` there is nothing to write down: looking again finds the same.
    """

    entries: list[LedgerEntry]
    after: LedgerConsumer
    more: bool
    read: Sequence[tuple[LedgerEntry, str]]
    """All that was read for it, met before or not, each with the position behind it."""

    @property
    def positions(self) -> dict[datetime, str]:
        """By the moment of entries, the position behind the last of it."""
        return {datetime.fromisoformat(entry.at): behind for entry, behind in self.read}


class Progress(NamedTuple):
    """
    The result of one bounded look at one tenant: was anything written down, and may there be more already? `held_up`
    says that there may be more once what was written down before is done with.
    """

    moved: bool
    more: bool
    held_up: bool = False


NOTHING_NEW = Progress(moved=False, more=False)


def unread(context: Context, tenant_id: str, event_types: Sequence[EventType], consumer: LedgerConsumer) -> Unread:
    """A bounded part of what the consumer has not met."""
    if consumer.bookmark and not consumer.position:
        # Written down before anything is read by it: what comes from now on is not what the bookmark speaks of.
        return Unread([], _carried_over(context, tenant_id, consumer), True, [])
    page = _page_of_few_days(context, tenant_id, event_types, consumer.position)
    entries = consumer.unmet(page.entries)
    return Unread(entries, consumer.at(page.position, entries), page.more, page.entries)


def _carried_over(context: Context, tenant_id: str, consumer: LedgerConsumer) -> LedgerConsumer:
    """From a release that remembered a time: read on from there, and leave out what it has met."""
    read_to = LedgerCursor.parse(consumer.bookmark, most=FOLLOWERS_MARKS).place.at
    return consumer.changed(
        bookmark_to=context.store.ledger_position(tenant_id),
        position=context.store.ledger_position(tenant_id, since=read_to),
        latest_at=read_to,
    )


def _page_of_few_days(context: Context, tenant_id: str, event_types: Sequence[EventType], after: str) -> LedgerPage:
    limit = MOST_UNREAD
    while True:
        page = context.store.ledger_after(tenant_id, event_types, after, limit)
        if limit == 1 or len({entry.at[:10] for entry, _ in page.entries}) <= MOST_DAYS:
            return page
        limit //= 2
