"""One look at a tenant: what ran alone today, what waits, what went wrong, and what is nearly used up."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from remit.core.gate.bounds import BoundsInForce
from remit.core.mirrors import view_of
from remit.core.notifications.daily_counts import DailyCounts
from remit.core.records import DAILY_COUNTS, Key
from remit.core.values import instant
from remit.flow.context import Context, bounds_now, one
from remit.flow.reading.most_used import most_used
from remit.flow.reading.status import stops
from remit.flow.reading.waiting import waiting_count

if TYPE_CHECKING:
    from remit.core.views import AloneAnswer, OverviewAnswer, TodayAnswer, WaitingAnswer

MOST_SHOWN = 12


def overview(context: Context, tenant_id: str, now: datetime, *, answerer: str | None) -> OverviewAnswer:
    """
    Made of counters and of what stands at the head of indexed lists: it costs the same however many intents there are.

    What waits is counted for `answerer`, or for everybody.
    """
    bounds = bounds_now(context, tenant_id)
    return {
        "tenant_id": tenant_id,
        "config_sequence": bounds.config_sequence,
        "today": _today(context, bounds, now),
        "waiting": _waiting(context, tenant_id, answerer),
        "unknown": context.store.counts(tenant_id, ["UNKNOWN"]).get("UNKNOWN", 0),
        "most_used": most_used(context, bounds, now)[:MOST_SHOWN],
        "stops": [view_of(stop) for stop in stops(context, tenant_id)],
    }


def _waiting(context: Context, tenant_id: str, answerer: str | None) -> WaitingAnswer:
    count = waiting_count(context, tenant_id, answerer)
    oldest_at = context.store.oldest_waiting(tenant_id) if count else None
    first = context.store.waiting(tenant_id, None, None, 1) if count else []
    return {
        "count": count,
        "oldest_at": instant(oldest_at) if oldest_at else None,
        "expires_at": instant(first[0].expires_at) if first else None,
    }


def _today(context: Context, bounds: BoundsInForce, now: datetime) -> TodayAnswer:
    tenant_id, today = bounds.bounds.tenant, bounds.day(now)
    counted = one(context, Key(DAILY_COUNTS, tenant_id, today.date))
    day = counted or DailyCounts(date=today.date, timezone=today.timezone)
    decided, outcomes = Counter[str](), Counter[str]()
    for decision in day.decisions:
        decided[decision.result] += decision.count
    for outcome in day.outcomes:
        outcomes[outcome.status] += outcome.count
    return {
        "date": today.date,
        "timezone": today.timezone,
        "ran_alone": decided["AUTO_EXECUTED"],
        "asked": decided["REQUIRE_APPROVAL"],
        "answered": day.answered["APPROVED"] + day.answered["REJECTED"],
        "failed": outcomes["FAILED"],
        "unknown": outcomes["UNKNOWN"],
        "alone": list(_alone(day)),
    }


def _alone(day: DailyCounts) -> Iterator[AloneAnswer]:
    """By type, the most frequent first."""
    counts: Counter[str] = Counter()
    ended: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for decision in day.decisions:
        counts[decision.action_type] += decision.count if decision.result == "AUTO_EXECUTED" else 0
    for outcome in day.outcomes:
        if outcome.approval_source == "POLICY":
            ended[outcome.action_type][outcome.status] += outcome.count
    for name, count in sorted((+counts).items(), key=lambda each: (-each[1], each[0])):
        yield {
            "action_type": name,
            "count": count,
            "failed": ended[name]["FAILED"],
            "unknown": ended[name]["UNKNOWN"],
            "sums": [view_of(row) for row in day.sums if row.action_type == name],
        }
