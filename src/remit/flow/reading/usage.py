"""Budgets and limits as they stand now: limits, use, what is left, and when they reset."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from remit.core.gate.amount import on_wire
from remit.core.gate.bounds import BoundsInForce
from remit.core.gate.budget import (
    ONLY,
    BudgetInForce,
    Remaining,
    Usage,
    account_of,
    account_usage_id,
    day_of,
    tenant_usage_id,
)
from remit.core.gate.limit import LimitInForce, Scope
from remit.core.mirrors import view_of
from remit.core.records import USAGE, Key
from remit.core.values import instant
from remit.flow.context import Context, bounds_key, bounds_of, stops_keys, stops_over
from remit.ports import Snapshot

if TYPE_CHECKING:
    from remit.core.views import BudgetLeft, CeilingAnswer, LimitLeft, OfTypeAnswer, PrincipalLeft, UsageAnswer


def usage(context: Context, tenant_id: str, account_id: str | None, now: datetime) -> UsageAnswer:
    """
    Use, what is left now, and when it resets: of each account named or seen today, of each principal named or seen,
    and over all together.
    """
    seen = context.store.read([bounds_key(tenant_id), *stops_keys(tenant_id)])
    bounds = bounds_of(seen, tenant_id)
    accounts = [account_id] if account_id else accounts_of(bounds, used_today(context, bounds, now))
    budget = bounds.budget("", now)
    ceiling_at = Key(USAGE, tenant_id, tenant_usage_id(budget.tenant_day))
    together = _limits_of(bounds, "tenant", now)
    used = context.store.read([ceiling_at, *_windows(tenant_id, together, "", None)])
    return {
        "tenant_id": tenant_id,
        "config_sequence": bounds.config_sequence,
        "accounts": [account_usage(context, bounds, name, now) for name in accounts],
        "ceiling": _ceiling_usage(budget, used.get(ceiling_at)),
        "limits": _left(used, tenant_id, together, "", None),
        "principals": principals_usage(context, bounds, now),
        "stops": [view_of(stop) for pulled in stops_over(seen, tenant_id) for stop in pulled.stops],
    }


def used_today(context: Context, bounds: BoundsInForce, now: datetime) -> dict[str, Usage]:
    """The counters of every account that was charged today, by usage id."""
    days = {day_of(now, zone) for zone in bounds.zones(now)}
    return _scanned(context, bounds, [account_usage_id(day, "") for day in days])


def _scanned(context: Context, bounds: BoundsInForce, prefixes: Iterable[str]) -> dict[str, Usage]:
    records = [usage for prefix in prefixes for usage in context.store.scan(USAGE, bounds.bounds.tenant, prefix)]
    return {usage.usage_id: usage for usage in records}


def accounts_of(bounds: BoundsInForce, used: dict[str, Usage]) -> list[str]:
    """The accounts that the bounds name or that were charged today, by name."""
    return sorted({*bounds.bounds.accounts, *map(account_of, used)})


def account_usage(context: Context, bounds: BoundsInForce, account_id: str, now: datetime) -> BudgetLeft:
    """One account's budget today, and its limits now."""
    in_force, tenant_id = bounds.budget(account_id, now), bounds.bounds.tenant
    own = _limits_of(bounds, "account", now)
    day_at = Key(USAGE, tenant_id, account_usage_id(in_force.day, account_id))
    seen = context.store.read([day_at, *_windows(tenant_id, own, account_id, None)])
    used = seen.get(day_at)
    daily = in_force.daily(used)
    return {
        "account_id": account_id,
        "max_autonomous_per_day": daily.limit,
        "used": daily.used,
        "left": daily.left or 0,
        "per_action_type": {name: _of_type(counted) for name, counted in in_force.per_action_type(used).items()},
        "timezone": in_force.day.timezone,
        "resets_at": instant(in_force.day.ends_at),
        "limits": _left(seen, tenant_id, own, account_id, None),
    }


def principals_usage(context: Context, bounds: BoundsInForce, now: datetime) -> list[PrincipalLeft]:
    """The limits of each principal that the bounds name or for which anything ran now, by name."""
    own, tenant_id = _limits_of(bounds, "principal", now), bounds.bounds.tenant
    if not own:
        return []
    charged = _scanned(context, bounds, {f"{limit.window}|principal:" for limit in own})
    seen_now = {usage_id.split("|")[3].removeprefix("principal:") for usage_id in charged}
    names = sorted({*bounds.bounds.principals, *seen_now})
    seen = context.store.read([key for name in names for key in _windows(tenant_id, own, "", name)])
    return [{"principal": name, "limits": _left(seen, tenant_id, own, "", name)} for name in names]


def limits_left(context: Context, bounds: BoundsInForce, now: datetime) -> Iterator[tuple[str, str | None, str, int]]:
    """
    Of each limit its name, unit, whose it is and what is left, in ten-thousandths where it has a unit: for those whom
    the bounds name, or for whom anything ran in its window of now.
    """
    for limit, owner, usage in charged_limits(context, bounds, now):
        spec = limit.spec
        yield spec.name, spec.unit, owner, max(0, spec.most_units - (usage.used(ONLY) if usage else 0))


def charged_limits(
    context: Context, bounds: BoundsInForce, now: datetime
) -> Iterator[tuple[LimitInForce, str, Usage | None]]:
    """Each limit with each of whom the bounds name, or for whom anything ran in its window of now, and its counter."""
    limits = bounds.limits_at(now)
    used = _scanned(context, bounds, {f"{limit.window}|" for limit in limits})
    owners: dict[Scope, set[str]] = {
        "account": {f"account:{name}" for name in bounds.bounds.accounts},
        "principal": {f"principal:{name}" for name in bounds.bounds.principals},
        "tenant": {"tenant"},
    }
    for limit in limits:
        name = limit.spec.name
        charged = {parts[3] for parts in map(_parts, used) if (parts[:3], parts[4]) == (_parts(limit.window), name)}
        for owner in sorted(owners[limit.spec.of] | charged):
            yield limit, owner, used.get(f"{limit.window}|{owner}|{name}")


def _parts(window: object) -> list[str]:
    return str(window).split("|")


def _limits_of(bounds: BoundsInForce, scope: Scope, now: datetime) -> list[LimitInForce]:
    return [limit for limit in bounds.limits_at(now) if limit.spec.of == scope]


def _windows(
    tenant_id: str, limits: Sequence[LimitInForce], account_id: str, principal: str | None
) -> list[Key[Usage]]:
    return [Key(USAGE, tenant_id, limit.usage_id(account_id, principal) or "") for limit in limits]


def _left(
    seen: Snapshot, tenant_id: str, limits: Sequence[LimitInForce], account_id: str, principal: str | None
) -> list[LimitLeft]:
    keys = _windows(tenant_id, limits, account_id, principal)
    return [_limit_left(limit, seen.get(key)) for limit, key in zip(limits, keys, strict=True)]


def _limit_left(limit: LimitInForce, usage: Usage | None) -> LimitLeft:
    spec, window = limit.spec, limit.window
    used = usage.used(ONLY) if usage else 0
    return {
        "name": spec.name,
        "per": spec.per,
        "unit": spec.unit,
        "limit": spec.most,
        "used": on_wire(used, spec.unit),
        "left": on_wire(max(0, spec.most_units - used), spec.unit),
        "action_types": spec.action_types,
        "log_only": spec.log_only,
        "timezone": window.timezone,
        "starts_at": instant(window.starts_at),
        "resets_at": instant(window.ends_at),
    }


def _of_type(counted: Remaining) -> OfTypeAnswer:
    return {"limit": counted.limit, "used": counted.used, "left": counted.left}


def _ceiling_usage(in_force: BudgetInForce, used: Usage | None) -> CeilingAnswer | None:
    if in_force.tenant_budget is None:
        return None
    ceiling = in_force.ceiling(used)
    return {
        "max_autonomous_per_day": in_force.tenant_budget.max_autonomous_per_day,
        "used": ceiling.used,
        "left": ceiling.left or 0,
        "timezone": in_force.tenant_day.timezone,
        "resets_at": instant(in_force.tenant_day.ends_at),
    }
