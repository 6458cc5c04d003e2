"""
A plan: what follows from a tenant's bounds for one account and one action type, and how it puts an intent to policies.

It says over which times it holds: a unit of work that had to wait still decides by its own time, not by that of whoever
was asked last. `core.gate.plans` makes and keeps them.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from msgspec import Struct, UnsetType

from remit.core.gate.autonomy import ResolvedMode
from remit.core.gate.budget import BudgetInForce, Limit
from remit.core.gate.check import Check, Plain, checked
from remit.core.gate.fact import NO_FACTS, Facts
from remit.core.gate.limit import Amounts, LimitInForce, LimitOverAccount
from remit.core.gate.policy import PolicyQuestion, PolicySet, PolicyVerdict, Reads, without_details
from remit.core.gate.policy_input import LocalTime, TypeInForce, question_of
from remit.core.intent import ActionIntentV1, Proposal
from remit.core.opened_intent import OpenedIntent

if TYPE_CHECKING:
    from remit.core.gate.bounds import BoundsInForce

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
BOUNDS_UNREADABLE = "BOUNDS_UNREADABLE"
LOG_ONLY = "log_only"
"""The check of a decision that says what would have been said by the policies that decide nothing."""
MOST_PLANS, MOST_ANSWERS = 1000, 512
"""Kept of one version of one tenant's bounds; beyond them, all are worked out again."""


def keep(kept: dict[K, V], key: K, value: V, most: int) -> V:
    """The value, which is kept; where so many are already, those are dropped."""
    if len(kept) >= most:
        kept.clear()
    kept[key] = value
    return value


class AtATime(Struct, frozen=True):
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
    at: AtATime
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
                keep(self.answers, asked, answer, MOST_ANSWERS)
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
