"""
Invariant 8: what decided is what the ledger says was in force.

Each decision, vote, approval and start of format 2 names a state of the bounds. What it says that it saw there is
worked out again from the `CONFIG_CHANGED` entries, by the functions that the gate uses. No time zone's rules are asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import UNSET

from remit.core.execution.limit_answers import JudgedLimit, judged_limits
from remit.core.execution.outcome import tool_hash
from remit.core.execution.result import ToolResult
from remit.core.execution.votes import may_not_approve
from remit.core.gate.action_type import CALLER, ActionTypeSpec
from remit.core.gate.bounds import BoundsInForce
from remit.core.gate.charging import Charge
from remit.core.gate.fact import Facts
from remit.core.gate.policy_input import question_of
from remit.core.gate.result_settings import BY_DEFAULT
from remit.core.gate.sampling import StopAfter
from remit.core.identity.person import is_among
from remit.core.intent import ActionIntentV1
from remit.core.ledger.recorded_facts import recheck_problems, recorded_facts
from remit.core.ledger.verification.decision_checks import CLOCKS_AGREE, DecisionChecks, evaluated
from remit.core.ledger.verification.entry_data import moment
from remit.core.ledger.verification.limits_seen import misread_charges
from remit.core.ledger.verification.local_hours import hours_around
from remit.core.ledger.verification.tenant_chain import TenantChain
from remit.core.values import SYSTEM, shifted

Data = Mapping[str, Any]


class InForceChecks(DecisionChecks):
    """The checks of one intent's chain against the tenant's own chain; `broken` takes what contradicts it."""

    def __init__(self, own: TenantChain, broken: Callable[[str], None]) -> None:
        super().__init__(own, broken)
        self._voters: list[str] = []

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
        if not data["approved_by"] == entry["actor"] == SYSTEM:
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


def _is_blocked(intent: ActionIntentV1, state: BoundsInForce, at: datetime, facts: Facts) -> bool:
    """Do these bounds block it, whatever hour the account's own clock showed?"""
    policies = state.policies()
    if isinstance(policies, str):
        return False
    known, mode = state.type_in_force(intent.action_type), state.mode(intent.account_id, intent.action_type).mode
    scopes = state.scopes_of(intent)
    return all(
        evaluated(policies, question_of(intent, known, mode, local, scopes, facts), intent).policy_decision == "BLOCK"
        for local in hours_around(at, state.budget_zones(intent.account_id, at)[0])
    )
