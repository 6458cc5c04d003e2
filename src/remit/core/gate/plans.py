"""
Everything that follows from one version of a tenant's bounds, worked out once and kept beside it.

What follows from the time as well (the day that is charged, the windows of limits, the hour that policies see) is kept
for as long as nothing of it changes.
"""

from __future__ import annotations

from collections.abc import Hashable
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct

from remit.core.gate.autonomy import ResolvedMode
from remit.core.gate.check import Check, checked
from remit.core.gate.limit import LimitInForce, LimitOverAccount, give_autonomy
from remit.core.gate.parameters_schema import ParametersSchema, schema_in_force
from remit.core.gate.period import window_of
from remit.core.gate.plan import (
    MOST_PLANS,
    AccountPlan,
    ActionPlan,
    AtATime,
    PolicyAnswer,
    TypePlan,
    keep,
)
from remit.core.gate.policy import PolicySet, policy_version
from remit.core.gate.policy_input import TypeInForce, local_time
from remit.core.values import FIRST_MOMENT

if TYPE_CHECKING:
    from remit.core.gate.bounds import BoundsInForce

_NO_TIME = FIRST_MOMENT, FIRST_MOMENT


class _Lasting(Struct, frozen=True):
    """The part of an action type's bounds in an account that does not depend on the time."""

    type_in_force: TypeInForce
    listed: Check
    mode: ResolvedMode
    mode_check: Check
    bounded: bool
    """Does a limit bound the account, or the principal?"""
    policy_version: str
    problem: str | None


class Plans:
    """The plans of one version of a tenant's bounds. Safe to share between threads: at worst one is made twice."""

    def __init__(self, bounds: BoundsInForce) -> None:
        self.bounds = bounds
        self._accounts: dict[str, AccountPlan] = {}
        self._actions: dict[tuple[str, str], ActionPlan] = {}
        self._types: dict[str, TypePlan] = {}
        self._kept_for_good: dict[tuple[str, str], _Lasting] = {}
        self._answers: dict[Hashable, PolicyAnswer] = {}
        self._schemas: dict[str, ParametersSchema | str | None] = {}
        self._limits: tuple[tuple[datetime, datetime], list[LimitInForce]] = _NO_TIME, []
        self._limits_over: dict[tuple[str, str], LimitOverAccount] = {}

    @cached_property
    def policies(self) -> PolicySet | str:
        return self.bounds.policies()

    def schema(self, action_type: str) -> ParametersSchema | str | None:
        """The schema of a type's arguments; `None` where it has none, or as text why it cannot be used."""
        if action_type in self._schemas:
            return self._schemas[action_type]
        spec = self.bounds.action_type(action_type)
        return keep(self._schemas, action_type, schema_in_force(spec.parameters if spec else None), MOST_PLANS)

    def of_type(self, action_type: str) -> TypePlan:
        known = self._types.get(action_type)
        return known or keep(self._types, action_type, self._plan_type(action_type), MOST_PLANS)

    def _plan_type(self, name: str) -> TypePlan:
        bounds = self.bounds
        return TypePlan(
            expires_after=bounds.expires_after(name),
            registry_version=bounds.registry_version(name),
            private=bounds.private(name),
            connector=bounds.connector(name),
            sample=bounds.sample(name),
        )

    def account(self, account_id: str, now: datetime) -> AccountPlan:
        plan = self._accounts.get(account_id)
        if plan is None or not plan.holds_from <= now < plan.holds_until:
            plan = keep(self._accounts, account_id, self._plan_account(account_id, now), MOST_PLANS)
        return plan

    def action(self, account_id: str, action_type: str, now: datetime) -> ActionPlan:
        plan = self._actions.get((account_id, action_type))
        if plan is None or not plan.holds_from <= now < plan.holds_until:
            plan = self._plan_action(self.account(account_id, now), action_type)
            keep(self._actions, (account_id, action_type), plan, MOST_PLANS)
        return plan

    def _plan_account(self, account_id: str, now: datetime) -> AccountPlan:
        at = self._at(account_id, now)
        first, end = self._while_it_holds(at, now)
        return AccountPlan(account_id, first, end, at, self.bounds.unreadable(account_id))

    def _while_it_holds(self, at: AtATime, now: datetime) -> tuple[datetime, datetime]:
        """Within the hour of both zones, which says their dates as well, every limit's window, and their zones."""
        hours = [window_of(now, "hour", zone) for zone in {at.budget.day.timezone, at.budget.tenant_day.timezone}]
        windows = [*hours, *(limit.window for limit in at.limits)]
        changes = [zone.until for zone in self.bounds.zones_until.values()]
        first = max([*(window.starts_at for window in windows), *(each for each in changes if each <= now)])
        end = min([*(window.ends_at for window in windows), *(each for each in changes if each > now)])
        return first, end

    def _at(self, account_id: str, now: datetime) -> AtATime:
        budget = self.bounds.budget(account_id, now)
        return AtATime(budget, self._limits_at(now), local_time(now, budget.day.timezone))

    def _limits_at(self, now: datetime) -> list[LimitInForce]:
        """The limits in their windows: the same values for all accounts, and for as long as each window lasts."""
        (first, end), before = self._limits
        if first <= now < end or not self.bounds.bounds.limits:
            return before
        known = {limit.spec.name: limit for limit in before}
        found = [
            old if (old := known.get(new.spec.name)) is not None and old.window == new.window else new
            for new in self.bounds.limits_at(now)
        ]
        windows = [limit.window for limit in found]
        holds = max(window.starts_at for window in windows), min(window.ends_at for window in windows)
        self._limits = holds, found
        return found

    def _over(self, limit: LimitInForce, account_id: str) -> LimitOverAccount:
        at = account_id, limit.spec.name
        known = self._limits_over.get(at)
        if known is not None and known.in_force is limit:
            return known
        return keep(self._limits_over, at, limit.over(account_id), MOST_PLANS)

    def _plan_action(self, account: AccountPlan, action_type: str) -> ActionPlan:
        account_id = account.account_id
        lasting = self._lasting(account_id, action_type)
        named = [self._over(limit, account_id) for limit in account.at.limits if limit.spec.concerns(action_type)]
        budget_usage_ids, own = account.budget.usage_ids(account_id), [limit.limit.usage_id for limit in named]
        return ActionPlan(
            holds_from=account.holds_from,
            holds_until=account.holds_until,
            bounds=self.bounds,
            account=account,
            action_type=action_type,
            type_in_force=lasting.type_in_force,
            listed=lasting.listed,
            mode=lasting.mode,
            mode_check=lasting.mode_check,
            budget_usage_ids=budget_usage_ids,
            budget_limits=account.budget.limits(account_id, action_type, bounded_otherwise=lasting.bounded),
            named_limits=named,
            usage_ids_of_all=[*budget_usage_ids, *own] if all(own) else None,
            policies=self.policies,
            policy_version=lasting.policy_version,
            problem=account.problem or lasting.problem,
            answers=self._answers,
        )

    def _lasting(self, account_id: str, action_type: str) -> _Lasting:
        known = self._kept_for_good.get((account_id, action_type))
        return known or keep(
            self._kept_for_good, (account_id, action_type), self._work_out(account_id, action_type), MOST_PLANS
        )

    def _work_out(self, account_id: str, action_type: str) -> _Lasting:
        bounds = self.bounds
        allowed, mode = bounds.allowlist(account_id), bounds.mode(account_id, action_type)
        return _Lasting(
            type_in_force=bounds.type_in_force(action_type),
            # The list itself stands once, in the bounds that the decision names by their sequence.
            listed=checked(
                "allowlist", action_type in allowed.action_types, level=allowed.level, entries=len(allowed.action_types)
            ),
            mode=mode,
            mode_check=checked("mode", mode.mode == "AUTO_EXECUTE", mode=mode.mode, source=mode.source),
            bounded=give_autonomy([limit for limit in bounds.bounds.limits if limit.concerns(action_type)]),
            policy_version=policy_version(bounds.bounds.policies),
            problem=bounds.unreadable_schema(action_type),
        )
