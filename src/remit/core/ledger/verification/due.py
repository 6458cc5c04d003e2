"""Values that the checks of a decision have by the bounds that it names, worked out by the functions of the gate."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

from remit.core.gate.autonomy import ResolvedMode
from remit.core.gate.bounds import BoundsInForce
from remit.core.gate.policy import PolicyQuestion, PolicySet, PolicyVerdict, platform_set_of
from remit.core.intent import ActionIntentV1

K = TypeVar("K")
T = TypeVar("T")
MOST_KEPT = 4096
"""How many accounts' and types' values are remembered."""


class VersionedPolicies(NamedTuple):
    """The policies that a decision names: the set, or why it does not load."""

    is_known: bool
    """Did any release have that version with these bounds?"""
    policies: PolicySet | str


class ByBounds:
    """Values that one state of a tenant's bounds alone has for an account and a type, each worked out once."""

    def __init__(self) -> None:
        self._modes: dict[tuple[int, str, str], ResolvedMode] = {}
        self._listed: dict[tuple[int, str, str], dict[str, Any]] = {}
        self._policies: dict[tuple[int, str], VersionedPolicies] = {}

    def mode(self, intent: ActionIntentV1, state: BoundsInForce) -> ResolvedMode:
        place = state.config_sequence, intent.account_id, intent.action_type
        known = self._modes.get(place)
        return known or _kept(self._modes, place, state.mode(intent.account_id, intent.action_type))

    def list_facts(self, intent: ActionIntentV1, state: BoundsInForce) -> dict[str, Any]:
        place = state.config_sequence, intent.account_id, intent.action_type
        return self._listed.get(place) or _kept(self._listed, place, _list_facts(intent, state))

    def policies(self, version: Any, state: BoundsInForce) -> VersionedPolicies:
        """The policies of that version beside which these bounds put theirs."""
        if type(version) is not str:
            return _policies(version, state)
        place = state.config_sequence, version
        return self._policies.get(place) or _kept(self._policies, place, _policies(version, state))


def _kept(known: dict[K, T], place: K, value: T) -> T:
    if len(known) >= MOST_KEPT:
        known.clear()
    known[place] = value
    return value


def _policies(version: Any, state: BoundsInForce) -> VersionedPolicies:
    platform = platform_set_of(version, state.bounds.policies)
    return VersionedPolicies(platform is not None, state.policies(platform))


def _list_facts(intent: ActionIntentV1, state: BoundsInForce) -> dict[str, Any]:
    allowed = state.allowlist(intent.account_id)
    listed = intent.action_type in allowed.action_types
    return {"passed": listed, "level": allowed.level, "entries": len(allowed.action_types)}


def mode_facts(mode: ResolvedMode) -> dict[str, Any]:
    return {"passed": mode.mode == "AUTO_EXECUTE", "mode": mode.mode, "source": mode.source}


def question_facts(intent: ActionIntentV1, state: BoundsInForce, question: PolicyQuestion) -> dict[str, Any]:
    spec = state.action_type(intent.action_type)
    return {
        "effective_risk": question.risk,
        "risk_tier": spec.risk_tier if spec else None,
        "pinned_version": intent.registry_version,
        "current_version": state.type_versions.get(intent.action_type),
        "proposed_risk": intent.risk_level,
        "confidence": question.confidence,
        "min_confidence": question.min_confidence,
    }


def verdict_facts(verdict: PolicyVerdict) -> dict[str, Any]:
    return {
        "passed": verdict.policy_decision == "AUTO_EXECUTE",
        "policy_decision": verdict.policy_decision,
        "clauses": verdict.clauses,
    }
