"""Values that the checks of a decision have by the bounds that it names, worked out by the functions of the gate."""

from __future__ import annotations

from typing import Any

from remit.core.gate.autonomy import ResolvedMode
from remit.core.gate.bounds import BoundsInForce
from remit.core.gate.policy import PolicyQuestion, PolicyVerdict
from remit.core.intent import ActionIntentV1


def mode_in_force(intent: ActionIntentV1, state: BoundsInForce) -> ResolvedMode:
    return state.mode(intent.account_id, intent.action_type)


def list_facts(intent: ActionIntentV1, state: BoundsInForce) -> dict[str, Any]:
    allowed = state.allowlist(intent.account_id)
    listed = intent.action_type in allowed.action_types
    return {"passed": listed, "level": allowed.level, "entries": len(allowed.action_types)}


def mode_facts(intent: ActionIntentV1, state: BoundsInForce) -> dict[str, Any]:
    mode = mode_in_force(intent, state)
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
