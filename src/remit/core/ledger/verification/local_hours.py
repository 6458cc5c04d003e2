"""Hours that clocks on earth show at a moment: no time zone's rules are asked, so any release of them says the same."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from remit.core.gate.budget import DEFAULT_ZONE
from remit.core.gate.policy_input import LocalTime
from remit.core.values import shifted, utc

_FARTHEST_ZONE_H = 15
_MOST_APART = timedelta(hours=_FARTHEST_ZONE_H + 1)


def may_show(local: LocalTime, at: datetime) -> bool:
    """Can some clock on earth show that hour at that moment?"""
    shown = _as_utc(local)
    return shown is not None and abs(shown - utc(at)) <= _MOST_APART


@lru_cache(maxsize=256)
def local_time(text: str) -> LocalTime:
    """As `LocalTime.parse`: many decisions are made in one hour."""
    return LocalTime.parse(text)


@lru_cache(maxsize=256)
def _as_utc(local: LocalTime) -> datetime | None:
    """The moment when UTC's clocks show it; `None` if no clock ever does. Raises `ValueError` for what is no hour."""
    shown = datetime.fromisoformat(local.date).replace(hour=local.hour, tzinfo=UTC)
    return shown if LocalTime.of(shown) == local else None


def hours_around(at: datetime, zone: str) -> Iterator[LocalTime]:
    """Those that the clocks of a zone may show then: of any but UTC's, that of every clock on earth."""
    farthest = 0 if zone == DEFAULT_ZONE else _FARTHEST_ZONE_H
    for offset in range(-farthest, farthest + 1):
        yield LocalTime.of(shifted(at, timedelta(hours=offset)))
