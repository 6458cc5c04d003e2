"""
Invariants 1 and 2: every window's charges and releases in their order, against limits and live counters.

Windows are taken as the entries name them: no time zone's rules are looked up, so a ledger that was written under
one release of them verifies under any other, and under none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

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
    where: str


@dataclass(frozen=True, slots=True)
class Charged:
    """One policy approval: what it charged, by window with the limit it claims, and what it saw."""

    where: str
    limits: dict[str, tuple[int | None, int]]
    config_sequence: int | None
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
    """Collects while chains are read; checked when all of them, and every configuration, have been."""

    def __init__(self, broken: Broken) -> None:
        self._broken = broken
        self._movements: dict[str, list[Movement]] = {}
        self._charged: list[Charged] = []

    def __len__(self) -> int:
        return len(self._movements)

    def move(self, window_id: str, movement: Movement) -> None:
        self._movements.setdefault(window_id, []).append(movement)

    def charge(self, charged: Charged) -> None:
        self._charged.append(charged)

    def check(self, configs: Mapping[int, BoundsInForce]) -> None:
        for window_id, movements in sorted(self._movements.items()):
            movements.sort(key=lambda movement: movement.position)
            self._check_order(window_id, movements)
        for charged in self._charged:
            self._check_limits(charged, configs.get(charged.config_sequence or 0))

    def _check_order(self, window_id: str, movements: list[Movement]) -> None:
        used = 0
        for number, movement in enumerate(movements, start=1):
            used += movement.sign
            where = f"window {window_id}, {movement.where}"
            if movement.position != number:
                return self._broken(1, where, f"position {movement.position} where {number} is due")
            if movement.used_after != used:
                return self._broken(1, where, f"use {movement.used_after} where it is {used}")
        return None

    def _check_limits(self, charged: Charged, config: BoundsInForce | None) -> None:
        for window_id, (limit, used_after) in charged.limits.items():
            if limit is not None and used_after > limit:
                self._broken(2, f"window {window_id}, {charged.where}", f"use {used_after} is above the limit {limit}")
        if config is None:
            problem = f"the bounds it saw (config_sequence {charged.config_sequence}) are not in the file"
            return self._broken(2, charged.where, problem)
        self._compare(charged, _limits_in_force(charged, config))
        for window_id in charged.limits:
            if not _on_its_day(charged.at, window_id, charged.ends.get(window_id)):
                self._broken(2, f"window {window_id}, {charged.where}", "it was not charged on that day")
        return None

    def _compare(self, charged: Charged, limits: dict[str, int | None]) -> None:
        for window_id in sorted(set(limits) - set(charged.limits)):
            self._broken(1, charged.where, f"it was not charged to window {window_id}")
        for window_id, (limit, _) in charged.limits.items():
            where = f"window {window_id}, {charged.where}"
            if window_id not in limits:
                self._broken(2, where, "the bounds it saw have no such window")
            elif limits[window_id] != limit:
                self._broken(2, where, f"it claims the limit {limit}, the bounds said {limits[window_id]}")

    def compare_live(self, before: Mapping[str, Counter], after: Mapping[str, Counter]) -> None:
        """
        The live counters, read before and after the entries, against what the entries come to.

        Whatever moves in the meantime lies between the two, and is not compared.
        """
        for window_id in sorted({*self._movements, *before}):
            movements = self._movements.get(window_id, [])
            then, now = before.get(window_id, _UNUSED), after.get(window_id, _UNUSED)
            charges = sum(movement.sign for movement in movements[: then.position])
            if then.position > len(movements):
                problem = (
                    f"its counter has seen {then.position} charges and releases, the ledger holds {len(movements)}"
                )
                self._broken(1, f"window {window_id}", problem)
            elif then.used != charges:
                self._broken(1, f"window {window_id}", f"its counter says {then.used}, its charges say {charges}")
            elif now.position < len(movements):
                problem = f"its counter has seen {now.position} of {len(movements)} movements"
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
