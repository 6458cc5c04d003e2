"""
Invariant 8: what decided is what the ledger says was in force.

Each decision, vote, approval and start of format 2 names a state of the bounds. What it says that it saw there is
worked out again from the `CONFIG_CHANGED` entries, by the functions that the gate uses. No time zone's rules are asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec import UNSET

from remit.core.delegation import scopes_seen
from remit.core.execution.limit_answers import JudgedLimit, judged_limits
from remit.core.execution.outcome import tool_hash
from remit.core.execution.result import ToolResult
from remit.core.execution.votes import may_not_approve
from remit.core.gate.action_type import CALLER, ActionTypeSpec
from remit.core.gate.autonomy import Stop, stop_in_force
from remit.core.gate.bounds import BoundsInForce
from remit.core.gate.charging import Charge
from remit.core.gate.fact import Facts, lacking
from remit.core.gate.plan import LOG_ONLY, would_say
from remit.core.gate.policy import PolicyQuestion, PolicySet, PolicyVerdict
from remit.core.gate.policy_input import LocalTime, question_of
from remit.core.gate.result_settings import BY_DEFAULT
from remit.core.gate.sampling import StopAfter
from remit.core.identity.person import is_among
from remit.core.intent import ActionIntentV1
from remit.core.ledger.config_history import ConfigHistory
from remit.core.ledger.recorded_facts import facts_problems, recheck_problems, recorded_facts
from remit.core.ledger.stop_history import StopHistory
from remit.core.ledger.verification.due import ByBounds, mode_facts, question_facts, verdict_facts
from remit.core.ledger.verification.entry_data import moment
from remit.core.ledger.verification.limits_seen import misread_charges, misread_limits
from remit.core.ledger.verification.local_hours import hours_around, local_time, may_show
from remit.core.ledger.verification.refusals import contradictions
from remit.core.opened_intent import OpenedIntent
from remit.core.values import SYSTEM, shifted

Data = Mapping[str, Any]
CLOCKS_AGREE = timedelta(minutes=5)
"""By how much two clocks, and an entry's time and that of its commit, may differ before verification says so."""


class InForceChecks:
    """The checks of one intent's chain against the tenant's own chain; `broken` takes what contradicts it."""

    def __init__(
        self, configs: ConfigHistory, stops: StopHistory, by_bounds: ByBounds, broken: Callable[[str], None]
    ) -> None:
        self.configs, self.stops, self._by_bounds, self._broken = configs, stops, by_bounds, broken
        self._voters: list[str] = []

    def state(self, data: Data, entry: Data) -> BoundsInForce | None:
        """The bounds that an entry names; `None`, and a finding, where there never were such."""
        number = data["config_sequence"]
        state = self.configs.get(number)
        if state is None:
            self._broken(f"the bounds it saw (config_sequence {number}) are not in the file")
            return None
        at, (start, end) = moment(entry["at"]), self.configs.in_force(number)
        if start is not None and at < shifted(start, -CLOCKS_AGREE):
            self._broken(f"it names bounds {number} at {entry['at']}, which were not set before {start.isoformat()}")
        if end is not None and at > shifted(end, CLOCKS_AGREE):
            self._broken(f"it names bounds {number} at {entry['at']}, which had been replaced at {end.isoformat()}")
        return state

    def decision(self, intent: ActionIntentV1, proposed: Data, data: Data, entry: Data) -> None:
        """A `GATE_DECIDED` entry: lists, mode, risk, confidence, policy and its version, and the stops."""
        state, at = self.state(data, entry), moment(entry["at"])
        checks = {check["check"]: check for check in data["checks"]}
        self._check_edit(intent, proposed, checks)
        self._check_stop(intent, checks, at)
        for problem in contradictions(intent, data, entry, CLOCKS_AGREE):
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
            verdict = _evaluated(policies, question, intent)
            if not _is_whole(intent):
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
            self._check_would_say(said[policy.version], _evaluated(policy, question, intent), whole=_is_whole(intent))

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

    def vote(self, intent: ActionIntentV1, edited_by: str | None, data: Data, entry: Data) -> None:
        """An `APPROVAL_VOTED` entry: who, how many of how many."""
        voter = data["voted_by"]
        if voter != entry["actor"]:
            self._broken(f"{entry['actor']} wrote the vote of {voter}")
        if voter in self._voters:
            self._broken(f"{voter} voted twice")
        self._voters.append(voter)
        # Fewer may count: not everybody who voted does, under the bounds of then.
        if not 0 < data["votes"] <= len(self._voters):
            self._broken(f"a vote counts as number {data['votes']}, of {len(self._voters)} votes")
        state = self.state(data, entry)
        if state is None:
            return
        needed = state.approvals_required(intent.action_type)
        if data["votes_needed"] != needed:
            self._broken(f"a vote says that {data['votes_needed']} are needed, the bounds said {needed}")
        self._refuse_own(intent, edited_by, state, voter)

    def approval_of_policy(
        self, intent: ActionIntentV1, decision: Data, charges: Sequence[Charge], data: Data, entry: Data
    ) -> None:
        """An `ACTION_APPROVED` entry by policy: it goes with its decision, and has its bounds' share for people."""
        for by in sorted({data["approved_by"], entry["actor"]} - {SYSTEM}):
            self._broken(f"{by} is said to have approved what its bounds did")
        for problem in misread_charges(charges, decision.get("checks", ())):
            self._broken(problem)
        for name in ("config_sequence", "policy_version"):
            if decision and data[name] != decision[name]:
                self._broken(f"its approval has {name} {data[name]}, its decision {decision[name]}")
        state = self.configs.get(data["config_sequence"])
        due = state.sample(intent.action_type) if state is not None else UNSET
        if state is not None and data.get("sample", UNSET) != due:
            self._broken(f"its approval has the share {data.get('sample')!r}, its bounds say {due!r}")

    def judged(
        self, intent: ActionIntentV1, edited_by: str | None, charges: Sequence[Charge], data: Data, entry: Data
    ) -> tuple[StopAfter | None, list[JudgedLimit]]:
        """
        An `AUTONOMY_SAMPLED` entry: who answered, and when the bounds of then say to stop, its type and the limits that
        it was charged to.
        """
        by = data["answered_by"]
        if by != entry["actor"]:
            self._broken(f"{entry['actor']} wrote the answer of {by}")
        state = self.state(data, entry)
        if state is None:
            return None, []
        if is_among(by, may_not_approve(intent, edited_by, state.bounds)):
            self._broken(f"{by} judged what is {by}'s own")
        spec = state.action_type(intent.action_type)
        stop_after = spec.stop_after if spec else None
        if data.get("stop_after") != (stop_after and stop_after.model_dump(mode="json")):
            self._broken(f"the answer about it says {data.get('stop_after')!r} of when to stop, its bounds another")
        limits = judged_limits(state.bounds, intent, charges)
        said = [(each["limit"], each["scope"], each["stop_after"]) for each in data.get("limits", ())]
        if said != [(each.limit, each.scope, each.stop_after.model_dump(mode="json")) for each in limits]:
            self._broken("the answer about it counts for other limits than its bounds say, or says another stop_after")
            return stop_after, []
        return stop_after, limits

    def approval_of_people(
        self, intent: ActionIntentV1, decision: Data, edited_by: str | None, data: Data, entry: Data
    ) -> None:
        """An `ACTION_APPROVED` entry by people: as many as are needed, and nothing was blocked."""
        by, approvers = data["approved_by"], data.get("approvers", [data["approved_by"]])
        if "sample" in data:
            self._broken("people approved it, and its approval has a share of automatic actions")
        if by != entry["actor"]:
            self._broken(f"{entry['actor']} wrote the approval of {by}")
        if decision and data["policy_version"] != decision["policy_version"]:
            self._broken("its approval has another policy_version than its decision")
        state = self.state(data, entry)
        if state is None:
            return
        needed = state.approvals_required(intent.action_type)
        self._check_approvers(approvers, by, needed)
        # An approval that is given back has used its votes up.
        self._voters = []
        self._refuse_own(intent, edited_by, state, by)
        if _is_blocked(intent, state, moment(entry["at"]), recorded_facts(decision)):
            self._broken(f"it was approved although bounds {state.config_sequence} block it")

    def _check_approvers(self, approvers: Sequence[str], by: str, needed: int) -> None:
        if len(set(approvers)) < needed:
            self._broken(f"{len(set(approvers))} approved it, the bounds asked for {needed}")
        voted = {*self._voters, *([by] if needed == 1 else [])}
        for name in sorted({*approvers, by} - voted):
            self._broken(f"{name} is named as an approver and did not vote")

    def _refuse_own(self, intent: ActionIntentV1, edited_by: str | None, state: BoundsInForce, by: str) -> None:
        if is_among(by, may_not_approve(intent, edited_by, state.bounds)):
            self._broken(f"{by} approved what is {by}'s own")

    def start(self, intent: ActionIntentV1, data: Data, entry: Data) -> None:
        """An `EXECUTION_STARTED` entry: the tool is that of the version that the intent pinned."""
        self.state(data, entry)
        version = intent.registry_version
        spec = self.configs.action_type(intent.action_type, version)
        if spec is None and version is not None:
            self._broken(f"it pinned version {version} of {intent.action_type}, which there never was")
        elif data["tool_hash"] != tool_hash(spec.tool if spec else None):
            self._broken(f"it was started with another tool than version {version} of {intent.action_type} has")

    def outcome(self, intent: ActionIntentV1, decision: Data, started_at: datetime, data: Data, entry: Data) -> None:
        """
        An outcome's entry: which tool it says was called, and that nothing was called under a stop, or by facts that
        were not looked up again where its type says so.
        """
        spec, outcome = self.configs.action_type(intent.action_type, intent.registry_version), data["outcome"]
        for problem in recheck_problems(spec, recorded_facts(decision), data, started_at, moment(entry["at"])):
            self._broken(problem)
        due = (spec.tool.name if spec else None, intent.registry_version)
        if (outcome["tool"], outcome["registry_version"]) != due:
            self._broken(f"its outcome names the tool {outcome['tool']!r} of version {outcome['registry_version']}")
        if outcome["attempt_count"]:
            self._check_reporter(intent, spec, outcome, entry)
            levels = ("autonomy", "everything") if outcome["approval_source"] == "POLICY" else ("everything",)
            self._refuse_stopped(intent, started_at, moment(entry["at"]), "it was called", *levels)

    def _check_reporter(self, intent: ActionIntentV1, spec: ActionTypeSpec | None, outcome: Data, entry: Data) -> None:
        """Whether it was done, only whoever executed it knows."""
        by_caller = spec is not None and spec.tool.connector == CALLER
        executed_by = intent.proposed_by if by_caller else SYSTEM
        if outcome["status"] in ("SUCCEEDED", "FAILED") and entry["actor"] != executed_by:
            self._broken(f"{entry['actor']} said that it {outcome['status']}, and {executed_by} executes it")

    def result(self, intent: ActionIntentV1, known: ToolResult, entry: Data) -> None:
        """An entry's word on the tool's answer: kept as the pinned version of the type says, and no longer."""
        spec = self.configs.action_type(intent.action_type, intent.registry_version)
        settings = spec.results if spec else BY_DEFAULT
        if settings.mode == "none" or (known.kept and settings.mode != "kept"):
            self._broken(f"it tells of an answer, and version {intent.registry_version} of its type says otherwise")
        if known.kept and (
            known.erase_at is None or known.erase_at > shifted(moment(entry["at"]), settings.kept_for + CLOCKS_AGREE)
        ):
            self._broken("its answer is kept for longer than its action type says")


def _is_whole(intent: ActionIntentV1) -> bool:
    return not (isinstance(intent, OpenedIntent) and intent.missing_for_execution)


def _evaluated(policies: PolicySet, question: PolicyQuestion, intent: ActionIntentV1) -> PolicyVerdict:
    return policies.evaluate(question) if _is_whole(intent) else policies.evaluate_blindly(question, "")


def _is_blocked(intent: ActionIntentV1, state: BoundsInForce, at: datetime, facts: Facts) -> bool:
    """Do these bounds block it, whatever hour the account's own clock showed?"""
    policies = state.policies()
    if isinstance(policies, str):
        return False
    known, mode = state.type_in_force(intent.action_type), state.mode(intent.account_id, intent.action_type).mode
    scopes = state.scopes_of(intent)
    return all(
        _evaluated(policies, question_of(intent, known, mode, local, scopes, facts), intent).policy_decision == "BLOCK"
        for local in hours_around(at, state.budget_zones(intent.account_id, at)[0])
    )
