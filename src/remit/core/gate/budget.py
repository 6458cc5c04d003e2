"""
The autonomy budget: how many actions a day may run on policy's approval alone, and the windows it is counted in.

A day is a day of the budget's time zone. Each account has one `Usage` record a day with a counter for
everything and one for every action type that was charged; a tenant with a ceiling has one more. A
window is one such counter: its id is the usage record's id, `|`, and the counter's name. The window of a limit with a
name of its own (`limit`) is a usage record by itself, whose id is the window's.

Every charge (`charging.py`) counts under its type even where the type has no limit, so that a limit set at noon
counts the morning.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Annotated, Final, Literal

from msgspec import Struct
from pydantic import Field, StringConstraints

from remit.core.gate.zones import zone
from remit.core.plain_json import LARGEST_INTEGER
from remit.core.values import FIRST_MOMENT, LAST_MOMENT, ActionTypeName, Record, Request, UtcTime, in_zone, shifted, utc

# Checked where bounds are written (`bounds.parse_bounds`), not where they are read: a stored zone that is gone
# must not keep its tenant's bounds from being read at all.
TimeZone = Annotated[str, StringConstraints(max_length=128)]
Count = Annotated[int, Field(ge=0, le=10**9)]
DEFAULT_ZONE = "UTC"

BUDGET_EXCEEDED: Final = "BUDGET_EXCEEDED"
PRINCIPAL_MISSING: Final = "PRINCIPAL_MISSING"
AMOUNT_UNKNOWN: Final = "AMOUNT_UNKNOWN"
Refusal = Literal["BUDGET_EXCEEDED", "PRINCIPAL_MISSING", "AMOUNT_UNKNOWN"]


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


class Day(Struct, frozen=True):
    """One day of one zone, when it begins, and when the next one does."""

    date: str
    timezone: str
    ends_at: datetime
    starts_at: datetime

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
    try:
        starts_at = utc(datetime.combine(today, time(0), zone(timezone)))
    except (OverflowError, ValueError):
        starts_at = FIRST_MOMENT
    return Day(date=today.isoformat(), timezone=timezone, ends_at=ends_at, starts_at=starts_at)


class Counter(Record, frozen=True):
    """
    One window's counter: `used` is how many unreleased charges it holds, or the ten-thousandths that they sum up to,
    `position` how many charges and releases it has seen.
    """

    used: int = 0
    position: int = 0


class Usage(Record, frozen=True):
    """The counters of one account, or of a tenant's ceiling, on one day; or of one window of a limit its only one."""

    usage_id: str
    ends_at: UtcTime
    counters: dict[str, Counter] = {}

    def windows(self) -> dict[str, Counter]:
        """Its counters by window id."""
        return {window_id_of(self.usage_id, name): counter for name, counter in self.counters.items()}

    def used(self, name: str) -> int:
        counter = self.counters.get(name)
        return counter.used if counter else 0

    def used_per_action_type(self) -> dict[str, int]:
        return {
            name.removeprefix(_TYPE_PREFIX): counter.used
            for name, counter in self.counters.items()
            if name.startswith(_TYPE_PREFIX)
        }


KEPT_FOR = timedelta(days=100)
"""From when a window begins: the longest is 31 days and four hours long, and clocks may be wrong by the rest."""
LONGEST_WINDOW = timedelta(days=32)
"""With the distance of any zone's date from that of UTC."""


def kept_from(now: datetime) -> str:
    """
    The ids of windows begin with when these do: counters whose ids come before this text may be gone, unless an
    approval that was charged to them has not ended.
    """
    return shifted(now, -KEPT_FOR).date().isoformat()


def only_charged_to_kept(approved_at: datetime, now: datetime) -> bool:
    """Was an approval of this time charged to none but windows that `kept_from` keeps?"""
    return approved_at >= shifted(now, LONGEST_WINDOW - KEPT_FOR)


ALL = "all"
ONLY = ""
"""The counter of a record that is one window by itself."""
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


class Unmeasured(Struct, frozen=True):
    """The reason why it cannot be said what an action takes of a limit, or of whose."""

    reason: Refusal
    problem: str


class Limit(Record, frozen=True):
    """
    One limit that applies to an intent, and how much the intent takes of it. `limit` is `None` where nothing bounds
    this counter.

    With a `unit` it is a sum of that, and all numbers are ten-thousandths. `would_be_limit` is that of one that only
    watches: it is counted as far as it can be, and refuses nothing.
    """

    scope: Literal["account", "account_type", "principal", "tenant"]
    usage_id: str
    counter: str
    window_id: str
    limit: int | None
    timezone: str
    starts_at: datetime
    resets_at: datetime
    name: str | None = None
    unit: str | None = None
    taken: int = 1
    would_be_limit: int | None = None
    unmeasured: Unmeasured | None = None

    @property
    def only_watches(self) -> bool:
        return self.would_be_limit is not None

    def refusal(self, used: int) -> Refusal | None:
        """The reason for which it has no room for this action; what a limit that only watches would say."""
        if self.unmeasured is not None:
            return self.unmeasured.reason
        most = self.limit if self.would_be_limit is None else self.would_be_limit
        return BUDGET_EXCEEDED if most is not None and used + self.taken > most else None

    def counts(self, used: int) -> bool:
        """Can what this takes be added?"""
        return self.unmeasured is None and used + self.taken <= LARGEST_INTEGER


class Remaining(Struct, frozen=True):
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


class BudgetInForce(Struct, frozen=True):
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

    @property
    def has_daily(self) -> bool:
        """Does the budget bound the account's day as a whole?"""
        return self.budget is not None and self.budget.max_autonomous_per_day is not None

    def limits(self, account_id: str, action_type: str, *, bounded_otherwise: bool = False) -> list[Limit]:
        """
        Every limit of the budget over one action, the account's first. Empty if the account has no budget: a
        ceiling alone gives nobody autonomy. `bounded_otherwise` says that another limit of the account's or the
        principal's does; then what there is of a budget holds beside it, and counts.
        """
        if not self.has_daily and not bounded_otherwise:
            return []
        usage_id, budget = account_usage_id(self.day, account_id), self.budget or _NO_BUDGET
        of_type = budget.max_per_action_type.get(action_type)
        limits = [
            _on_day(self.day, "account", usage_id, ALL, budget.max_autonomous_per_day),
            _on_day(self.day, "account_type", usage_id, type_counter(action_type), of_type),
        ]
        if self.tenant_budget is not None:
            ceiling, usage_id = self.tenant_budget.max_autonomous_per_day, tenant_usage_id(self.tenant_day)
            limits.append(_on_day(self.tenant_day, "tenant", usage_id, ALL, ceiling))
        return limits


_NO_BUDGET = Budget.model_construct()


def _on_day(
    day: Day, scope: Literal["account", "account_type", "tenant"], usage_id: str, counter: str, limit: int | None
) -> Limit:
    return Limit(
        scope=scope,
        usage_id=usage_id,
        counter=counter,
        window_id=window_id_of(usage_id, counter),
        limit=limit,
        timezone=day.timezone,
        starts_at=day.starts_at,
        resets_at=day.ends_at,
    )


def window_id_of(usage_id: str, counter: str) -> str:
    return usage_id if counter == ONLY else f"{usage_id}|{counter}"


_BARS_IN_NAMED = 4
"""In `start instant|period|zone|scope|limit name`; those of budgets have fewer."""


def is_of_named_limit(window_id: str) -> bool:
    return window_id.count("|") == _BARS_IN_NAMED


def split_window_id(window_id: str) -> tuple[str, str]:
    """The usage record's id and the counter's name."""
    if is_of_named_limit(window_id):
        return window_id, ONLY
    usage_id, _, counter = window_id.rpartition("|")
    return usage_id, counter
