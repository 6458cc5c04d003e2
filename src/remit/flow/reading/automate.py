"""The changes of bounds that would have let one intent run, worked out from its decision and the bounds as they are."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from remit.core.errors import NotInThatState
from remit.core.gate.amount import in_units
from remit.core.gate.bounds import BoundsInForce
from remit.core.gate.bounds_diff import changes
from remit.core.gate.budget import Usage, split_window_id
from remit.core.gate.charging import add_to_window
from remit.core.gate.decision import Decision, GateInput
from remit.core.intent import ActionIntentV1
from remit.core.mirrors import view_of
from remit.core.records import USAGE, Key
from remit.flow.context import Context, bounds_key, bounds_of, found_in, intent_keys
from remit.flow.private_values import opened_now
from remit.lab.automate import Automation, Candidate, automate

if TYPE_CHECKING:
    from remit.core.views import CandidateAnswer, CannotAnswer, ProofAnswer, ReplayAnswer

NEVER = "NEVER"
"""The reason for which there is no candidate where every one would break a property of the bounds."""


def automation(
    context: Context, tenant_id: str, action_intent_id: str
) -> tuple[BoundsInForce, ActionIntentV1, Automation]:
    """
    The bounds in force, the intent, and what of them could be changed so that such an intent runs alone, with the
    counters as its decision saw them. Raises `NotFound`, or `NotInThatState` for what does not wait for a person.
    """
    snapshot = context.store.read([*intent_keys(tenant_id, action_intent_id), bounds_key(tenant_id)])
    case, history = found_in(snapshot, tenant_id, action_intent_id)
    case.require_waiting("made automatic")
    (intent,), decision, bounds = opened_now(context.store, [history]), history.decision, bounds_of(snapshot, tenant_id)
    if intent is None or decision is None:
        raise NotInThatState(action_intent_id, case.status, "made automatic")
    seen = GateInput(
        intent=intent,
        bounds=bounds,
        stops=(),
        usages=_usages(context, bounds, intent, decision),
        edited_by=case.edited_by,
        now=decision.decided_at,
        person_required=case.person_required,
        facts=history.facts,
    )
    return bounds, intent, automate(seen)


def candidate_wire(
    before: BoundsInForce, candidate: Candidate, replay: ReplayAnswer | None, proof: ProofAnswer
) -> CandidateAnswer:
    """One candidate as doors show it: what it changes, the whole bounds with that changed, and what that would do."""
    return {
        "kinds": list(candidate.kinds),
        "changes": [view_of(change) for change in changes(before, candidate.after)],
        "bounds": candidate.after.bounds.model_dump(mode="json"),
        "replay": replay,
        "proof": proof,
    }


def cannot_wire(
    found: Automation, bounds: BoundsInForce, action_type: str, *, any_allowed: bool
) -> CannotAnswer | None:
    """
    The reasons why there is no candidate; `any_allowed` says whether one keeps the properties that the bounds have.
    """
    if found.cannot is not None:
        return {"reason": found.cannot.reason, "explanation": _explanation(found.cannot, bounds, action_type)}
    if found.already or any_allowed:
        return None
    return {
        "reason": NEVER,
        "explanation": "no change that would let it run keeps the properties of the bounds (never)",
    }


def _explanation(cannot: Decision, bounds: BoundsInForce, action_type: str) -> str:
    if cannot.reason == "RISK_LEVEL_HIGH" and bounds.action_type(action_type) is None:
        return f"{action_type} is not registered, and counts as HIGH; register it with a tool, and propose it again"
    return cannot.explanation


def _usages(context: Context, bounds: BoundsInForce, intent: ActionIntentV1, decision: Decision) -> dict[str, Usage]:
    """The counters of its windows: as its decision saw them, and where it did not come to look, as they are."""
    plan = bounds.plans.action(intent.account_id, intent.action_type, decision.decided_at)
    keys = [Key(USAGE, intent.tenant_id, usage_id) for usage_id in plan.usage_ids(intent.on_behalf_of)]
    stored = context.store.read(keys)
    usages = {key.id: found for key in keys if (found := stored.get(key)) is not None}
    for limit in _seen_limits(decision):
        usage_id, counter = split_window_id(limit["window_id"])
        ends_at = datetime.fromisoformat(limit["resets_at"])
        usage = usages.get(usage_id) or Usage(usage_id=usage_id, ends_at=ends_at)
        usages[usage_id] = add_to_window(usage, counter, in_units(limit["used_before"]) - usage.used(counter))
    return usages


def _seen_limits(decision: Decision) -> list[Mapping[str, Any]]:
    saw = next((check.saw for check in decision.checks if check.check == "budget"), {})
    return [limit for limit in saw.get("limits", ()) if limit["window_id"]]
