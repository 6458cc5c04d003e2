"""
Invariants 1 and 2: every window's charges and releases in their order, against limits and live counters.

Windows are taken as the entries name them: no time zone's rules are looked up, so a ledger that was written under
one release of them verifies under any other, and under none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256

from remit.core.gate.bounds import BoundsInForce
from remit.core.gate.budget import Counter, Day
from remit.core.ledger.verification.report import Broken
from remit.core.values import utc

LONGEST_DAY = timedelta(hours=28)
"""A day with a change of its zone's clock is at most this long."""


@dataclass(frozen=True, slots=True)
class Movement:
    """One charge (`sign` 1) or release (-1) in one window."""

    position: int
    sign: int
    used_after: int


@dataclass(slots=True)
class Window:
    """
    The movements of one window, whatever order they come in, in a few numbers.

    Each leads from one state, (position, use), to the next. They make one line from (0, 0) if and only if the states
    that are left, without the last, are those that are reached, without the first; so sums of their hashes tell.
    """

    movements: int = 0
    used: int = 0
    watched: int = 0
    used_at_watched: int = 0
    _left: int = 0
    _reached: int = 0

    def add(self, movement: Movement) -> None:
        self.movements += 1
        self.used += movement.sign
        self._left += _state(movement.position - 1, movement.used_after - movement.sign)
        self._reached += _state(movement.position, movement.used_after)
        if movement.position == self.watched:
            self.used_at_watched = movement.used_after

    @property
    def in_line(self) -> bool:
        """Do positions follow each other without gaps, and is each use that of all before it?"""
        return self._left + _state(self.movements, self.used) == self._reached + _state(0, 0)


def _state(position: int, used: int) -> int:
    return int.from_bytes(sha256(b"%d|%d" % (position, used)).digest(), "big")


@dataclass(frozen=True, slots=True)
class Charged:
    """One policy approval: what it charged, by window with the limit it claims, and what it saw."""

    where: str
    limits: dict[str, tuple[int | None, int]]
    config: BoundsInForce | None
    account_id: str
    action_type: str
    at: datetime
    # When each window ends, as the decision saw it.
    ends: Mapping[str, datetime]

    def day_of(self, owner: str, zone: str) -> Day:
        """The day that the charged window of this owner names; without one, UTC's."""
        dates = (name.partition("@")[0] for name in self.limits if name.rpartition("|")[0].partition("|")[2] == owner)
        return Day(date=next(dates, self.at.date().isoformat()), timezone=zone, ends_at=self.at)


class Windows:
    """Collects while chains are read; `watch` are live counters that the charges are held against at the end."""

    def __init__(self, broken: Broken, watch: Mapping[str, Counter] | None = None) -> None:
        self._broken, self._watch = broken, watch
        self._windows: dict[str, Window] = {}

    def __len__(self) -> int:
        return len(self._windows)

    def move(self, window_id: str, movement: Movement) -> None:
        window = self._windows.get(window_id)
        if window is None:
            live = self._watch.get(window_id, _UNUSED) if self._watch else _UNUSED
            window = self._windows[window_id] = Window(watched=live.position)
        window.add(movement)

    def charge(self, charged: Charged) -> None:
        """Hold a charge against the bounds that it saw; where those are not known, that is another finding."""
        for window_id, (limit, used_after) in charged.limits.items():
            if limit is not None and used_after > limit:
                self._broken(2, f"window {window_id}, {charged.where}", f"use {used_after} is above the limit {limit}")
        if charged.config is None:
            return
        self._compare(charged, _limits_in_force(charged, charged.config))
        for window_id in charged.limits:
            if not _on_its_day(charged.at, window_id, charged.ends.get(window_id)):
                self._broken(2, f"window {window_id}, {charged.where}", "it was not charged on that day")

    def check(self) -> None:
        """When all chains have been read."""
        for window_id, window in sorted(self._windows.items()):
            if not window.in_line:
                problem = f"its {window.movements} charges and releases do not follow each other to a use of"
                self._broken(1, f"window {window_id}", f"{problem} {window.used}")

    def _compare(self, charged: Charged, limits: dict[str, int | None]) -> None:
        for window_id in sorted(set(limits) - set(charged.limits)):
            self._broken(1, charged.where, f"it was not charged to window {window_id}")
        for window_id, (limit, _) in charged.limits.items():
            where = f"window {window_id}, {charged.where}"
            if window_id not in limits:
                self._broken(2, where, "the bounds it saw have no such window")
            elif limits[window_id] != limit:
                self._broken(2, where, f"it claims the limit {limit}, the bounds said {limits[window_id]}")

    def compare_live(self, after: Mapping[str, Counter]) -> None:
        """
        The watched counters, and those `after` the entries were read, against what the entries come to.

        Whatever moves in the meantime lies between the two, and is not compared.
        """
        before = self._watch or {}
        for window_id in sorted({*self._windows, *before}):
            window = self._windows.get(window_id) or Window()
            then, now = before.get(window_id, _UNUSED), after.get(window_id, _UNUSED)
            if then.position > window.movements:
                problem = f"its counter has seen {then.position} charges and releases, the ledger holds"
                self._broken(1, f"window {window_id}", f"{problem} {window.movements}")
            elif then.used != window.used_at_watched:
                problem = f"its counter says {then.used}, its charges say {window.used_at_watched}"
                self._broken(1, f"window {window_id}", problem)
            elif now.position < window.movements:
                problem = f"its counter has seen {now.position} of {window.movements} movements"
                self._broken(1, f"window {window_id}", problem)


def _limits_in_force(charged: Charged, config: BoundsInForce) -> dict[str, int | None]:
    """By window id, on the days that were charged."""
    zone, tenant_zone = config.budget_zones(charged.account_id, charged.at)
    day, tenant_day = charged.day_of(f"account:{charged.account_id}", zone), charged.day_of("tenant", tenant_zone)
    in_force = config.budget_on(charged.account_id, day, tenant_day)
    return {limit.window_id: limit.limit for limit in in_force.limits(charged.account_id, charged.action_type)}


def _on_its_day(at: datetime, window_id: str, ends: datetime | None) -> bool:
    """No zone is a day away from UTC, so no more than this can be said of the date itself; the rest its end says."""
    try:
        named = date.fromisoformat(window_id.partition("@")[0])
        near = abs((named - utc(at).date()).days) <= 1
        return near and (ends is None or at < ends <= at + LONGEST_DAY)
    except (ValueError, OverflowError):
        return False


_UNUSED = Counter()
