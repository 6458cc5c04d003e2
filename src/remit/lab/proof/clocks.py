"""The clocks of both sides: one where the account's time zone is one, else two that show the same moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta

from remit.core.gate.bounds import BoundsInForce
from remit.core.gate.zones import zone
from remit.core.values import in_zone
from remit.lab.proof.any_action import WEEKDAYS, AccountHour, AnyAction
from remit.lab.proof.logic import Truth

ZoneOf = Callable[[str], str]
"""The time zone of an account by its id."""
_SOME_TIME = datetime(2026, 3, 2, tzinfo=UTC)
_MOST_HOURS = 26
"""No two clocks on Earth are further apart."""
_HALF_YEAR = (timedelta(0), timedelta(days=180))


def zone_of(bounds: BoundsInForce) -> ZoneOf:
    return lambda account: bounds.budget_zones(account, _SOME_TIME)[0]


class Clocks:
    """The constraints between the clocks of two sides."""

    def __init__(self, any_action: AnyAction, before: BoundsInForce, after: BoundsInForce) -> None:
        self._any, self._logic = any_action, any_action.logic
        self._clocks = any_action.clocks["before"], any_action.clocks["after"]
        zones = zone_of(before), zone_of(after)
        named = dict.fromkeys([*before.bounds.accounts, *after.bounds.accounts])
        self._moved = {
            name: pair for name in named if (pair := (zones[0](name), zones[1](name))) and pair[0] != pair[1]
        }
        self._stayed = [name for name in named if name not in self._moved]
        self._others = zones[0](""), zones[1]("")

    def constraints(self) -> Iterator[Truth]:
        logic, (first, second) = self._logic, self._clocks
        one = logic.all(getattr(first, part) == getattr(second, part) for part in ("date", "weekday", "hour"))
        if self._others[0] == self._others[1]:
            yield logic.any((one, self._is_one_of(self._moved)))
        else:
            yield logic.implies(self._is_one_of(self._stayed), one)
        if self._moved or self._others[0] != self._others[1]:
            yield logic.any(self._apart(hours) for hours in range(-_MOST_HOURS, _MOST_HOURS + 1))

    def wishes(self) -> Iterator[Truth]:
        """As far apart as the clocks are in our time."""
        pairs = [(self._is_one_of([name]), pair) for name, pair in self._moved.items()]
        named = self._is_one_of([*self._moved, *self._stayed])
        for is_it, pair in [*pairs, (self._logic.no(named), self._others)]:
            apart = self._logic.any(self._apart(hours) for hours in _hours_apart(*pair))
            yield self._logic.implies(is_it, apart)

    def _is_one_of(self, accounts: Iterable[str]) -> Truth:
        return self._logic.any(self._any.account == self._any.text(name) for name in accounts)

    def _apart(self, hours: int) -> Truth:
        """The second clock is so many hours ahead, and its day the one that follows from that."""
        first, second = self._clocks
        return self._logic.any(
            self._logic.all((second.hour == first.hour + hours - 24 * days, self._days_apart(first, second, days)))
            for days in (-2, -1, 0, 1, 2)
        )

    def _days_apart(self, first: AccountHour, second: AccountHour, days: int) -> Truth:
        names = [self._any.text(name) for name in WEEKDAYS]
        weekday = self._logic.any(
            self._logic.all((first.weekday == name, second.weekday == names[(place + days) % 7]))
            for place, name in enumerate(names)
        )
        same_date = first.date == second.date
        return self._logic.all((weekday, same_date if days == 0 else self._logic.no(same_date)))


def _hours_apart(first: str, second: str) -> set[int]:
    """The whole hours between two clocks; where minutes are between them as well, both that it may be."""
    found = set()
    for later in _HALF_YEAR:
        offsets = [in_zone(_SOME_TIME + later, zone(name)).utcoffset() or timedelta(0) for name in (first, second)]
        minutes = (offsets[1] - offsets[0]) // timedelta(minutes=1)
        found |= {minutes // 60, -(-minutes // 60)}
    return found
