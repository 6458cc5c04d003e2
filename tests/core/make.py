"""Builders of core values, each with a default that is a clean yes; a test names only what it is about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from remit.core.execution.approval import Approval, Publication, approve, published, released, reserved
from remit.core.execution.fulfilment import new_attempt
from remit.core.execution.outcome import ExecutionAttempt
from remit.core.gate.autonomy import Stop, Stops, StopScope
from remit.core.gate.bounds import BoundsInForce, nothing_set, replace_bounds
from remit.core.gate.bounds_checks import parse_bounds
from remit.core.gate.charging import Charge
from remit.core.gate.decision import GateInput, Verdict, decide
from remit.core.gate.policy import PolicyQuestion
from remit.core.intent import ActionIntentV1
from remit.core.ledger.entries import NO_CHAIN
from remit.core.lifecycle import Case, Status
from remit.core.proposal import complete, parse_proposal
from remit.core.values import ApprovalSource

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
TYPE = "SEND_NOTE"
APPROVAL_ID = "019c0000-0000-7000-8000-000000000001"


def proposal_json(**changes: Any) -> dict[str, Any]:
    return {
        "action_intent_id": "i-1",
        "tenant_id": "acme",
        "account_id": "north",
        "action_type": TYPE,
        "target": {"entity_type": "contact", "entity_id": "c-1"},
        "parameters": {"text": "hello"},
        "confidence_score": 0.9,
        "risk_level": "LOW",
        **changes,
    }


def intent(*, registry_version: int | None = 1, **changes: Any) -> ActionIntentV1:
    return complete(
        parse_proposal(proposal_json(**changes)),
        action_intent_id="generated",
        trace_id="trace",
        now=NOW,
        expires_after=timedelta(days=7),
        registry_version=registry_version,
    )


def type_json(**changes: Any) -> dict[str, Any]:
    return {"risk_tier": "LOW", "tool": {"connector": "internal", "operation": "create_note"}, **changes}


def bounds_json(**changes: Any) -> dict[str, Any]:
    return {
        "tenant": "acme",
        "action_types": {TYPE: type_json()},
        "allowlist": [TYPE],
        "modes": {"default": "AUTO_EXECUTE"},
        "budget": {"max_autonomous_per_day": 10},
        **changes,
    }


def bounds(**changes: Any) -> BoundsInForce:
    return replace_bounds(nothing_set("acme"), parse_bounds(bounds_json(**changes)), NOW)


def rule(text: str, name: str = "own.cedar") -> dict[str, str]:
    return {"name": name, "text": text}


def stop(level: str = "autonomy", **scope: Any) -> Stop:
    return Stop(scope=StopScope(**scope), level=level, stopped_by="ann", reason="incident 7", stopped_at=NOW)


def verdict(
    proposed: ActionIntentV1 | None = None,
    seen_bounds: BoundsInForce | None = None,
    *,
    stops: list[Stop] | None = None,
    usages: dict[str, Any] | None = None,
    edited_by: str | None = None,
    now: datetime = NOW,
) -> Verdict:
    return decide(
        GateInput(
            intent=proposed or intent(),
            bounds=seen_bounds or bounds(),
            stops=[Stops(stops=stops or [])],
            usages=usages or {},
            edited_by=edited_by,
            now=now,
        )
    )


def question(**changes: Any) -> PolicyQuestion:
    fields: dict[str, Any] = {
        "tenant_id": "acme",
        "account_id": "north",
        "proposed_by": "agent",
        "action_type": TYPE,
        "mode": "AUTO_EXECUTE",
        "risk": "LOW",
        "confidence": 9000,
        "min_confidence": 7000,
        "target_type": "contact",
        "target_id": "c-1",
        "local_date": "2026-03-10",
        "local_weekday": "TUE",
        "local_hour": 12,
        "parameters": {},
    }
    return PolicyQuestion(**{**fields, **changes})


def approval(source: str = "POLICY", charges: list[Charge] | None = None) -> Approval:
    return approve(
        intent(),
        source,
        approval_id=APPROVAL_ID,
        approved_by="remit" if source == "POLICY" else "ann",
        policy_version="AutoApprovalPolicyV1@0" if source == "POLICY" else None,
        charges=charges or [],
        now=NOW,
    )


def case(status: Status = "AWAITING_APPROVAL", **changes: Any) -> Case:
    fields: dict[str, Any] = {
        "tenant_id": "acme",
        "action_intent_id": "i-0",
        "account_id": "north",
        "action_type": TYPE,
        "status": status,
        "created_at": NOW,
        "updated_at": NOW,
        "expires_at": NOW + timedelta(days=1),
        "due_at": NOW,
        "digest": "0" * 64,
        "trace_id": "t",
        "chain": NO_CHAIN,
        "proposed_by": "agent",
    }
    return Case(**{**fields, **changes})


def state(status: str, source: ApprovalSource = "POLICY") -> Publication | None:
    """`"gone"` is none any more."""
    begun = reserved(approval(source))
    if status == "gone":
        return None
    if status == "PUBLISHED":
        return published(begun, expires_at=NOW + timedelta(days=1), now=NOW, ttl_days=30)
    if status == "RELEASED":
        return released(begun, expires_at=NOW + timedelta(days=1), now=NOW, ttl_days=30)
    return begun


def attempt(**changes: Any) -> ExecutionAttempt:
    """One that `me` has just taken."""
    taken = new_attempt(intent(), APPROVAL_ID, None, holder="me", now=NOW, until=NOW + timedelta(seconds=20))
    return taken.changed(**changes)


SAFE = 2**53 - 1
json_scalars = (
    st.none()
    | st.booleans()
    | st.integers(-SAFE, SAFE)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([1.0, -0.0, 0.0, 1e15, 1e16, 1e20, 1e21, 1e-4, 1e-5, 1e-6, 1e-7, 5e-324, 1.7976931348623157e308])
    | st.text()
)
json_keys = st.text(max_size=6) | st.text(
    st.characters(min_codepoint=0xE000, exclude_categories=["Cs"]) | st.sampled_from('a\U0001f600\ufb33\x00\x1f"\\'),
    max_size=3,
)


def json_values(scalars: st.SearchStrategy[Any] = json_scalars) -> st.SearchStrategy[Any]:
    return st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(json_keys, inner, max_size=4),
        max_leaves=12,
    )
