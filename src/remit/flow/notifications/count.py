"""
Following the ledger: every day of a tenant is counted, each entry once, whoever follows at the same time.

Decisions never wait for it: only who follows writes these records, and the follower's own record, read and
written with them, lets one follower in at a time.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from remit.core.ledger.entries import LedgerEntry
from remit.core.ledger.position import LedgerConsumer, LedgerCursor
from remit.core.notifications import daily_counts
from remit.core.notifications.daily_counts import COUNTED, LONGEST_SPAN_DAYS, DailyCounts, days_between
from remit.core.records import CONSUMER, DAILY_COUNTS, Key, case_key
from remit.core.values import instant
from remit.flow.consumer import unread
from remit.flow.context import Context, bounds_key, bounds_of
from remit.ports import Snapshot, UnitOfWork, Writes, answer_of

COUNTING = "tally"
"""The follower that counts."""
_HISTORY = timedelta(days=LONGEST_SPAN_DAYS)


def count(context: Context, tenant_id: str, now: datetime) -> bool:
    """
    Count what is new in a tenant's ledger, a bounded part of it at once. False if there was nothing.

    A ledger that was never counted is counted from `LONGEST_SPAN_DAYS` ago.
    """
    follower_at = follower_key(tenant_id)
    seen = context.store.read([follower_at, bounds_key(tenant_id)])
    before = seen.get(follower_at)
    found = unread(context, tenant_id, COUNTED, before or LedgerConsumer.starting(now - _HISTORY), now)
    if not found.entries and not found.more:
        return False
    timezone = bounds_of(seen, tenant_id).day(now).timezone
    days = daily_counts.count(found.entries, _action_types(context, tenant_id, found.entries), timezone)
    keys = {day: Key(DAILY_COUNTS, tenant_id, day) for day in days}

    def change(snapshot: Snapshot) -> Writes[bool]:
        if snapshot.get(follower_at) != before:
            # Another one has followed meanwhile, and counted these.
            return Writes(answer=True)
        writes = Writes(answer=True)
        writes.put(follower_at, found.after)
        for day, counts in days.items():
            counted = snapshot.get(keys[day]) or DailyCounts(date=day, timezone=timezone)
            writes.put(keys[day], counted.with_counts(counts, timezone))
        return writes

    return answer_of(context.store.transact([UnitOfWork(reads=[follower_at, *keys.values()], decide=change)]))


def _action_types(context: Context, tenant_id: str, entries: list[LedgerEntry]) -> dict[str, str]:
    """By intent."""
    named = {entry.action_intent_id for entry in entries if entry.action_intent_id}
    keys = [case_key(tenant_id, name) for name in sorted(named)]
    seen = context.store.read(keys)
    return {key.id: case.action_type for key in keys if (case := seen.get(key)) is not None}


def follower_key(tenant_id: str) -> Key[LedgerConsumer]:
    return Key(CONSUMER, tenant_id, COUNTING)


def days(context: Context, tenant_id: str, first_day: str, last_day: str, now: datetime) -> dict[str, Any]:
    """
    Every day from the first to the last as counted so far; those on which nothing happened too.

    Raises `InvalidInput`.
    """
    wanted = days_between(first_day, last_day)
    follower_at = follower_key(tenant_id)
    keys = {day: Key(DAILY_COUNTS, tenant_id, day) for day in wanted}
    seen = context.store.read([bounds_key(tenant_id), follower_at, *keys.values()])
    today, follower = bounds_of(seen, tenant_id).day(now), seen.get(follower_at)
    counted = [seen.get(keys[day]) or DailyCounts(date=day, timezone=today.timezone) for day in wanted]
    return {
        "tenant_id": tenant_id,
        "timezone": today.timezone,
        "today": today.date,
        "counted_to": instant(LedgerCursor.parse(follower.bookmark).place.at) if follower else None,
        "days": [day.wire() for day in counted],
    }
