"""
The one place where a verdict is reached, and the checks that explain it.

`decide` is pure: it looks at an intent, the bounds, the stop switches and the counters as they are,
and answers. It looks no further than the first check that fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple, Self

from remit.core.gate.action_type import DEFAULT_MIN_CONFIDENCE
from remit.core.gate.autonomy import ResolvedMode, Stop, Stops, stop_in_force
from remit.core.gate.bounds import BoundsInForce
from remit.core.gate.budget import BudgetInForce, Charge, Limit, Shortfall, Usage, charge
from remit.core.gate.policy import PolicyDecision, PolicyQuestion, PolicyVerdict, policy_version, ten_thousandths
from remit.core.gate.zones import zone
from remit.core.intent import ActionIntentV1, Proposal
from remit.core.rendering import quoted
from remit.core.values import RISK_ORDER, Record, RiskLevel, UtcTime, in_zone, instant

Result = Literal["AUTO_EXECUTED", "REQUIRE_APPROVAL"]

INTENT_EXPIRED = "INTENT_EXPIRED"
AUTONOMY_STOPPED = "AUTONOMY_STOPPED"
BOUNDS_UNREADABLE = "BOUNDS_UNREADABLE"
EDITED_BY_PERSON = "EDITED_BY_PERSON"
PERSON_REQUIRED = "PERSON_REQUIRED"
ACTION_TYPE_NOT_ALLOWLISTED = "ACTION_TYPE_NOT_ALLOWLISTED"
BUDGET_NOT_CONFIGURED = "BUDGET_NOT_CONFIGURED"
BUDGET_EXCEEDED = "BUDGET_EXCEEDED"
MISSING_INPUT = "MISSING_INPUT"
INTENT_NOT_FOUND = "INTENT_NOT_FOUND"
PUBLISH_REJECTED = "PUBLISH_REJECTED"


@dataclass(frozen=True, slots=True)
class Check:
    """One check of the gate: its name, whether it passed, and what it saw."""

    check: str
    passed: bool
    saw: dict[str, Any]


class Decision(Record, frozen=True):
    """The gate's answer about one intent. Made once."""

    action_intent_id: str
    tenant_id: str
    account_id: str
    result: Result
    reason: str
    explanation: str
    policy_decision: PolicyDecision | None
    policy_version: str
    policy_clause: str | None
    checks: list[Check]
    config_sequence: int
    decided_at: UtcTime
    intent_digest: str

    @property
    def approves(self) -> bool:
        """The intent may run without a person."""
        return self.result == "AUTO_EXECUTED"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A decision and what it costs: nothing, unless it says `AUTO_EXECUTED`."""

    decision: Decision
    charges: list[Charge]
    usages: dict[str, Usage]


@dataclass(frozen=True, slots=True)
class GateInput:
    """Everything a decision looks at."""

    intent: ActionIntentV1
    bounds: BoundsInForce
    stops: Sequence[Stops]
    budget: BudgetInForce
    usages: dict[str, Usage]
    edited_by: str | None
    now: datetime
    person_required: bool = False


@dataclass(frozen=True, slots=True)
class _No:
    reason: str
    explanation: str


def decide(seen: GateInput) -> Verdict:
    """Decide one intent: the checks in the gate's order, then one unit of every limit, or a person."""
    trail = _Trail(seen)
    refusal = (
        trail.check_expiry()
        or trail.check_stops()
        or trail.check_edited()
        or trail.check_bounds()
        or trail.check_allowlist()
        or trail.check_policy()
        or trail.check_budget()
    )
    if refusal is not None:
        trail.check_block()
    return trail.verdict(refusal)


def effective_risk(intent: ActionIntentV1 | Proposal, bounds: BoundsInForce) -> RiskLevel:
    """The highest of the type's tier and the proposed level. An unregistered type counts as `HIGH`."""
    spec, spec_name = bounds.action_type(intent.action_type), intent.action_type
    # It would run with the tool of the version it pinned: today's tier says nothing about another one.
    pinned = intent.registry_version if isinstance(intent, ActionIntentV1) else bounds.registry_version(spec_name)
    pinned_now = spec is not None and pinned == bounds.type_versions.get(spec_name)
    tier: RiskLevel = spec.risk_tier if spec is not None and pinned_now else "HIGH"
    return max(tier, intent.risk_level or "MINIMAL", key=RISK_ORDER.index)


def ask_policy(
    intent: ActionIntentV1 | Proposal, bounds: BoundsInForce, mode: ResolvedMode, budget: BudgetInForce, now: datetime
) -> tuple[PolicyQuestion, PolicyVerdict]:
    """
    Put the intent to the tenant's policies as they are now; a proposal as the intent that it would become.

    Where they cannot be read the answer is `BLOCK`: the rule that is lost may have been one.
    """
    question = question_of(intent, bounds, mode, local_time(now, budget.day.timezone))
    policies, problem = bounds.policies(), bounds.unreadable(intent.account_id)
    if problem is not None or isinstance(policies, str):
        return question, _blocked_until_bounds_load(problem or "")
    return question, policies.evaluate(question)


class LocalTime(NamedTuple):
    """An hour of an account's own day, as policies see it."""

    date: str
    weekday: str
    hour: int

    @classmethod
    def of(cls, local: datetime) -> Self:
        return cls(local.date().isoformat(), _WEEKDAYS[local.weekday()], local.hour)

    @classmethod
    def parse(cls, text: str) -> Self:
        """From what `str` wrote. Raises `ValueError`."""
        date, weekday, hour = text.split(" ")
        return cls(date, weekday, int(hour))

    def __str__(self) -> str:
        return f"{self.date} {self.weekday} {self.hour}"


def local_time(now: datetime, timezone: str) -> LocalTime:
    """The hour that the clocks of a zone show, which loads here."""
    return LocalTime.of(in_zone(now, zone(timezone)))


def question_of(
    intent: ActionIntentV1 | Proposal, bounds: BoundsInForce, mode: ResolvedMode, local: LocalTime
) -> PolicyQuestion:
    """The question that the intent puts to policies under these bounds."""
    spec = bounds.action_type(intent.action_type)
    return PolicyQuestion(
        tenant_id=intent.tenant_id,
        account_id=intent.account_id,
        proposed_by=intent.proposed_by,
        action_type=intent.action_type,
        mode=mode.mode,
        risk=effective_risk(intent, bounds),
        confidence=ten_thousandths(intent.confidence_score or 0.0, up=False),
        min_confidence=ten_thousandths(spec.min_confidence if spec else DEFAULT_MIN_CONFIDENCE, up=True),
        target_type=intent.target.entity_type,
        target_id=intent.target.entity_id,
        local_date=local.date,
        local_weekday=local.weekday,
        local_hour=local.hour,
        parameters=intent.parameters,
    )


def block_now(intent: ActionIntentV1, bounds: BoundsInForce, now: datetime) -> PolicyVerdict | None:
    """The block of an intent by the bounds as they are: its mode is `DISABLED`, or a rule says `BLOCK`."""
    mode = bounds.mode(intent.account_id, intent.action_type)
    _, verdict = ask_policy(intent, bounds, mode, bounds.budget(intent.account_id, now), now)
    return verdict if verdict.policy_decision == "BLOCK" else None


def _blocked_until_bounds_load(problem: str) -> PolicyVerdict:
    return PolicyVerdict(
        policy_decision="BLOCK",
        reason=BOUNDS_UNREADABLE,
        explanation=f"the bounds cannot be read, so nothing is decided or approved until they are set right: {problem}",
        clauses=[],
        errors=[problem],
    )


_WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")


class _Trail:
    """The checks made so far, in order; each `check_…` adds its own and answers what refuses, if anything."""

    def __init__(self, seen: GateInput) -> None:
        self.seen = seen
        self.checks: list[Check] = []
        self.mode: ResolvedMode | None = None
        self.policy: PolicyVerdict | None = None
        self.charges: list[Charge] = []
        self.usages: dict[str, Usage] = {}

    def _note(self, check: str, passed: bool, **saw: Any) -> None:
        self.checks.append(Check(check=check, passed=passed, saw=saw))

    def check_expiry(self) -> _No | None:
        intent, now = self.seen.intent, self.seen.now
        live = now < intent.expires_at
        self._note("expiry", live, expires_at=instant(intent.expires_at))
        return None if live else _No(INTENT_EXPIRED, f"it expired at {instant(intent.expires_at)}")

    def check_stops(self) -> _No | None:
        intent = self.seen.intent
        stop = stop_in_force(
            self.seen.stops,
            tenant_id=intent.tenant_id,
            account_id=intent.account_id,
            action_type=intent.action_type,
        )
        self._note("stop_switch", stop is None, stop=stop.wire() if stop else None)
        return None if stop is None else _No(AUTONOMY_STOPPED, _stop_in_words(stop))

    def check_edited(self) -> _No | None:
        person, required = self.seen.edited_by, self.seen.person_required
        kept = {"person_required": True} if required and person is None else {}
        self._note("not_edited", person is None and not required, edited_by=person, **kept)
        if person is not None:
            return _No(EDITED_BY_PERSON, f"{person} edited it, so a person approves it")
        replaces = "it takes the place of one that a person had edited, so a person answers it"
        return _No(PERSON_REQUIRED, replaces) if required else None

    def check_bounds(self) -> _No | None:
        intent = self.seen.intent
        problem = self.seen.bounds.unreadable(intent.account_id)
        if problem is None:
            return None
        self.policy = _blocked_until_bounds_load(problem)
        self._note("bounds", False, problem=problem)
        return _No(self.policy.reason, self.policy.explanation)

    def check_allowlist(self) -> _No | None:
        intent = self.seen.intent
        allowed = self.seen.bounds.allowlist(intent.account_id)
        listed = intent.action_type in allowed.action_types
        # The list itself stands once, in the bounds that the decision names by their sequence.
        self._note("allowlist", listed, level=allowed.level, entries=len(allowed.action_types))
        if listed:
            return None
        whose = "there is no list" if allowed.level == "none" else f"it is not on the {allowed.level}'s list"
        return _No(ACTION_TYPE_NOT_ALLOWLISTED, f"{intent.action_type} may never run without a person: {whose}")

    def check_policy(self) -> _No | None:
        seen, intent = self.seen, self.seen.intent
        self.mode = seen.bounds.mode(intent.account_id, intent.action_type)
        self._note("mode", self.mode.mode == "AUTO_EXECUTE", mode=self.mode.mode, source=self.mode.source)
        question, verdict = ask_policy(intent, seen.bounds, self.mode, seen.budget, seen.now)
        self.policy = verdict
        passed = verdict.policy_decision == "AUTO_EXECUTE"
        spec = seen.bounds.action_type(intent.action_type)
        self._note(
            "policy",
            passed,
            policy_decision=verdict.policy_decision,
            clauses=verdict.clauses,
            errors=verdict.errors,
            effective_risk=question.risk,
            risk_tier=spec.risk_tier if spec else None,
            pinned_version=intent.registry_version,
            current_version=seen.bounds.type_versions.get(intent.action_type),
            proposed_risk=intent.risk_level,
            confidence=question.confidence,
            min_confidence=question.min_confidence,
            local_time=str(LocalTime(question.local_date, question.local_weekday, question.local_hour)),
        )
        return None if passed else _No(verdict.reason, self._policy_in_words(question, verdict))

    def _policy_in_words(self, question: PolicyQuestion, verdict: PolicyVerdict) -> str:
        if verdict.reason == "CONFIDENCE_BELOW_THRESHOLD":
            return (
                f"{verdict.explanation} (confidence {question.confidence / 10_000:g}, "
                f"at least {question.min_confidence / 10_000:g} is asked for)"
            )
        if verdict.reason == "RISK_LEVEL_HIGH":
            return f"{verdict.explanation} (effective risk {question.risk})"
        if verdict.reason in ("TENANT_POLICY", "PROPOSE_ONLY", "ACTION_TYPE_DISABLED") and self.mode:
            return f"{verdict.explanation} (mode {self.mode.mode}, from {self.mode.source})"
        return verdict.explanation

    def check_block(self) -> None:
        """Whatever refused it first: what is blocked is shown as blocked, and no person can approve it."""
        intent, bounds = self.seen.intent, self.seen.bounds
        if self.policy is not None or self.seen.now >= intent.expires_at:
            return
        block = block_now(intent, bounds, self.seen.now)
        if block is not None:
            mode = bounds.mode(intent.account_id, intent.action_type)
            self.policy = block
            self._note("block", False, mode=mode.mode, source=mode.source, reason=block.reason, clauses=block.clauses)

    def check_budget(self) -> _No | None:
        seen, intent = self.seen, self.seen.intent
        limits = seen.budget.limits(intent.account_id, intent.action_type)
        if not limits:
            self._note("budget", False, limits=[])
            return _No(BUDGET_NOT_CONFIGURED, f"account {intent.account_id} has no autonomy budget")
        before = {limit.window_id: _used(seen.usages, limit) for limit in limits}
        outcome = charge(limits, seen.usages)
        if isinstance(outcome, Shortfall):
            self._note("budget", False, limits=[_limit_seen(limit, before, None) for limit in limits])
            return _No(BUDGET_EXCEEDED, _shortfall_in_words(outcome, intent))
        self.charges, self.usages = outcome
        after = {taken.window_id: taken.used_after for taken in self.charges}
        self._note("budget", True, limits=[_limit_seen(limit, before, after) for limit in limits])
        return None

    def verdict(self, refusal: _No | None) -> Verdict:
        intent, bounds = self.seen.intent, self.seen.bounds
        decision = Decision(
            action_intent_id=intent.action_intent_id,
            tenant_id=intent.tenant_id,
            account_id=intent.account_id,
            result="REQUIRE_APPROVAL" if refusal else "AUTO_EXECUTED",
            reason=refusal.reason if refusal else (self.policy.reason if self.policy else ""),
            explanation=refusal.explanation if refusal else self._yes_in_words(),
            policy_decision=self.policy.policy_decision if self.policy else None,
            policy_version=policy_version(bounds.bounds.policies),
            policy_clause=self.policy.clauses[0] if self.policy and self.policy.clauses else None,
            checks=self.checks,
            config_sequence=bounds.config_sequence,
            decided_at=self.seen.now,
            intent_digest=intent.digest,
        )
        return Verdict(decision=decision, charges=self.charges, usages=self.usages)

    def _yes_in_words(self) -> str:
        today = self.charges[0]
        return (
            f"{self.seen.intent.action_type} is on the list, its mode, risk and confidence allow it, and it is "
            f"number {today.used_after} of {today.limit} today"
        )


def _used(usages: dict[str, Usage], limit: Limit) -> int:
    usage = usages.get(limit.usage_id)
    return usage.used(limit.counter) if usage else 0


def _limit_seen(limit: Limit, before: dict[str, int], after: dict[str, int] | None) -> dict[str, Any]:
    return {
        "scope": limit.scope,
        "window_id": limit.window_id,
        "limit": limit.limit,
        "used_before": before[limit.window_id],
        "used_after": (after or before)[limit.window_id],
        "resets_at": instant(limit.resets_at),
    }


def _shortfall_in_words(shortfall: Shortfall, intent: ActionIntentV1) -> str:
    limit = shortfall.limit
    whose = {
        "account": f"account {intent.account_id}",
        "account_type": f"{intent.action_type} in account {intent.account_id}",
        "tenant": "all accounts together",
    }[limit.scope]
    return (
        f"the day's limit for {whose} is reached: {shortfall.used} of {limit.limit} used, "
        f"resets at {instant(limit.resets_at)} ({limit.timezone})"
    )


def _stop_in_words(stop: Stop) -> str:
    return f"{stop.stopped_by} stopped {stop.scope} ({stop.level}): {quoted(stop.reason)}"
