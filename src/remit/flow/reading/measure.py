"""Measurements for monitoring: how long people and the bus have kept intents waiting, and how much budget is left."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from msgspec import Struct, field

from remit.core.execution.publication import not_taken_since
from remit.core.gate.amount import PLACES
from remit.core.gate.budget import account_usage_id
from remit.core.lifecycle import WAITING, due_step
from remit.core.values import PLATFORM
from remit.flow.breakers import failing_tools
from remit.flow.context import Context, bounds_now
from remit.flow.reading.usage import accounts_of, limits_left, used_today
from remit.ports import CaseFilter

MOST_ACCOUNTS = 1000
MOST_TENANTS = 200
"""Beyond these nothing is measured; `left_out` says of how many."""
_LOOK_AT = 500


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


def measure(context: Context, tenant_id: str | None, now: datetime, most_accounts: int) -> Measured:
    """
    Of one tenant, or of all.

    The lag is that of what should have been published by now and is not; of what no worker takes, the newest
    `_LOOK_AT` are looked at.
    """
    tenants = [tenant_id] if tenant_id else [name for name in context.store.tenants() if name != PLATFORM]
    measured = Measured(left_out=len(tenants[MOST_TENANTS:]))
    for name in tenants[:MOST_TENANTS]:
        measured.waiting[name] = sum(context.store.counts(name, sorted(WAITING)).values())
        oldest_at = context.store.oldest_waiting(name) if measured.waiting[name] else None
        measured.oldest_waiting_s[name] = _age_s(oldest_at or now, now)
        measured.publish_lag_s[name] = 0.0
        measured.not_taken_s |= _not_taken(context, name, now)
        for account, left in _budgets_left(context, name, now):
            if len(measured.budget_left) < most_accounts:
                measured.budget_left[name, account] = left
            else:
                measured.left_out += 1
        _measure_limits(context, name, measured, now, most_accounts)
    for (tenant, action_type), breaker in failing_tools(context).items():
        if tenant in measured.waiting and breaker.paused_since is not None:
            measured.tool_paused_s[tenant, action_type] = _age_s(breaker.paused_since, now)
    for tenant, lag_s in publish_lags(context, now).items():
        if tenant in measured.publish_lag_s:
            measured.publish_lag_s[tenant] = lag_s
    return measured


def _measure_limits(context: Context, tenant_id: str, measured: Measured, now: datetime, most: int) -> None:
    for name, unit, owner, left in limits_left(context, bounds_now(context, tenant_id), now):
        if len(measured.limit_left) < most:
            measured.limit_left[tenant_id, name, unit or "", owner] = left / 10**PLACES if unit else left
        else:
            measured.left_out += 1


def _not_taken(context: Context, tenant_id: str, now: datetime) -> dict[tuple[str, str], float]:
    longest: dict[tuple[str, str], float] = {}
    for case in context.store.cases(tenant_id, CaseFilter(statuses=["APPROVED"]), None, _LOOK_AT):
        since = not_taken_since(case, now)
        if since is not None:
            tool = tenant_id, case.action_type
            longest[tool] = max(longest.get(tool, 0.0), _age_s(since, now))
    return longest


def publish_lags(context: Context, now: datetime) -> dict[str, float]:
    """By tenant, how long the oldest approval that should have left by now has waited; whose none waits is left out."""
    lags: dict[str, float] = {}
    for case in context.store.due(now, _LOOK_AT):
        if due_step(case, now) == "publish":
            lags[case.tenant_id] = max(lags.get(case.tenant_id, 0.0), _age_s(case.updated_at, now))
    return lags


def _age_s(since: datetime, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds())


def _budgets_left(context: Context, tenant_id: str, now: datetime) -> Iterator[tuple[str, int]]:
    """Of each account that is named or has used its budget today."""
    bounds = bounds_now(context, tenant_id)
    used = used_today(context, bounds, now)
    for account in accounts_of(bounds, used):
        in_force = bounds.budget(account, now)
        daily = in_force.daily(used.get(account_usage_id(in_force.day, account)))
        if daily.limit is not None and daily.left is not None:
            yield account, daily.left
