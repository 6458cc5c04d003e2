"""
Counting: every day of a tenant from its ledger, each entry once, whoever counts at the same time.

Decisions never wait for it: only who counts writes these records, and the consumer's own record, read and
written with them, lets one in at a time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from remit.core.ledger.entries import LedgerEntry
from remit.core.ledger.position import LedgerConsumer
from remit.core.notifications import daily_counts
from remit.core.notifications.daily_counts import COUNTED, LONGEST_SPAN_DAYS, CountRow, DailyCounts, days_between
from remit.core.records import CONSUMER, DAILY_COUNTS, Key, case_key
from remit.core.values import instant, shifted
from remit.flow.consumer import NOTHING_NEW, Progress, Unread, unread
from remit.flow.context import Context, bounds_key, bounds_of
from remit.flow.kept_policies import keep_policies_unit
from remit.ports import Snapshot, UnitOfWork, Writes, answer_of

COUNTING = "tally"
"""The consumer that counts."""
MOST_KEPT = 10_000
_HISTORY = timedelta(days=LONGEST_SPAN_DAYS)


class Counting:
    """One process's: it remembers which policies it has seen kept."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], None] = {}

    def count(self, context: Context, tenant_id: str, now: datetime) -> Progress:
        """
        Count what is new in a tenant's ledger, a bounded part of it at once.

        A ledger that was never counted is counted from `LONGEST_SPAN_DAYS` ago. The policies that decided are kept as
        this release reads them: a later one has to explain these decisions.
        """
        consumer_at = consumer_key(tenant_id)
        seen = context.store.read([consumer_at, bounds_key(tenant_id)])
        before = seen.get(consumer_at)
        found = unread(context, tenant_id, COUNTED, before or _new(context, tenant_id, now))
        if not found.entries and not found.more:
            return NOTHING_NEW
        self._keep_policies(context, tenant_id, found.entries)
        timezone = bounds_of(seen, tenant_id).day(now).timezone
        days = daily_counts.count(found.entries, _action_types(context, tenant_id, found.entries), timezone)
        ours = answer_of(context.store.transact([_count_unit(tenant_id, before, found, days, timezone)]))
        return Progress(moved=True, more=found.more or not ours)

    def _keep_policies(self, context: Context, tenant_id: str, entries: Sequence[LedgerEntry]) -> None:
        decided = (entry.data.get("policy_version") for entry in entries if entry.event_type == "GATE_DECIDED")
        new = {(tenant_id, version) for version in decided if version} - self._kept.keys()
        if new:
            answer_of(context.store.transact([keep_policies_unit(tenant_id)]))
            if len(self._kept) + len(new) > MOST_KEPT:
                self._kept.clear()
            self._kept |= dict.fromkeys(new)


def _count_unit(
    tenant_id: str, before: LedgerConsumer | None, found: Unread, days: Mapping[str, Counter[CountRow]], timezone: str
) -> UnitOfWork[bool]:
    """Answers false if another one has followed meanwhile, and counted these."""
    consumer_at = consumer_key(tenant_id)
    keys = {day: Key(DAILY_COUNTS, tenant_id, day) for day in days}

    def change(snapshot: Snapshot) -> Writes[bool]:
        if snapshot.get(consumer_at) != before:
            return Writes(answer=False)
        writes = Writes(answer=True)
        writes.put(consumer_at, found.after)
        for day, counts in days.items():
            counted = snapshot.get(keys[day]) or DailyCounts(date=day, timezone=timezone)
            writes.put(keys[day], counted.with_counts(counts, timezone))
        return writes

    return UnitOfWork(reads=[consumer_at, *keys.values()], decide=change)


def _new(context: Context, tenant_id: str, now: datetime) -> LedgerConsumer:
    return LedgerConsumer(position=context.store.ledger_position(tenant_id, since=shifted(now, -_HISTORY)))


def _action_types(context: Context, tenant_id: str, entries: list[LedgerEntry]) -> dict[str, str]:
    """By intent."""
    named = {entry.action_intent_id for entry in entries if entry.action_intent_id}
    keys = [case_key(tenant_id, name) for name in sorted(named)]
    seen = context.store.read(keys)
    return {key.id: case.action_type for key in keys if (case := seen.get(key)) is not None}


def consumer_key(tenant_id: str) -> Key[LedgerConsumer]:
    return Key(CONSUMER, tenant_id, COUNTING)


def days(context: Context, tenant_id: str, first_day: str, last_day: str, now: datetime) -> dict[str, Any]:
    """
    Every day from the first to the last as counted so far; those on which nothing happened too.

    Raises `InvalidInput`.
    """
    wanted = days_between(first_day, last_day)
    consumer_at = consumer_key(tenant_id)
    keys = {day: Key(DAILY_COUNTS, tenant_id, day) for day in wanted}
    seen = context.store.read([bounds_key(tenant_id), consumer_at, *keys.values()])
    today, consumer = bounds_of(seen, tenant_id).day(now), seen.get(consumer_at)
    counted = [seen.get(keys[day]) or DailyCounts(date=day, timezone=today.timezone) for day in wanted]
    return {
        "tenant_id": tenant_id,
        "timezone": today.timezone,
        "today": today.date,
        "counted_to": instant(consumer.latest_at) if consumer and consumer.latest_at else None,
        "days": [day.wire() for day in counted],
    }
