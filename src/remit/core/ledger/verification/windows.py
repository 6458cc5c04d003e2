"""Invariants 1 and 2: every window's charges and releases in their order, against limits and live counters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from remit.core.gate.bounds import BoundsInForce
from remit.core.gate.budget import Counter
from remit.core.ledger.verification.report import Broken


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
        try:
            in_force = config.budget(charged.account_id, charged.at).limits(charged.account_id, charged.action_type)
        except (ValueError, OverflowError):
            return self._broken(2, charged.where, "the bounds it saw have no such day")
        self._compare(charged, {limit.window_id: limit.limit for limit in in_force})
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


_UNUSED = Counter()
