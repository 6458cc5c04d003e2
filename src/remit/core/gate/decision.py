"""
The one place where a verdict is reached, and the checks that explain it.

`decide` is pure: it looks at an intent, the bounds, the stop switches and the counters as they are,
and answers. It looks no further than the first check that fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from msgspec import Struct

from remit.core.canonical import canonical, canonical_plain
from remit.core.delegation import scopes_seen
from remit.core.gate import decision_words as words
from remit.core.gate.autonomy import Stops, stop_in_force
from remit.core.gate.bounds import BoundsInForce
from remit.core.gate.budget import Usage
from remit.core.gate.charging import Charge, Shortfall, charge, used_of
from remit.core.gate.check import Check, Plain, checked
from remit.core.gate.fact import NO_FACTS, Fact, Facts, facts_due, lacking
from remit.core.gate.plan import PolicyAnswer, blocked_until_bounds_load
from remit.core.gate.policy import PolicyDecision, PolicyVerdict
from remit.core.intent import ActionIntentV1
from remit.core.values import Record, UtcTime, instant

Result = Literal["AUTO_EXECUTED", "REQUIRE_APPROVAL"]

INTENT_EXPIRED = "INTENT_EXPIRED"
INTENT_WITHDRAWN = "INTENT_WITHDRAWN"
"""No decision has it: what was taken back before the gate saw it is never decided."""
AUTONOMY_STOPPED = "AUTONOMY_STOPPED"
EDITED_BY_PERSON = "EDITED_BY_PERSON"
PERSON_REQUIRED = "PERSON_REQUIRED"
ACTION_TYPE_NOT_ALLOWLISTED = "ACTION_TYPE_NOT_ALLOWLISTED"
SCOPE_MISSING = "SCOPE_MISSING"
FACT_UNAVAILABLE = "FACT_UNAVAILABLE"
BUDGET_NOT_CONFIGURED = "BUDGET_NOT_CONFIGURED"
MISSING_INPUT = "MISSING_INPUT"
INTENT_NOT_FOUND = "INTENT_NOT_FOUND"
PUBLISH_REJECTED = "PUBLISH_REJECTED"


class Decision(Record, frozen=True, omit_defaults=True):
    """The gate's answer about one intent, with the facts that it rests on. Made once."""

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
    facts: dict[str, Fact] = {}

    def canonical(self) -> bytes:
        # What checks saw is `Plain`: nothing of the caller's parameters stands in a decision. Facts may be fractions.
        return canonical(self.wire()) if self.facts else canonical_plain(self)

    @property
    def approves(self) -> bool:
        """The intent may run without a person."""
        return self.result == "AUTO_EXECUTED"


class Verdict(Struct, frozen=True):
    """A decision and what it costs: nothing, unless it says `AUTO_EXECUTED`."""

    decision: Decision
    charges: list[Charge]
    usages: dict[str, Usage]


class GateInput(Struct, frozen=True):
    """Everything a decision looks at."""

    intent: ActionIntentV1
    bounds: BoundsInForce
    stops: Sequence[Stops]
    usages: dict[str, Usage]
    edited_by: str | None
    now: datetime
    person_required: bool = False
    facts: Facts = NO_FACTS
    """What was looked up for it, by the names of its type's facts."""


class _No(Struct, frozen=True):
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
        or trail.check_scopes()
        or trail.check_facts()
        or trail.check_policy()
        or trail.check_budget()
    )
    if refusal is not None:
        trail.check_block()
    trail.note_log_only()
    return trail.verdict(refusal)


def block_now(
    intent: ActionIntentV1, bounds: BoundsInForce, now: datetime, facts: Facts = NO_FACTS
) -> PolicyVerdict | None:
    """
    The block of an intent by the bounds as they are: its mode is `DISABLED`, or a rule says `BLOCK`.

    `facts` are those that its decision recorded.
    """
    verdict = bounds.plans.action(intent.account_id, intent.action_type, now).ask(intent, facts).verdict
    return verdict if verdict.policy_decision == "BLOCK" else None


_NOT_STOPPED = checked("stop_switch", True, stop=None)
_NOT_EDITED = checked("not_edited", True, edited_by=None)


class _Trail:
    """The checks made so far, in order; each `check_…` adds its own and answers what refuses, if anything."""

    def __init__(self, seen: GateInput) -> None:
        self.seen = seen
        self.plan = seen.bounds.plans.action(seen.intent.account_id, seen.intent.action_type, seen.now)
        spec = self.plan.type_in_force.spec
        self.facts = facts_due(spec.facts, seen.facts) if spec is not None and spec.facts else {}
        self.checks: list[Check] = []
        self.policy: PolicyVerdict | None = None
        self.charges: list[Charge] = []
        self.usages: dict[str, Usage] = {}

    def _note(self, check: str, passed: bool, **saw: Plain) -> None:
        self.checks.append(Check(check=check, passed=passed, saw=saw))

    def check_expiry(self) -> _No | None:
        live, expires_at = self.seen.now < self.seen.intent.expires_at, instant(self.seen.intent.expires_at)
        self._note("expiry", live, expires_at=expires_at)
        return None if live else _No(INTENT_EXPIRED, f"it expired at {expires_at}")

    def check_stops(self) -> _No | None:
        stop = stop_in_force(self.seen.stops, self.seen.intent)
        if stop is None:
            self.checks.append(_NOT_STOPPED)
            return None
        self._note("stop_switch", False, stop=stop.wire())
        return _No(AUTONOMY_STOPPED, words.stopped(stop))

    def check_edited(self) -> _No | None:
        person, required = self.seen.edited_by, self.seen.person_required
        if person is None and not required:
            self.checks.append(_NOT_EDITED)
            return None
        kept = {"person_required": True} if person is None else {}
        self._note("not_edited", False, edited_by=person, **kept)
        if person is not None:
            return _No(EDITED_BY_PERSON, f"{person} edited it, so a person approves it")
        return _No(PERSON_REQUIRED, "it takes the place of one that a person had edited, so a person answers it")

    def check_bounds(self) -> _No | None:
        problem = self.plan.problem
        if problem is None:
            return None
        self.policy = blocked_until_bounds_load(problem)
        self._note("bounds", False, problem=problem)
        return _No(self.policy.reason, self.policy.explanation)

    def check_allowlist(self) -> _No | None:
        listed = self.plan.listed
        self.checks.append(listed)
        if listed.passed:
            return None
        level = listed.saw["level"]
        whose = "there is no list" if level == "none" else f"it is not on the {level}'s list"
        return _No(
            ACTION_TYPE_NOT_ALLOWLISTED, f"{self.seen.intent.action_type} may never run without a person: {whose}"
        )

    def check_scopes(self) -> _No | None:
        intent, spec = self.seen.intent, self.plan.type_in_force.spec
        if spec is None or not spec.required_scopes:
            return None
        seen = scopes_seen(spec.required_scopes, self.seen.bounds.scopes_of(intent))
        self._note("scopes", not seen.missing, on_behalf_of=intent.on_behalf_of, **seen.wire())
        return _No(SCOPE_MISSING, words.missing_scopes(intent, seen.missing)) if seen.missing else None

    def check_facts(self) -> _No | None:
        if not self.facts:
            return None
        without = lacking(self.facts)
        self._note("facts", not without, lacking=without)
        return _No(FACT_UNAVAILABLE, words.missing_facts(without)) if without else None

    def check_policy(self) -> _No | None:
        answer = self.plan.ask(self.seen.intent, self.facts)
        self.checks += (self.plan.mode_check, answer.check)
        self.policy = answer.verdict
        return None if answer.check.passed else _No(answer.verdict.reason, self._policy_in_words(answer))

    def _policy_in_words(self, answer: PolicyAnswer) -> str:
        verdict, saw, mode = answer.verdict, answer.check.saw, self.plan.mode
        if verdict.reason == "CONFIDENCE_BELOW_THRESHOLD":
            said = self.seen.intent.confidence_score is not None
            confidence = f"confidence {saw['confidence'] / 10_000:g}" if said else "it did not say how sure it is"
            return f"{verdict.explanation} ({confidence}, at least {saw['min_confidence'] / 10_000:g} is asked for)"
        if verdict.reason == "RISK_LEVEL_HIGH":
            return f"{verdict.explanation} (effective risk {saw['effective_risk']})"
        if verdict.reason in ("TENANT_POLICY", "PROPOSE_ONLY", "ACTION_TYPE_DISABLED"):
            return f"{verdict.explanation} (mode {mode.mode}, from {mode.source})"
        return verdict.explanation

    def check_block(self) -> None:
        """Whatever refused it first: what is blocked is shown as blocked, and no person can approve it."""
        intent, bounds = self.seen.intent, self.seen.bounds
        if self.policy is not None or self.seen.now >= intent.expires_at:
            return
        block = block_now(intent, bounds, self.seen.now, self.facts)
        if block is not None:
            mode = self.plan.mode
            self.policy = block
            self._note("block", False, mode=mode.mode, source=mode.source, reason=block.reason, clauses=block.clauses)

    def note_log_only(self) -> None:
        """Whatever decided it: what the policies would have said that decide nothing."""
        if self.seen.now >= self.seen.intent.expires_at:
            return
        said = self.plan.ask_log_only(self.seen.intent, self.facts)
        if said is not None:
            self.checks.append(said)

    def check_budget(self) -> _No | None:
        seen, intent = self.seen, self.seen.intent
        limits = self.plan.limits(intent)
        if not limits:
            self._note("budget", False, limits=[])
            return _No(BUDGET_NOT_CONFIGURED, words.no_budget(intent, limited=bool(seen.bounds.bounds.limits)))
        before = [used_of(limit, seen.usages) for limit in limits]
        outcome = charge(limits, seen.usages, before)
        if isinstance(outcome, Shortfall):
            without = {} if outcome.limit.name is None else {"refused_by": outcome.limit.name}
            self._note("budget", False, limits=words.limits_seen(limits, before, ()), **without)
            return _No(outcome.reason, words.shortfall(outcome, intent))
        self.charges, self.usages = outcome
        self._note("budget", True, limits=words.limits_seen(limits, before, self.charges))
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
            policy_version=self.plan.policy_version,
            policy_clause=self.policy.clauses[0] if self.policy and self.policy.clauses else None,
            checks=self.checks,
            config_sequence=bounds.config_sequence,
            decided_at=self.seen.now,
            intent_digest=intent.digest,
            facts=self.facts,
        )
        return Verdict(decision=decision, charges=self.charges, usages=self.usages)

    def _yes_in_words(self) -> str:
        today = self.charges[0]
        if today.limit is None:
            # No budget: what lets it run are limits with names.
            room = (
                f"every limit has room for it ({', '.join(words.counting_names(self.plan.limits(self.seen.intent)))})"
            )
        else:
            room = f"it is number {today.used_after} of {today.limit} today"
        return f"{self.seen.intent.action_type} is on the list, its mode, risk and confidence allow it, and {room}"
