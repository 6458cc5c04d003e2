"""Budgets as they stand today: limits, use, what is left, and when they reset."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from remit.core.gate.bounds import BoundsInForce
from remit.core.gate.budget import Remaining, Usage, account_of, account_usage_id, day_of, tenant_usage_id
from remit.core.records import STOPS, THE_ONE, USAGE, Key
from remit.core.values import PLATFORM, instant
from remit.flow.context import Context, bounds_key, bounds_of, one


def usage(context: Context, tenant_id: str, account_id: str | None, now: datetime) -> dict[str, Any]:
    """Today's limits, use, what is left and when it resets: of each account named or seen today, and the ceiling."""
    stops_at = [Key(STOPS, tenant_id, THE_ONE), Key(STOPS, PLATFORM, THE_ONE)]
    seen = context.store.read([bounds_key(tenant_id), *stops_at])
    bounds = bounds_of(seen, tenant_id)
    accounts = [account_id] if account_id else accounts_of(bounds, used_today(context, bounds, now))
    return {
        "tenant_id": tenant_id,
        "config_sequence": bounds.config_sequence,
        "accounts": [account_usage(context, bounds, name, now) for name in accounts],
        "ceiling": _ceiling_usage(context, bounds, now),
        "stops": [stop.wire() for key in stops_at if (pulled := seen.get(key)) for stop in pulled.stops],
    }


def used_today(context: Context, bounds: BoundsInForce, now: datetime) -> dict[str, Usage]:
    """The counters of every account that was charged today, by usage id."""
    days = {day_of(now, zone) for zone in bounds.zones(now)}
    prefixes = [account_usage_id(day, "") for day in days]
    records = [usage for prefix in prefixes for usage in context.store.scan(USAGE, bounds.bounds.tenant, prefix)]
    return {usage.usage_id: usage for usage in records}


def accounts_of(bounds: BoundsInForce, used: dict[str, Usage]) -> list[str]:
    """The accounts that the bounds name or that were charged today, by name."""
    return sorted({*bounds.bounds.accounts, *map(account_of, used)})


def account_usage(context: Context, bounds: BoundsInForce, account_id: str, now: datetime) -> dict[str, Any]:
    """One account's budget today."""
    in_force = bounds.budget(account_id, now)
    used = one(context, Key(USAGE, bounds.bounds.tenant, account_usage_id(in_force.day, account_id)))
    daily = in_force.daily(used)
    return {
        "account_id": account_id,
        "max_autonomous_per_day": daily.limit,
        "used": daily.used,
        "left": daily.left,
        "per_action_type": {name: _of_type(counted) for name, counted in in_force.per_action_type(used).items()},
        "timezone": in_force.day.timezone,
        "resets_at": instant(in_force.day.ends_at),
    }


def _of_type(counted: Remaining) -> dict[str, int | None]:
    return {"limit": counted.limit, "used": counted.used, "left": counted.left}


def _ceiling_usage(context: Context, bounds: BoundsInForce, now: datetime) -> dict[str, Any] | None:
    in_force = bounds.budget("", now)
    if in_force.tenant_budget is None:
        return None
    used = one(context, Key(USAGE, bounds.bounds.tenant, tenant_usage_id(in_force.tenant_day)))
    ceiling = in_force.ceiling(used)
    return {
        "max_autonomous_per_day": ceiling.limit,
        "used": ceiling.used,
        "left": ceiling.left,
        "timezone": in_force.tenant_day.timezone,
        "resets_at": instant(in_force.tenant_day.ends_at),
    }
