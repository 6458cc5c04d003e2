"""Measurements for monitoring: how long people and the bus have kept intents waiting, and how much budget is left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import TypeVar

from msgspec import Struct, field

from remit.core.execution.publication import NOT_TAKEN_AFTER, not_taken_since
from remit.core.gate.amount import PLACES
from remit.core.gate.bounds import BoundsInForce
from remit.core.gate.budget import account_usage_id, day_of
from remit.core.lifecycle import WAITING, due_step
from remit.core.values import LAST_MOMENT
from remit.flow.breakers import failing_tools
from remit.flow.context import Context, bounds_now
from remit.flow.reading.usage import accounts_of, limits_left, used_today
from remit.ports import CaseFilter

MOST_ACCOUNTS = 1000
"""Beyond these nothing is measured; `left_out` says of how many."""
_LOOK_AT = 500
K = TypeVar("K")
V = TypeVar("V")


class Measured(Struct):
    """
    By tenant: how long the queue is, its oldest, the lag of publication; by tenant and account: what is left; by tenant
    and action type: how long its tool has been paused, and how long the oldest approval has waited for a worker.
    """

    waiting: dict[str, int] = field(default_factory=dict)
    oldest_waiting_s: dict[str, float] = field(default_factory=dict)
    publish_lag_s: dict[str, float] = field(default_factory=dict)
    budget_left: dict[tuple[str, str], int] = field(default_factory=dict)
    limit_left: dict[tuple[str, str, str, str], float] = field(default_factory=dict)
    """By tenant, limit, unit and whose it is: `account:north`, `principal:alice`, `tenant`."""
    tool_paused_s: dict[tuple[str, str], float] = field(default_factory=dict)
    not_taken_s: dict[tuple[str, str], float] = field(default_factory=dict)
    left_out: int = 0


class OfTenant(Struct, frozen=True):
    """The numbers of one tenant, with times and not ages: true until its ledger grows, or `until` has come."""

    waiting: int
    oldest_waiting_at: datetime | None
    out_since: Mapping[str, datetime] | None
    """
    By action type, since when the oldest approval is out that no worker took; `None` if workers have nothing to take.
    Otherwise it changes without an entry, when something is published, and again.
    """
    budgets: Mapping[str, int]
    limits: Mapping[tuple[str, str, str], float]
    left_out: int
    """Accounts and limits beyond the number measured."""
    until: datetime


def measure(context: Context, tenant_id: str, now: datetime, most_accounts: int) -> Measured:
    """
    Of one tenant.

    The lag is that of what should have been published by now and is not; of what no worker takes, the newest
    `_LOOK_AT` are looked at.
    """
    return as_of(context, {tenant_id: read_tenant(context, tenant_id, now, most_accounts)}, now, most_accounts)


def read_tenant(context: Context, tenant_id: str, now: datetime, most_accounts: int) -> OfTenant:
    waiting = sum(context.store.counts(tenant_id, sorted(WAITING)).values())
    bounds = bounds_now(context, tenant_id)
    budgets, limits = dict(_budgets_left(context, bounds, now)), _limits_left(context, bounds, now)
    return OfTenant(
        waiting,
        context.store.oldest_waiting(tenant_id) if waiting else None,
        out_since(context, tenant_id),
        _first(budgets, most_accounts),
        _first(limits, most_accounts),
        len([*budgets][most_accounts:]) + len([*limits][most_accounts:]),
        _windows_end(bounds, now),
    )


def as_of(context: Context, tenants: Mapping[str, OfTenant], now: datetime, most_accounts: int) -> Measured:
    """The numbers of these tenants as they are now, with what one look at all tenants tells of them."""
    measured = Measured()
    for name, of in tenants.items():
        measured.waiting[name] = of.waiting
        measured.oldest_waiting_s[name] = _age_s(of.oldest_waiting_at or now, now)
        measured.publish_lag_s[name] = 0.0
        late = {tool: since for tool, since in (of.out_since or {}).items() if now >= since + NOT_TAKEN_AFTER}
        measured.not_taken_s |= {(name, tool): _age_s(since, now) for tool, since in late.items()}
        budgets = _first(of.budgets, most_accounts - len(measured.budget_left))
        limits = _first(of.limits, most_accounts - len(measured.limit_left))
        measured.budget_left |= {(name, account): left for account, left in budgets.items()}
        measured.limit_left |= {(name, *limit): left for limit, left in limits.items()}
        measured.left_out += of.left_out + len(of.budgets) - len(budgets) + len(of.limits) - len(limits)
    for (tenant, action_type), breaker in failing_tools(context).items():
        if tenant in tenants and breaker.paused_since is not None:
            measured.tool_paused_s[tenant, action_type] = _age_s(breaker.paused_since, now)
    lags = publish_lags(context, now)
    measured.publish_lag_s |= {tenant: lag_s for tenant, lag_s in lags.items() if tenant in tenants}
    return measured


def out_since(context: Context, tenant_id: str) -> dict[str, datetime] | None:
    """As `OfTenant` has it."""
    approved = context.store.cases(tenant_id, CaseFilter(statuses=["APPROVED"]), None, _LOOK_AT)
    if all(case.by_caller for case in approved):
        return None
    oldest: dict[str, datetime] = {}
    for case in approved:
        since = not_taken_since(case, LAST_MOMENT)
        if since is not None:
            oldest[case.action_type] = min(oldest.get(case.action_type, since), since)
    return oldest


def publish_lags(context: Context, now: datetime) -> dict[str, float]:
    """By tenant, how long the oldest approval that should have left by now has waited; whose none waits is left out."""
    lags: dict[str, float] = {}
    for case in context.store.due(now, _LOOK_AT):
        if due_step(case, now) == "publish":
            lags[case.tenant_id] = max(lags.get(case.tenant_id, 0.0), _age_s(case.updated_at, now))
    return lags


def _age_s(since: datetime, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds())


def _budgets_left(context: Context, bounds: BoundsInForce, now: datetime) -> Iterator[tuple[str, int]]:
    """Of each account that is named or has used its budget today."""
    used = used_today(context, bounds, now)
    for account in accounts_of(bounds, used):
        in_force = bounds.budget(account, now)
        daily = in_force.daily(used.get(account_usage_id(in_force.day, account)))
        if daily.limit is not None and daily.left is not None:
            yield account, daily.left


def _limits_left(context: Context, bounds: BoundsInForce, now: datetime) -> dict[tuple[str, str, str], float]:
    return {
        (name, unit or "", owner): left / 10**PLACES if unit else left
        for name, unit, owner, left in limits_left(context, bounds, now)
    }


def _windows_end(bounds: BoundsInForce, now: datetime) -> datetime:
    """The end of the first window to end, of those that budgets and limits are counted in now."""
    days = (day_of(now, zone).ends_at for zone in bounds.zones(now))
    return min([*days, *(limit.window.ends_at for limit in bounds.limits_at(now))])


def _first(rows: Mapping[K, V], most: int) -> dict[K, V]:
    return dict(islice(rows.items(), max(most, 0)))
