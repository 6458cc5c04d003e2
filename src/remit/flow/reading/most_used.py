"""Budgets and limits of now, those with the least left first."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from remit.core.gate.amount import on_wire
from remit.core.gate.bounds import BoundsInForce
from remit.core.gate.budget import ONLY, Remaining, account_usage_id, tenant_usage_id
from remit.core.records import USAGE, Key
from remit.core.values import instant
from remit.flow.context import Context, one
from remit.flow.reading.usage import accounts_of, charged_limits, used_today

if TYPE_CHECKING:
    from remit.core.views import MostUsedAnswer

DAY = "day"


def most_used(context: Context, bounds: BoundsInForce, now: datetime) -> list[MostUsedAnswer]:
    """
    Every budget, every part of one and every limit that anything is used of, the fullest first. One of 0 is none.

    The counters of now are read, and no intent.
    """
    found = [*_budgets(context, bounds, now), *_ceiling(context, bounds, now), *_limits(context, bounds, now)]
    return sorted(found, key=lambda each: (-each["share"], each["of"], each["name"] or "", each["action_type"] or ""))


def _budgets(context: Context, bounds: BoundsInForce, now: datetime) -> Iterator[MostUsedAnswer]:
    used = used_today(context, bounds, now)
    for account in accounts_of(bounds, used):
        in_force = bounds.budget(account, now)
        usage, resets_at = used.get(account_usage_id(in_force.day, account)), in_force.day.ends_at
        parts: list[tuple[str | None, Remaining]] = [(None, in_force.daily(usage))]
        for action_type, left in [*parts, *in_force.per_action_type(usage).items()]:
            yield from _line(f"account:{account}", left.limit, left.used, resets_at, action_type=action_type)


def _ceiling(context: Context, bounds: BoundsInForce, now: datetime) -> Iterator[MostUsedAnswer]:
    in_force = bounds.budget("", now)
    used = one(context, Key(USAGE, bounds.bounds.tenant, tenant_usage_id(in_force.tenant_day)))
    ceiling = in_force.ceiling(used)
    yield from _line("tenant", ceiling.limit, ceiling.used, in_force.tenant_day.ends_at)


def _limits(context: Context, bounds: BoundsInForce, now: datetime) -> Iterator[MostUsedAnswer]:
    for limit, owner, usage in charged_limits(context, bounds, now):
        spec = limit.spec
        if usage is not None and not spec.log_only:
            used, ends_at = usage.used(ONLY), limit.window.ends_at
            yield from _line(owner, spec.most_units, used, ends_at, name=spec.name, per=spec.per, unit=spec.unit)


def _line(
    of: str,
    limit: int | None,
    used: int,
    resets_at: datetime,
    *,
    name: str | None = None,
    per: str = DAY,
    unit: str | None = None,
    action_type: str | None = None,
) -> Iterator[MostUsedAnswer]:
    if limit and used:
        yield {
            "of": of,
            "name": name,
            "action_type": action_type,
            "per": per,
            "unit": unit,
            "used": on_wire(used, unit),
            "limit": on_wire(limit, unit),
            "left": on_wire(max(0, limit - used), unit),
            "share": round(used / limit, 4),
            "resets_at": instant(resets_at),
        }
