"""
The autonomy budget: how many actions a day may run on policy's approval alone.

A day is a day of the budget's time zone. Each account has one `Usage` record a day with a counter for
everything and one for every action type that was charged; a tenant with a ceiling has one more. A
window is one such counter: its id is the usage record's id, `|`, and the counter's name.

Every charge counts under its type even where the type has no limit, so that a limit set at noon
counts the morning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from remit.core.gate.zones import zone
from remit.core.values import FIRST_MOMENT, LAST_MOMENT, ActionTypeName, Record, Request, UtcTime, in_zone, utc

# Checked where bounds are written (`bounds.parse_bounds`), not where they are read: a stored zone that is gone
# must not keep its tenant's bounds from being read at all.
TimeZone = Annotated[str, StringConstraints(max_length=128)]
Count = Annotated[int, Field(ge=0, le=10**9)]
DEFAULT_ZONE = "UTC"


class Budget(Request):
    """AutonomyBudgetV1 as bounds list it; what is `None` is left to the tenant's default."""

    max_autonomous_per_day: Count | None = None
    max_per_action_type: dict[ActionTypeName, Count] = {}
    timezone: TimeZone | None = None


class TenantBudget(Request):
    """The ceiling over all accounts of a tenant together: one hot counter, so it is opt-in."""

    max_autonomous_per_day: Count
    timezone: TimeZone | None = None


def merge(default: Budget | None, own: Budget | None) -> Budget | None:
    """An account's budget over the tenant's default: field by field, the per-type map key by key."""
    if default is None or own is None:
        return own or default
    return Budget(
        max_autonomous_per_day=(
            default.max_autonomous_per_day if own.max_autonomous_per_day is None else own.max_autonomous_per_day
        ),
        max_per_action_type={**default.max_per_action_type, **own.max_per_action_type},
        timezone=own.timezone or default.timezone,
    )


@dataclass(frozen=True, slots=True)
class Day:
    """One day of one zone, and when the next one begins."""

    date: str
    timezone: str
    ends_at: datetime

    def __str__(self) -> str:
        return f"{self.date}@{self.timezone}"


def day_of(now: datetime, timezone: str) -> Day:
    """The day of a zone that loads on which `now` falls. Where a clock change skips midnight, it ends right after."""
    return _day(in_zone(now, zone(timezone)).date(), timezone)


@lru_cache(maxsize=1024)
def _day(today: date, timezone: str) -> Day:
    try:
        ends_at = utc(datetime.combine(today + timedelta(days=1), time(0), zone(timezone)))
    except (OverflowError, ValueError):
        # The calendar's last day, or one that ends before its first moment in UTC.
        ends_at = LAST_MOMENT if today.year > 1 else FIRST_MOMENT
    return Day(date=today.isoformat(), timezone=timezone, ends_at=ends_at)


class Counter(Record, frozen=True):
    """
    One window's counter: `used` is how many unreleased charges it holds, `position` how many charges
    and releases it has seen.
    """

    used: int = 0
    position: int = 0


class Usage(Record, frozen=True):
    """The counters of one account, or of a tenant's ceiling, on one day."""

    usage_id: str
    ends_at: UtcTime
    counters: dict[str, Counter] = {}

    def used(self, name: str) -> int:
        return self.counters.get(name, _UNUSED).used

    def used_per_action_type(self) -> dict[str, int]:
        return {
            name.removeprefix(_TYPE_PREFIX): counter.used
            for name, counter in self.counters.items()
            if name.startswith(_TYPE_PREFIX)
        }


_UNUSED = Counter()
ALL = "all"
_TYPE_PREFIX = "type:"


def type_counter(action_type: str) -> str:
    return f"{_TYPE_PREFIX}{action_type}"


def account_usage_id(day: Day, account_id: str) -> str:
    return f"{day}|account:{account_id}"


def account_of(usage_id: str) -> str:
    """The account whose counters an `account_usage_id` names."""
    return usage_id.partition("|account:")[2]


def tenant_usage_id(day: Day) -> str:
    return f"{day}|tenant"


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit that applies to an intent. `limit` is `None` where nothing bounds this counter."""

    scope: Literal["account", "account_type", "tenant"]
    usage_id: str
    counter: str
    limit: int | None
    timezone: str
    resets_at: datetime

    @property
    def window_id(self) -> str:
        return f"{self.usage_id}|{self.counter}"


@dataclass(frozen=True, slots=True)
class Remaining:
    """
    One counter beside its limit, and what is left of it today.

    | counter         | without a limit                         | `left` then |
    |-----------------|-----------------------------------------|-------------|
    | account's day   | no budget, so no autonomy               | 0           |
    | action type     | bounded by the account's day alone      | `None`      |
    | tenant's ceiling| bounded by each account's day alone     | `None`      |

    A limit may be lowered below what is used already: nothing is left then, and never less.
    """

    limit: int | None
    used: int
    left: int | None


def remaining(limit: int | None, used: int, *, unlimited: int | None) -> Remaining:
    """`unlimited` is what is left of a counter that has no limit."""
    return Remaining(limit, used, unlimited if limit is None else max(0, limit - used))


@dataclass(frozen=True, slots=True)
class BudgetInForce:
    """The limits on one account at one moment: its budget, its day, and the tenant's ceiling with its day."""

    budget: Budget | None
    day: Day
    tenant_budget: TenantBudget | None
    tenant_day: Day

    def usage_ids(self, account_id: str) -> list[str]:
        """The usage records that a charge of this account writes."""
        ids = [account_usage_id(self.day, account_id)]
        return ids if self.tenant_budget is None else [*ids, tenant_usage_id(self.tenant_day)]

    def daily(self, usage: Usage | None) -> Remaining:
        """The rest of the account's day. Nothing was used where there is no `usage` yet."""
        limit = self.budget.max_autonomous_per_day if self.budget else None
        return remaining(limit, usage.used(ALL) if usage else 0, unlimited=0)

    def per_action_type(self, usage: Usage | None) -> dict[str, Remaining]:
        """The rest of every type that has a limit or was charged today, by type."""
        limits = self.budget.max_per_action_type if self.budget else {}
        used = usage.used_per_action_type() if usage else {}
        return {
            name: remaining(limits.get(name), used.get(name, 0), unlimited=None) for name in sorted({*limits, *used})
        }

    def ceiling(self, usage: Usage | None) -> Remaining:
        """The rest of the ceiling over all accounts; without one, nothing bounds it."""
        limit = self.tenant_budget.max_autonomous_per_day if self.tenant_budget else None
        return remaining(limit, usage.used(ALL) if usage else 0, unlimited=None)

    def limits(self, account_id: str, action_type: str) -> list[Limit]:
        """
        Every limit over one action, the account's first. Empty if the account has no budget: a
        ceiling alone gives nobody autonomy.
        """
        if self.budget is None or self.budget.max_autonomous_per_day is None:
            return []
        usage_id, zone, end = account_usage_id(self.day, account_id), self.day.timezone, self.day.ends_at
        daily, of_type = self.budget.max_autonomous_per_day, self.budget.max_per_action_type.get(action_type)
        limits = [
            Limit("account", usage_id, ALL, daily, zone, end),
            Limit("account_type", usage_id, type_counter(action_type), of_type, zone, end),
        ]
        if self.tenant_budget is not None:
            limits.append(
                Limit(
                    scope="tenant",
                    usage_id=tenant_usage_id(self.tenant_day),
                    counter=ALL,
                    limit=self.tenant_budget.max_autonomous_per_day,
                    timezone=self.tenant_day.timezone,
                    resets_at=self.tenant_day.ends_at,
                )
            )
        return limits


class Charge(Record, frozen=True):
    """One window charged, or given back, by one approval; what the ledger needs to prove it."""

    window_id: str
    limit: int | None
    used_after: int
    position: int


@dataclass(frozen=True, slots=True)
class Shortfall:
    """The limit that has no room left, and when it has again."""

    limit: Limit
    used: int


def charge(limits: Sequence[Limit], usages: dict[str, Usage]) -> tuple[list[Charge], dict[str, Usage]] | Shortfall:
    """
    Take one unit of every limit, or none of any.

    `usages` maps a usage id to its record; a missing one counts as unused. Returns the charges and the
    changed records, or the first limit that is full.
    """
    for limit in limits:
        used = _usage(usages, limit).used(limit.counter)
        if limit.limit is not None and used >= limit.limit:
            return Shortfall(limit=limit, used=used)
    changed: dict[str, Usage] = {}
    charges = []
    for limit in limits:
        usage = changed.get(limit.usage_id) or _usage(usages, limit)
        changed[limit.usage_id], counter = _moved(usage, limit.counter, +1)
        charges.append(
            Charge(window_id=limit.window_id, limit=limit.limit, used_after=counter.used, position=counter.position)
        )
    return charges, changed


def release(charges: Sequence[Charge], usages: dict[str, Usage]) -> tuple[list[Charge], dict[str, Usage]]:
    """Give charges back into the windows they were taken from, whatever day it is now."""
    changed: dict[str, Usage] = {}
    released = []
    for taken in charges:
        usage_id, name = split_window_id(taken.window_id)
        changed[usage_id], counter = _moved(changed.get(usage_id) or usages[usage_id], name, -1)
        released.append(taken.changed(used_after=counter.used, position=counter.position))
    return released, changed


def split_window_id(window_id: str) -> tuple[str, str]:
    """The usage record's id and the counter's name."""
    usage_id, _, counter = window_id.rpartition("|")
    return usage_id, counter


def _usage(usages: dict[str, Usage], limit: Limit) -> Usage:
    return usages.get(limit.usage_id) or Usage(usage_id=limit.usage_id, ends_at=limit.resets_at)


def _moved(usage: Usage, name: str, by: int) -> tuple[Usage, Counter]:
    before = usage.counters.get(name, _UNUSED)
    after = Counter(used=before.used + by, position=before.position + 1)
    return usage.changed(counters={**usage.counters, name: after}), after
