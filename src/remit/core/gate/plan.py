"""
Everything that follows from one version of a tenant's bounds, worked out once and kept beside it.

What follows from the time as well (the day that is charged, the windows of limits, the hour that policies see) is kept
for as long as nothing of it changes. A plan says over which times it holds: a unit of work that had to wait still
decides by its own time, not by that of whoever was asked last.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from msgspec import Struct, UnsetType

from remit.core.gate.autonomy import ResolvedMode
from remit.core.gate.budget import BudgetInForce, Limit
from remit.core.gate.check import Check, Plain, checked
from remit.core.gate.fact import NO_FACTS, Facts
from remit.core.gate.limit import Amounts, LimitInForce, LimitOverAccount, give_autonomy
from remit.core.gate.parameters_schema import ParametersSchema, schema_in_force
from remit.core.gate.period import window_of
from remit.core.gate.policy import PolicyQuestion, PolicySet, PolicyVerdict, Reads, policy_version, without_details
from remit.core.gate.policy_input import LocalTime, TypeInForce, local_time, question_of
from remit.core.intent import ActionIntentV1, Proposal
from remit.core.opened_intent import OpenedIntent
from remit.core.values import FIRST_MOMENT

if TYPE_CHECKING:
    from remit.core.gate.bounds import BoundsInForce

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
BOUNDS_UNREADABLE = "BOUNDS_UNREADABLE"
LOG_ONLY = "log_only"
"""The check of a decision that says what would have been said by the policies that decide nothing."""
MOST_PLANS, MOST_ANSWERS = 1000, 512
"""Kept of one version of one tenant's bounds; beyond them, all are worked out again."""
_NO_TIME = FIRST_MOMENT, FIRST_MOMENT


class _AtATime(Struct, frozen=True):
    """
    The part of an account's bounds that depends on the time: budget and limits in their windows, the clock of its zone.
    """

    budget: BudgetInForce
    limits: list[LimitInForce]
    local: LocalTime


class AccountPlan(Struct, frozen=True):
    """One account, from the moment `holds_from` until before `holds_until`."""

    account_id: str
    holds_from: datetime
    holds_until: datetime
    at: _AtATime
    problem: str | None
    """Why nothing can be decided by these bounds."""

    @property
    def budget(self) -> BudgetInForce:
        return self.at.budget

    @property
    def usage_ids(self) -> list[str]:
        """The records that an action of some type may be charged to, but for those of its principal."""
        own = (limit.usage_id(self.account_id, None) for limit in self.at.limits)
        return [*self.budget.usage_ids(self.account_id), *(usage_id for usage_id in own if usage_id)]


class TypePlan(Struct, frozen=True):
    """One action type, whatever the account and the time: what a proposal of it takes from the bounds."""

    expires_after: timedelta
    registry_version: int | None
    private: Sequence[str]
    connector: str
    sample: str | UnsetType


class PolicyAnswer(Struct, frozen=True):
    """The answer of the policies, and the check that says what they were asked."""

    verdict: PolicyVerdict
    check: Check


@dataclass(frozen=True, slots=True)
class ActionPlan:
    """One action type in one account, over the same times."""

    holds_from: datetime
    holds_until: datetime
    bounds: BoundsInForce = field(repr=False)
    account: AccountPlan
    action_type: str
    type_in_force: TypeInForce
    listed: Check
    mode: ResolvedMode
    mode_check: Check
    budget_usage_ids: list[str]
    budget_limits: list[Limit]
    """Empty where nothing bounds the account or the principal, so that nothing may run alone."""
    named_limits: list[LimitOverAccount]
    usage_ids_of_all: list[str] | None
    """Whoever the principal is; `None` where a limit is of each principal."""
    policies: PolicySet | str
    policy_version: str
    problem: str | None
    """Why nothing can be decided about this type here."""
    answers: dict[Hashable, PolicyAnswer] = field(repr=False)
    """The latest answers of the policies, shared by all plans of the same bounds."""

    def limits(self, intent: ActionIntentV1) -> list[Limit]:
        """Every limit that applies to the intent, in order; empty where there is no autonomy."""
        if not self.budget_limits:
            return []
        spec, amounts = self.type_in_force.spec, Amounts()
        named = [each.limit if each.alike else each.on(intent, spec, amounts) for each in self.named_limits]
        return self.budget_limits + named

    def usage_ids(self, principal: str | None) -> list[str]:
        """The records that an intent on behalf of that principal would be charged to."""
        if self.usage_ids_of_all is not None:
            return self.usage_ids_of_all
        named = (limit.usage_id(principal) for limit in self.named_limits)
        return [*self.budget_usage_ids, *(usage_id for usage_id in named if usage_id)]

    def ask(self, intent: ActionIntentV1 | Proposal, facts: Facts = NO_FACTS) -> PolicyAnswer:
        """
        Put the intent to the tenant's policies as they are now, with the facts that were looked up for it; a proposal
        as the intent that it would become.

        Where they cannot be read the answer is `BLOCK`: the rule that is lost may have been one.
        """
        policies = self.policies
        if self.problem is not None or isinstance(policies, str):
            return self._answer(self._question(intent, facts), intent, blocked_until_bounds_load(self.problem or ""))
        if isinstance(intent, OpenedIntent):
            return self._ask_about_private(intent, facts, policies)
        return self._ask(intent, facts, policies)

    def ask_log_only(self, intent: ActionIntentV1 | Proposal, facts: Facts = NO_FACTS) -> Check | None:
        """Each policy that decides nothing, with what it would have said; `None` where there is none."""
        if self.problem is not None or isinstance(self.policies, str) or not self.policies.log_only:
            return None
        question = self._question(intent, facts)
        said = [
            would_say(policies.version, evaluated(policies, question, intent)) for policies in self.policies.log_only
        ]
        return checked(LOG_ONLY, True, policies=said, local_time=str(self.account.at.local))

    def _ask_about_private(self, intent: OpenedIntent, facts: Facts, policies: PolicySet) -> PolicyAnswer:
        """No value of it, and nothing that Cedar says of one, leaves by the answer."""
        question = self._question(intent, facts)
        return self._answer(question, intent, evaluated(policies, question, intent))

    def _ask(self, intent: ActionIntentV1 | Proposal, facts: Facts, policies: PolicySet) -> PolicyAnswer:
        key = policies.key(intent.parameters, facts)
        asked = self._asked(intent, key, policies.reads)
        answer = self.answers.get(asked) if key is not None else None
        if answer is None:
            question = self._question(intent, facts)
            answer = self._answer(question, intent, policies.evaluate(question, key))
            if key is not None:
                _kept(self.answers, asked, answer, MOST_ANSWERS)
        return answer

    def _asked(self, intent: ActionIntentV1 | Proposal, read: Hashable, reads: Reads) -> Hashable:
        """Everything that the answer follows from."""
        # Values of one type each, and parameters as text that Cedar reads: `1 == True` for Python, and not for Cedar.
        at, target = self.account.at, intent.target
        return (
            self.account.account_id,
            self.action_type,
            at.local,
            intent.confidence_score,
            intent.risk_level,
            intent.proposed_by,
            self.type_in_force.pinned_by(intent),
            intent.agent_tier,
            (target and (target.entity_type, target.entity_id)) if reads.target else None,
            self._whose(intent) if reads.principal else None,
            read,
        )

    def _whose(self, intent: ActionIntentV1 | Proposal) -> Hashable:
        hops = tuple(hop.agent for hop in intent.delegation or ())
        return intent.on_behalf_of, hops, self.bounds.scopes_of(intent)

    def _question(self, intent: ActionIntentV1 | Proposal, facts: Facts) -> PolicyQuestion:
        at = self.account.at.local
        return question_of(intent, self.type_in_force, self.mode.mode, at, self.bounds.scopes_of(intent), facts)

    def _answer(
        self, question: PolicyQuestion, intent: ActionIntentV1 | Proposal, verdict: PolicyVerdict
    ) -> PolicyAnswer:
        spec, current_version = self.type_in_force
        check = checked(
            "policy",
            verdict.policy_decision == "AUTO_EXECUTE",
            policy_decision=verdict.policy_decision,
            clauses=verdict.clauses,
            errors=verdict.errors,
            effective_risk=question.risk,
            risk_tier=spec.risk_tier if spec else None,
            pinned_version=self.type_in_force.pinned_by(intent),
            current_version=current_version,
            proposed_risk=intent.risk_level,
            confidence=question.confidence,
            min_confidence=question.min_confidence,
            local_time=str(self.account.at.local),
        )
        return PolicyAnswer(verdict, check)


def evaluated(policies: PolicySet, question: PolicyQuestion, intent: ActionIntentV1 | Proposal) -> PolicyVerdict:
    """The verdict about an intent, which says no more of its private values than may stand in the ledger."""
    if not isinstance(intent, OpenedIntent):
        return policies.evaluate(question)
    if intent.missing_for_execution:
        paths = ", ".join(intent.missing_for_execution)
        return policies.evaluate_blindly(question, f"{paths}: private, and erased or not what was committed")
    return without_details(policies.evaluate(question))


def would_say(name: str, verdict: PolicyVerdict) -> dict[str, Plain]:
    """
    The record that a decision keeps of a policy that decides nothing: `would_say` is its reason, `None` if it is
    silent.
    """
    if verdict.policy_decision == "AUTO_EXECUTE":
        return {"name": name, "would_say": None}
    return {
        "name": name,
        "would_say": verdict.reason,
        "policy_decision": verdict.policy_decision,
        "clauses": verdict.clauses,
        "errors": verdict.errors,
        "explanation": verdict.explanation,
    }


def blocked_until_bounds_load(problem: str) -> PolicyVerdict:
    return PolicyVerdict(
        policy_decision="BLOCK",
        reason=BOUNDS_UNREADABLE,
        explanation=f"the bounds cannot be read, so nothing is decided or approved until they are set right: {problem}",
        clauses=[],
        errors=[problem],
    )


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
        return _kept(self._schemas, action_type, schema_in_force(spec.parameters if spec else None), MOST_PLANS)

    def of_type(self, action_type: str) -> TypePlan:
        known = self._types.get(action_type)
        return known or _kept(self._types, action_type, self._plan_type(action_type), MOST_PLANS)

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
            plan = _kept(self._accounts, account_id, self._plan_account(account_id, now), MOST_PLANS)
        return plan

    def action(self, account_id: str, action_type: str, now: datetime) -> ActionPlan:
        plan = self._actions.get((account_id, action_type))
        if plan is None or not plan.holds_from <= now < plan.holds_until:
            plan = self._plan_action(self.account(account_id, now), action_type)
            _kept(self._actions, (account_id, action_type), plan, MOST_PLANS)
        return plan

    def _plan_account(self, account_id: str, now: datetime) -> AccountPlan:
        at = self._at(account_id, now)
        first, end = self._while_it_holds(at, now)
        return AccountPlan(account_id, first, end, at, self.bounds.unreadable(account_id))

    def _while_it_holds(self, at: _AtATime, now: datetime) -> tuple[datetime, datetime]:
        """Within the hour of both zones, which says their dates as well, every limit's window, and their zones."""
        hours = [window_of(now, "hour", zone) for zone in {at.budget.day.timezone, at.budget.tenant_day.timezone}]
        windows = [*hours, *(limit.window for limit in at.limits)]
        changes = [zone.until for zone in self.bounds.zones_until.values()]
        first = max([*(window.starts_at for window in windows), *(each for each in changes if each <= now)])
        end = min([*(window.ends_at for window in windows), *(each for each in changes if each > now)])
        return first, end

    def _at(self, account_id: str, now: datetime) -> _AtATime:
        budget = self.bounds.budget(account_id, now)
        return _AtATime(budget, self._limits_at(now), local_time(now, budget.day.timezone))

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
        return _kept(self._limits_over, at, limit.over(account_id), MOST_PLANS)

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
        return known or _kept(
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


def _kept(kept: dict[K, V], key: K, value: V, most: int) -> V:
    if len(kept) >= most:
        kept.clear()
    kept[key] = value
    return value
