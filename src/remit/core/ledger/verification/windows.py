"""
Invariants 1 and 2: every window's charges and releases in their order, against limits and live counters.

Windows are taken as the entries name them: no time zone's rules are looked up, so a ledger that was written under
one release of them verifies under any other, and under none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from hashlib import sha256
from itertools import pairwise
from typing import Any

from msgspec import UNSET, Struct

from remit.core.gate.amount import in_units, on_wire
from remit.core.gate.bounds import BoundsInForce
from remit.core.gate.budget import Counter, Day, Unmeasured, is_of_named_limit
from remit.core.gate.charging import Charge
from remit.core.gate.limit import LimitSpec, give_autonomy
from remit.core.gate.period import LENGTHS
from remit.core.intent import ActionIntentV1
from remit.core.ledger.verification.entry_data import Data, uncounted
from remit.core.ledger.verification.report import Broken
from remit.core.values import FIRST_MOMENT, LAST_MOMENT, instant, utc

_, LONGEST_DAY = LENGTHS["day"]
MOST_AGREED = 4096
"""How many claims are remembered, each of an account, a type and a day."""
WindowBounds = tuple[datetime, datetime]
"""From when, and until before when, a window is."""


def _span(charge: Charge) -> WindowBounds | None:
    starts_at, ends_at = charge.starts_at, charge.ends_at
    return None if starts_at is UNSET or ends_at is UNSET else (starts_at, ends_at)


class Window(Struct):
    """
    The movements of one window, whatever order they come in, in a few numbers.

    Each leads from one state, (position, use), to the next. They make one line from (0, 0) if and only if the states
    that are left, without the last, are those that are reached, without the first; so sums of their hashes tell.
    A movement that begins where the one before it ended leaves and reaches that state, and adds nothing to either sum.
    """

    movements: int = 0
    used: int = 0
    watched: int = 0
    used_at_watched: int = 0
    named: bool = False
    """Is it of a limit with a name?"""
    span: WindowBounds | None = None
    differs: bool = False
    """Do its charges say different things of when it begins and ends?"""
    _left: int = 0
    _reached: int = 0
    _position: int = 0
    _use: int = 0
    """The state that the movement before this one reached; it is not in the sum yet."""

    def add(self, position: int, by: int, used_after: int, span: WindowBounds | None) -> None:
        """One charge, which adds `by`, or release, which takes it away again."""
        if span != self.span:
            self.differs |= self.movements > 0
            self.span = span
        self.movements += 1
        self.used += by
        if position - 1 != self._position or used_after - by != self._use:
            self._left += _state(position - 1, used_after - by)
            self._reached += _state(self._position, self._use)
        self._position, self._use = position, used_after
        if position == self.watched:
            self.used_at_watched = used_after

    def add_all(self, more: Window) -> None:
        """The movements of a window of the same id in the part that follows."""
        self.differs |= more.differs or (self.movements > 0 and self.span != more.span)
        self.span = more.span
        self.movements += more.movements
        self.used += more.used
        self._left += more._left + _state(0, 0)
        self._reached += more._reached + _state(more._position, more._use)

    @property
    def in_line(self) -> bool:
        """Do positions follow each other without gaps, and is each use that of all before it?"""
        return self._left + _state(self.movements, self.used) == self._reached + _state(self._position, self._use)


# Where two movements have changed places, one state is left and reached again soon.
@lru_cache(maxsize=1024)
def _state(position: int, used: int) -> int:
    return int.from_bytes(sha256(b"%d|%d" % (position, used)).digest(), "big")


class Charged(Struct):
    """One policy approval: what it charged, and what it saw."""

    where: str
    charges: Sequence[Charge]
    config: BoundsInForce | None
    account_id: str
    action_type: str
    at: datetime
    # When each window ends, as the decision saw it.
    ends: Mapping[str, datetime]
    intent: Callable[[], ActionIntentV1]
    # The limits that the decision saw.
    seen: Sequence[Data]
    of_budget: list[Charge] = []
    of_limits: list[Charge] = []

    def __post_init__(self) -> None:
        for charge in self.charges:
            (self.of_limits if is_of_named_limit(charge.window_id) else self.of_budget).append(charge)

    def day_of(self, owner: str, zone: str) -> Day:
        """The day that the charged window of this owner names; without one, UTC's."""
        ids = [charge.window_id for charge in self.of_budget]
        dates = (name.partition("@")[0] for name in ids if name.rpartition("|")[0].partition("|")[2] == owner)
        date = next(dates, self.at.date().isoformat())
        return Day(date=date, timezone=zone, starts_at=self.at, ends_at=self.at)

    def budget_claims(self, config: BoundsInForce) -> Hashable:
        """All by which its charges to budgets are held against these bounds, but for the time of its day."""
        ends = self.ends
        claims = [
            (each.window_id, each.limit, each.taken, each.unit, each.starts_at, each.ends_at, ends.get(each.window_id))
            for each in self.of_budget
        ]
        zones = config.budget_zones(self.account_id, self.at) if config.zones_until else None
        return config.config_sequence, self.account_id, self.action_type, zones, self.at.date(), *claims

    def by_limit(self) -> dict[str, Charge]:
        """By what of a window's id does not depend on the time: `period|zone|scope|limit name`."""
        return {charge.window_id.partition("|")[2]: charge for charge in self.of_limits}


class Windows:
    """Collects while chains are read; `watch` are live counters that the charges are held against at the end."""

    def __init__(self, broken: Broken, watch: Mapping[str, Counter] | None = None) -> None:
        self._broken, self._watch = broken, watch
        self._windows: dict[str, Window] = {}
        self._agreed: dict[Hashable, WindowBounds] = {}
        """The claims that were found to be right, and over which time: others that claim the same are."""

    def __len__(self) -> int:
        return len(self._windows)

    def move(self, charge: Charge, sign: int) -> None:
        """A charge, or, with the sign of -1, its release. Raises `ValueError` for what are no numbers."""
        window_id, by, used_after = charge.window_id, sign * charge.units_taken, in_units(charge.used_after)
        window = self._windows.get(window_id)
        if window is None:
            live = self._watch.get(window_id, _UNUSED) if self._watch else _UNUSED
            named = is_of_named_limit(window_id)
            window = self._windows[window_id] = Window(watched=live.position, named=named)
        # Those of budgets name their day; where it begins and ends, rules of time zones say.
        window.add(charge.position, by, used_after, _span(charge) if window.named else None)

    def by_id(self) -> dict[str, Window]:
        return self._windows

    def add_all(self, windows: Mapping[str, Window]) -> None:
        """Those of the part that follows."""
        for window_id, window in windows.items():
            self._windows.setdefault(window_id, Window(named=window.named)).add_all(window)

    def charge(self, charged: Charged) -> None:
        """Hold a charge against the bounds that it saw; where those are not known, that is another finding."""
        for charge in charged.charges:
            if charge.limit is not None and in_units(charge.used_after) > in_units(charge.limit):
                problem = f"use {charge.used_after} is above the limit {charge.limit}"
                self._broken(2, _window_of(charge, charged), problem)
        if charged.config is None:
            return
        claims = charged.budget_claims(charged.config)
        since, until = self._agreed.get(claims, _AT_NO_TIME)
        agrees = since <= charged.at < until
        right = agrees or self._compare_budget(charged, charged.config)
        self._compare_named(charged, charged.config)
        for charge in charged.of_limits if agrees else charged.charges:
            if not _is_in_time(charge, charged):
                self._broken(2, _window_of(charge, charged), "it was not charged on that day, or in that window")
                right = False
        if right and not agrees:
            self._agree(claims, charged)

    def _agree(self, claims: Hashable, charged: Charged) -> None:
        # Later on that day, and before they end, it is still in those windows.
        ends = [charged.ends.get(charge.window_id) for charge in charged.of_budget]
        if len(self._agreed) >= MOST_AGREED:
            self._agreed.clear()
        if None not in ends:
            self._agreed[claims] = charged.at, min(filter(None, ends), default=charged.at)

    def check(self) -> None:
        """Finish once all chains have been read."""
        for window_id, window in sorted(self._windows.items()):
            if not window.in_line:
                problem = f"its {window.movements} charges and releases do not follow each other to a use of"
                self._broken(1, f"window {window_id}", f"{problem} {window.used}")
            if window.differs:
                self._broken(2, f"window {window_id}", "its charges disagree about when it begins and ends")
        self._check_spans()

    def _check_spans(self) -> None:
        """The windows of one limit and owner do not overlap: two at once would let twice as much run."""
        spans: dict[str, list[tuple[WindowBounds, str]]] = defaultdict(list)
        for window_id, window in self._windows.items():
            if window.span is not None:
                spans[window_id.partition("|")[2]].append((window.span, window_id))
        for of_one in spans.values():
            for ((_, ends), _), ((starts, _), window_id) in pairwise(sorted(of_one)):
                if starts < ends:
                    self._broken(2, f"window {window_id}", "it begins before the one before it has ended")

    def _compare_budget(self, charged: Charged, config: BoundsInForce) -> bool:
        """Answers whether they agree."""
        problems = list(_budget_problems(charged, _limits_in_force(charged, config)))
        for problem in problems:
            self._broken(*problem)
        return not problems

    def _compare_named(self, charged: Charged, config: BoundsInForce) -> None:
        if not charged.of_limits and not config.bounds.limits:
            return
        found = charged.by_limit()
        concerned = [spec for spec in config.bounds.limits if spec.concerns(charged.action_type)]
        for spec in concerned:
            taken = spec.measure(charged.intent(), config.action_type(charged.action_type))
            owner = spec.owner_of(charged.account_id, charged.intent().on_behalf_of)
            charge = found.pop(f"{spec.per}|{spec.timezone}|{owner}|{spec.name}", None)
            if charge is None:
                self._check_uncharged(charged, spec, taken)
            elif isinstance(taken, Unmeasured):
                self._broken(2, _window_of(charge, charged), f"it was charged, and {taken.problem}")
            else:
                self._compare_charge(charged, spec, charge, taken)
        for charge in found.values():
            self._broken(2, _window_of(charge, charged), "the bounds it saw have no such window")

    def _check_uncharged(self, charged: Charged, spec: LimitSpec, taken: int | Unmeasured) -> None:
        if isinstance(taken, Unmeasured):
            if not spec.log_only:
                self._broken(2, charged.where, f"it ran alone under the limit {spec.name}, and {taken.problem}")
        elif not (spec.log_only and spec.name in uncounted(charged.seen)):
            self._broken(1, charged.where, f"it was not charged to the limit {spec.name}")

    def _compare_charge(self, charged: Charged, spec: LimitSpec, charge: Charge, taken: int) -> None:
        where, claimed = _window_of(charge, charged), (charge.limit, charge.would_be_limit, charge.unit)
        due = (None, spec.most, spec.unit) if spec.log_only else (spec.most, UNSET, spec.unit)
        if claimed != due:
            self._broken(2, where, f"it claims the limit {_told(*claimed)}, the bounds said {_told(*due)}")
        if charge.taken != on_wire(taken, spec.unit):
            self._broken(1, where, f"it took {charge.taken}, and it takes {on_wire(taken, spec.unit)}")

    def compare_live(self, after: Mapping[str, Counter], kept_from: str = "") -> None:
        """
        The watched counters, and those `after` the entries were read, against what the entries come to.

        Whatever moves in the meantime lies between the two, and is not compared. Of a window that comes before
        `kept_from` there may be no counter any more: nothing is decided by one.
        """
        before = self._watch or {}
        for window_id in sorted({*self._windows, *before}):
            window = self._windows.get(window_id) or Window()
            if window_id < kept_from and window_id not in after:
                continue
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


def _window_of(charge: Charge, charged: Charged) -> str:
    return f"window {charge.window_id}, {charged.where}"


def _told(limit: Any, would_be: Any, unit: Any) -> str:
    watched = "" if would_be is UNSET else f", which would be {would_be}"
    return f"{limit}{watched} ({unit or 'a count'})"


def _limits_in_force(charged: Charged, config: BoundsInForce) -> dict[str, int | None]:
    """Those of the budget by window id, on the days that were charged."""
    zone, tenant_zone = config.budget_zones(charged.account_id, charged.at)
    day, tenant_day = charged.day_of(f"account:{charged.account_id}", zone), charged.day_of("tenant", tenant_zone)
    in_force = config.budget_on(charged.account_id, day, tenant_day)
    concerned = [spec for spec in config.bounds.limits if spec.concerns(charged.action_type)]
    limits = in_force.limits(charged.account_id, charged.action_type, bounded_otherwise=give_autonomy(concerned))
    return {limit.window_id: limit.limit for limit in limits}


def _budget_problems(charged: Charged, limits: dict[str, int | None]) -> Iterator[tuple[int, str, str]]:
    found = {charge.window_id: charge for charge in charged.of_budget}
    for window_id in sorted(set(limits) - set(found)):
        yield 1, charged.where, f"it was not charged to window {window_id}"
    for window_id, charge in found.items():
        where = _window_of(charge, charged)
        if window_id not in limits:
            yield 2, where, "the bounds it saw have no such window"
        elif limits[window_id] != charge.limit:
            yield 2, where, f"it claims the limit {charge.limit}, the bounds said {limits[window_id]}"
        if (charge.units_taken, charge.unit_counted) != (1, None):
            yield 1, where, f"it took {charge.taken} of what counts actions"


def _is_in_time(charge: Charge, charged: Charged) -> bool:
    if is_of_named_limit(charge.window_id):
        return _in_its_window(charged.at, charge)
    ends = charged.ends.get(charge.window_id)
    agrees = charge.ends_at in (UNSET, ends) and (charge.starts_at is UNSET or charge.starts_at <= charged.at)
    return agrees and on_its_day(charged.at, charge.window_id, ends)


def _in_its_window(at: datetime, charge: Charge) -> bool:
    """Was the charge in it, and is it as it says itself? Rules of time zones would say no more."""
    begins, period = charge.window_id.split("|")[:2]
    if charge.starts_at is UNSET or charge.ends_at is UNSET:
        return False
    return begins == instant(charge.starts_at) and holds_moment(period, charge.starts_at, charge.ends_at, at)


def holds_moment(period: str, starts_at: datetime, ends_at: datetime, at: datetime) -> bool:
    """Is it as long as windows of its period are, and is the moment in it?"""
    if period not in LENGTHS:
        return False
    shortest, longest = LENGTHS[period]
    return starts_at <= at < ends_at and shortest <= ends_at - starts_at <= longest


def on_its_day(at: datetime, window_id: str, ends: datetime | None) -> bool:
    """No zone is a day away from UTC, so no more than this can be said of the date itself; the rest its end says."""
    try:
        near = abs((_named_day(window_id) - utc(at).date()).days) <= 1
        return near and (ends is None or at < ends <= at + LONGEST_DAY)
    except (ValueError, OverflowError):
        return False


# Every charge of an account's day names it.
@lru_cache(maxsize=1024)
def _named_day(window_id: str) -> date:
    return date.fromisoformat(window_id.partition("@")[0])


_UNUSED = Counter()
_AT_NO_TIME = LAST_MOMENT, FIRST_MOMENT
