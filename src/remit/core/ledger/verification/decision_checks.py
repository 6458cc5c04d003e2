"""
Invariant 8, of decisions: what each says that it saw is worked out again by the functions of the gate.

No time zone's rules are asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from remit.core.delegation import scopes_seen
from remit.core.gate.autonomy import Stop, stop_in_force
from remit.core.gate.bounds import BoundsInForce
from remit.core.gate.fact import lacking
from remit.core.gate.plan import LOG_ONLY, would_say
from remit.core.gate.policy import PolicyQuestion, PolicySet, PolicyVerdict
from remit.core.gate.policy_input import LocalTime, question_of
from remit.core.intent import ActionIntentV1
from remit.core.ledger.recorded_facts import facts_problems, recorded_facts
from remit.core.ledger.verification.agreed import claims_of
from remit.core.ledger.verification.due import mode_facts, question_facts, verdict_facts
from remit.core.ledger.verification.entry_data import moment
from remit.core.ledger.verification.limits_seen import misread_limits
from remit.core.ledger.verification.local_hours import local_time, may_show
from remit.core.ledger.verification.refusals import contradictions, expiry_contradictions
from remit.core.ledger.verification.tenant_chain import TenantChain
from remit.core.opened_intent import OpenedIntent
from remit.core.values import shifted

Data = Mapping[str, Any]
CLOCKS_AGREE = timedelta(minutes=5)
"""By how much two clocks, and an entry's time and that of its commit, may differ before verification says so."""


class DecisionChecks:
    """The checks of a decision against the tenant's own chain; `broken` takes what contradicts it."""

    def __init__(self, own: TenantChain, broken: Callable[[str], None]) -> None:
        self.configs, self.stops, self._by_bounds, self._agreed = own.configs, own.stops, own.by_bounds, own.agreed
        self._tell, self._found = broken, 0
        """How much was found to be broken."""

    def _broken(self, problem: str) -> None:
        self._found += 1
        self._tell(problem)

    def state(self, data: Data, entry: Data) -> BoundsInForce | None:
        """The bounds that an entry names; `None`, and a finding, where there never were such."""
        number = data["config_sequence"]
        state = self.configs.get(number)
        if state is None:
            self._broken(f"the bounds it saw (config_sequence {number}) are not in the file")
            return None
        at, (start, end) = moment(entry["at"]), self.configs.in_force(number)
        # The plain comparison first: it is cheap, and nearly all stand well within.
        if start is not None and at < start and at < shifted(start, -CLOCKS_AGREE):
            self._broken(f"it names bounds {number} at {entry['at']}, which were not set before {start.isoformat()}")
        if end is not None and at > end and at > shifted(end, CLOCKS_AGREE):
            self._broken(f"it names bounds {number} at {entry['at']}, which had been replaced at {end.isoformat()}")
        return state

    def decision(self, intent: ActionIntentV1, proposed: Data, data: Data, entry: Data) -> None:
        """A `GATE_DECIDED` entry: lists, mode, risk, confidence, policy and its version, and the stops."""
        state, at = self.state(data, entry), moment(entry["at"])
        checks = {check["check"]: check for check in data["checks"]}
        self._check_edit(intent, proposed, checks)
        self._check_stop(intent, checks, at)
        for problem in expiry_contradictions(intent, data, entry, CLOCKS_AGREE):
            self._broken(problem)
        claims = claims_of(intent, entry, state, self._by_bounds)
        if claims is not None and self._agreed.hold(claims, at):
            return
        found = self._found
        self._check_course(intent, state, data, checks, at)
        if claims is not None and self._found == found:
            self._agreed.note(claims, checks["policy"])

    def _check_course(
        self, intent: ActionIntentV1, state: BoundsInForce | None, data: Data, checks: Mapping[str, Data], at: datetime
    ) -> None:
        """All of a decision that follows from what it names, whenever it was made."""
        for problem in contradictions(data):
            self._broken(problem)
        if state is None:
            return
        is_known, policies = self._by_bounds.policies(data["policy_version"], state)
        if not is_known:
            self._broken(f"its policy_version is not that of bounds {state.config_sequence}")
        if "allowlist" in checks:
            self._compare(checks["allowlist"], self._by_bounds.list_facts(intent, state))
        self._check_scopes(intent, state, checks.get("scopes"), data["result"])
        self._check_facts(intent, state, data, checks.get("facts"))
        if "mode" in checks:
            self._compare(checks["mode"], mode_facts(self._by_bounds.mode(intent, state)))
        if "policy" in checks:
            self._check_policy(intent, state, data, checks["policy"], at, policies)
        if "budget" in checks and data["result"] != "AUTO_EXECUTED":
            for problem in misread_limits(intent, state, data, checks["budget"], at):
                self._broken(problem)
        self._check_log_only(intent, state, data, checks, at, policies)

    def _check_edit(self, intent: ActionIntentV1, proposed: Data, checks: Mapping[str, Data]) -> None:
        seen = checks.get("not_edited")
        if seen is None:
            return
        edited_by = seen["saw"]["edited_by"]
        if proposed["actor"] != (edited_by or intent.proposed_by):
            self._broken(f"{proposed['actor']} wrote the proposal, and its decision saw that {edited_by!r} edited it")
        if seen["passed"] is not (edited_by is None and not seen["saw"].get("person_required")):
            self._broken(f"its check 'not_edited' says {seen['passed']}, and saw {dict(seen['saw'])}")

    def _check_stop(self, intent: ActionIntentV1, checks: Mapping[str, Data], at: datetime) -> None:
        if "stop_switch" not in checks:
            return
        seen = checks["stop_switch"]["saw"]["stop"]
        if checks["stop_switch"]["passed"] is not (seen is None):
            self._broken(f"its check 'stop_switch' says {checks['stop_switch']['passed']}, and saw {seen}")
        elif seen is None:
            self._refuse_stopped(intent, at, at, "it was decided as if nothing was stopped")
        else:
            self._check_stop_seen(intent, Stop.model_validate(seen), at)

    def _check_stop_seen(self, intent: ActionIntentV1, stop: Stop, at: datetime) -> None:
        """It covers the intent, and was pulled then. Of the platform's own another chain tells."""
        if not stop.scope.covers(intent):
            self._broken(f"it saw {stop.scope} stopped, which does not stop it")
        known = stop.scope.tenant_id is not None and self.stops.is_whole
        if known and not self.stops.was_pulled(stop, shifted(at, -CLOCKS_AGREE), shifted(at, CLOCKS_AGREE)):
            self._broken(f"it saw {stop.scope} stopped by {stop.stopped_by}, and no such stop was in force")

    def _refuse_stopped(self, intent: ActionIntentV1, start: datetime, end: datetime, what: str, *also: str) -> None:
        if self.stops.were_none:
            return
        stops = self.stops.all_through(shifted(start, -CLOCKS_AGREE), shifted(end, CLOCKS_AGREE))
        stop = stop_in_force([stops], intent)
        if stop is not None and (not also or stop.level in also):
            self._broken(f"{what}, and {stop.stopped_by} had stopped {stop.scope} ({stop.level})")

    def _check_scopes(self, intent: ActionIntentV1, state: BoundsInForce, check: Data | None, result: str) -> None:
        spec = state.action_type(intent.action_type)
        required = spec.required_scopes if spec else []
        if check is not None:
            seen = scopes_seen(required, state.scopes_of(intent))
            self._compare(check, {"passed": not seen.missing, "on_behalf_of": intent.on_behalf_of, **seen.wire()})
        if required and result == "AUTO_EXECUTED" and (check is None or check["passed"] is not True):
            self._broken(f"it was decided AUTO_EXECUTED and has not the scopes {', '.join(required)}")

    def _check_facts(self, intent: ActionIntentV1, state: BoundsInForce, data: Data, check: Data | None) -> None:
        """Those that the bounds name were had as they say; with others, or with none, nothing runs alone."""
        spec, facts = state.action_type(intent.action_type), recorded_facts(data)
        for problem in facts_problems(spec.facts if spec else {}, facts, moment(data["decided_at"])):
            self._broken(problem)
        if check is not None:
            without = lacking(facts)
            self._compare(check, {"passed": not without, "lacking": without})
        if facts and data["result"] == "AUTO_EXECUTED" and (check is None or check["passed"] is not True):
            self._broken("it was decided AUTO_EXECUTED without the facts that its type asks for")

    def _check_policy(
        self,
        intent: ActionIntentV1,
        state: BoundsInForce,
        data: Data,
        check: Data,
        at: datetime,
        policies: PolicySet | str,
    ) -> None:
        question = self._question(intent, state, data, check, at)
        self._compare(check, question_facts(intent, state, question))
        # Cedar may say more in another release of it; what does not load here cannot be asked again.
        if not isinstance(policies, str):
            verdict = evaluated(policies, question, intent)
            if not is_whole(intent):
                self._check_without_values(verdict, check)
                return
            self._compare(check, verdict_facts(verdict))
            if check["passed"] is False and data["reason"] != verdict.reason:
                self._broken(f"its reason is {data['reason']}, its policy says {verdict.reason}")
            if data["policy_decision"] != verdict.policy_decision:
                self._broken(f"its policy_decision is {data['policy_decision']}, that of its policy is another")

    def _question(
        self, intent: ActionIntentV1, state: BoundsInForce, data: Data, check: Data, at: datetime
    ) -> PolicyQuestion:
        """As its policies were asked, at the hour that the check says."""
        said = check["saw"]["local_time"]
        local = local_time(said) if type(said) is str else LocalTime.parse(said)
        if not may_show(local, at):
            self._broken(f"its policy saw the local time {local}, at {at.isoformat()}")
        known, scopes = state.type_in_force(intent.action_type), state.scopes_of(intent)
        return question_of(intent, known, self._by_bounds.mode(intent, state).mode, local, scopes, recorded_facts(data))

    def _check_log_only(
        self,
        intent: ActionIntentV1,
        state: BoundsInForce,
        data: Data,
        checks: Mapping[str, Data],
        at: datetime,
        policies: PolicySet | str,
    ) -> None:
        """Policies that decide nothing: what each would have said stands in the decision, and nothing else."""
        check = checks.get(LOG_ONLY)
        if isinstance(policies, str):
            return
        if check is None:
            looked = checks["expiry"]["passed"] and "bounds" not in checks
            if policies.log_only and looked:
                self._broken("it does not say what its log_only policies would have said")
            return
        question = self._question(intent, state, data, check, at)
        said = {each["name"]: each for each in check["saw"]["policies"]}
        if [*said] != [each.version for each in policies.log_only]:
            self._broken(f"its log_only policies are {[*said]}, those of its bounds are others")
            return
        for policy in policies.log_only:
            self._check_would_say(said[policy.version], evaluated(policy, question, intent), whole=is_whole(intent))

    def _check_would_say(self, said: Data, verdict: PolicyVerdict, *, whole: bool) -> None:
        due = would_say(said["name"], verdict)
        if whole:
            differs = any(said.get(name) != due.get(name) for name in ("would_say", "policy_decision", "clauses"))
        else:
            # Those that look at no private value are known all the same.
            differs = not set(verdict.clauses) <= set(said.get("clauses", ()))
        if differs:
            self._broken(f"its log_only policy {said['name']!r} would have said otherwise than {said['would_say']!r}")

    def _check_without_values(self, known: PolicyVerdict, check: Data) -> None:
        """Of rules that look at values which are not here nothing is known; the others hold all the same."""
        if check["passed"] and known.clauses:
            self._broken(
                f"its policy passed it, and {', '.join(known.clauses)} forbid it whatever its private values are"
            )

    def _compare(self, check: Data, facts: Mapping[str, Any]) -> None:
        saw = {**check["saw"], "passed": check["passed"]}
        # As nearly all do.
        if facts.items() <= saw.items():
            return
        for name, due in facts.items():
            if saw.get(name) != due:
                self._broken(f"its check {check['check']!r} has {name} {saw.get(name)!r}, the bounds come to {due!r}")


def is_whole(intent: ActionIntentV1) -> bool:
    return not (isinstance(intent, OpenedIntent) and intent.missing_for_execution)


def evaluated(policies: PolicySet, question: PolicyQuestion, intent: ActionIntentV1) -> PolicyVerdict:
    return policies.evaluate(question) if is_whole(intent) else policies.evaluate_blindly(question, "")
