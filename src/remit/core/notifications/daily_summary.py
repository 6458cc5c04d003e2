"""A day in words: what Autopilot did, what it asked, what people answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta

from remit.core.gate.budget import day_of
from remit.core.gate.zones import zone
from remit.core.notifications.daily_counts import AnsweredAs, DailyCounts

MOST_DAYS = 7
"""After a longer silence only so many days are told."""
_SHOWN = 8


def digest(day: DailyCounts) -> str:
    """Some sentences about one day that has ended."""
    asked = Counter({row.reason: 0 for row in day.decisions})
    for row in day.decisions:
        asked[row.reason] += row.count if row.result == "REQUIRE_APPROVAL" else 0
    sentences = [
        f"{day.date} ({day.timezone}): Autopilot did {_of(_did(day, 'SUCCEEDED'), 'nothing')}.",
        *(f"{label}: {_of(did)}." for label, did in _went_wrong(day) if did),
        f"A person was asked about {_of(+asked, 'nothing')}.",
        *_answered(day),
    ]
    return " ".join(sentences)


def _did(day: DailyCounts, status: str) -> Counter[str]:
    rows = [row for row in day.outcomes if row.approval_source == "POLICY" and row.status == status]
    return _summed((row.action_type, row.count) for row in rows)


def _went_wrong(day: DailyCounts) -> list[tuple[str, Counter[str]]]:
    labels = {
        "FAILED": "It tried and failed",
        "UNKNOWN": "It tried, and nobody knows whether it happened",
        "CANCELLED": "Cancelled before it ran",
    }
    return [(label, _did(day, status)) for status, label in labels.items()]


_JUDGED: dict[AnsweredAs, str] = {"RIGHT": "right", "WRONG": "wrong"}


def _answered(day: DailyCounts) -> list[str]:
    counts = day.answered
    words: dict[AnsweredAs, str] = {
        "APPROVED": "approved",
        "REJECTED": "rejected",
        "EXPIRED": "expired without an answer or a start",
        "WITHDRAWN": "taken back by who proposed it",
    }
    told = [f"{counts[answer]} {word}" for answer, word in words.items() if counts[answer]]
    judged = [f"{counts[answer]} {word}" for answer, word in _JUDGED.items() if counts[answer]]
    return [
        *([f"Of what waited: {', '.join(told)}."] if told else []),
        *([f"People judged afterwards, of what had run alone: {', '.join(judged)}."] if judged else []),
    ]


def _summed(pairs: Iterable[tuple[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for name, count in pairs:
        total[name] += count
    return total


def _of(counts: Counter[str], none: str = "") -> str:
    """`12 actions (10 SEND_NOTE, 2 CALL)`."""
    total = counts.total()
    if not total:
        return none
    shown = [f"{count} {name}" for name, count in counts.most_common(_SHOWN)]
    rest = total - sum(count for _, count in counts.most_common(_SHOWN))
    return f"{total} ({', '.join(shown)}{f', {rest} of others' if rest else ''})"


def days_to_tell(digested: str | None, since: datetime, now: datetime, timezone: str) -> list[tuple[str, datetime]]:
    """
    The days that have ended since the one told last, the earliest first, and when each ended.

    Nothing of a day that ended before `since`, when nobody wanted to be told yet.
    """
    today = date.fromisoformat(day_of(now, timezone).date)
    days = [today - timedelta(days=ago) for ago in range(MOST_DAYS, 0, -1)]
    ended = [(day.isoformat(), _ends_at(day, timezone)) for day in days]
    return [(day, end) for day, end in ended if end > since and (digested is None or day > digested)]


def _ends_at(day: date, timezone: str) -> datetime:
    noon = datetime.combine(day, time(12), zone(timezone))
    return day_of(noon, timezone).ends_at
