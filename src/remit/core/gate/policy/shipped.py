"""
Every platform policy set that was ever shipped and is not today's: by its hash, decisions of then are verified.

Nothing here is changed or removed. Whoever changes today's set (`platform`) puts a copy of it here first.
"""

from __future__ import annotations

from typing import NamedTuple


class PlatformSet(NamedTuple):
    """A schema and the platform's rules, as texts."""

    schema: str
    policies: str


_SCHEMA_OF_2025 = """
entity Agent, Account;
// Text and yes/no parameters by dotted path; numbers likewise, and the length of a list as "path.count".
entity Texts tags String;
entity Numbers tags decimal;
action "auto_execute" appliesTo {
  principal: Agent,
  resource: Account,
  context: {
    action_type: String,
    mode: String,            // AUTO_EXECUTE, APPROVAL_REQUIRED, PROPOSE_ONLY, DISABLED
    risk: String,            // the effective risk: MINIMAL, LOW, MEDIUM, HIGH
    confidence: Long,        // ten-thousandths, rounded down
    min_confidence: Long,    // ten-thousandths, rounded up
    target_type: String,
    target_id: String,
    date: String,            // 2026-11-23, in the account's time zone; so are the next two
    weekday: String,         // MON TUE WED THU FRI SAT SUN
    hour: Long,              // 0 to 23
    texts: Texts,
    numbers: Numbers
  }
};
"""

_POLICIES_OF_2025 = """
@id("auto_execute_within_bounds")
@explanation("mode, risk and confidence allow it to run on its own")
permit (principal, action, resource)
when {
  context.mode == "AUTO_EXECUTE"
  && (context.risk == "MINIMAL" || context.risk == "LOW")
  && context.confidence >= context.min_confidence
};

@id("action_type_disabled") @reason("ACTION_TYPE_DISABLED") @effect("BLOCK")
@explanation("this action type is switched off here; nobody can approve it until it is switched on again")
forbid (principal, action, resource) when { context.mode == "DISABLED" };

@id("propose_only") @reason("PROPOSE_ONLY") @effect("REQUIRE_APPROVAL")
@explanation("this action type may be proposed here, and only a person carries it on")
forbid (principal, action, resource) when { context.mode == "PROPOSE_ONLY" };

@id("approval_required") @reason("TENANT_POLICY") @effect("REQUIRE_APPROVAL")
@explanation("a person approves every action of this type here")
forbid (principal, action, resource) when { context.mode == "APPROVAL_REQUIRED" };

@id("risk_too_high") @reason("RISK_LEVEL_HIGH") @effect("REQUIRE_APPROVAL")
@explanation("its risk is above LOW")
forbid (principal, action, resource) when { context.risk == "MEDIUM" || context.risk == "HIGH" };

@id("confidence_below_threshold") @reason("CONFIDENCE_BELOW_THRESHOLD") @effect("REQUIRE_APPROVAL")
@explanation("the agent is less sure than this action type asks for")
forbid (principal, action, resource) when { context.confidence < context.min_confidence };
"""

_SCHEMA_BEFORE_FACTS = """
entity Agent, Account;
// Text and yes/no parameters by dotted path; numbers likewise, and the length of a list as "path.count".
entity Texts tags String;
entity Numbers tags decimal;
action "auto_execute" appliesTo {
  principal: Agent,
  resource: Account,
  context: {
    action_type: String,
    mode: String,            // AUTO_EXECUTE, APPROVAL_REQUIRED, PROPOSE_ONLY, DISABLED
    risk: String,            // the effective risk: MINIMAL, LOW, MEDIUM, HIGH
    confidence: Long,        // ten-thousandths, rounded down; 0 where the agent said none
    confidence_said: Bool,
    min_confidence: Long,    // ten-thousandths, rounded up
    target_type: String,     // "" where there is no target; so is the next
    target_id: String,
    on_behalf_of: String,    // the principal; "" where none is named
    scopes: Set<String>,     // the principal's, narrowed by every hop of the delegation
    delegation: Set<String>, // the agents through which it came
    agent_tier: String,      // interactive, subagent, background or api, of the proposer's credential; or ""
    date: String,            // 2026-11-23, in the account's time zone; so are the next two
    weekday: String,         // MON TUE WED THU FRI SAT SUN
    hour: Long,              // 0 to 23
    texts: Texts,
    numbers: Numbers
  }
};
"""

EARLIER_SETS = (
    PlatformSet(_SCHEMA_OF_2025, _POLICIES_OF_2025),
    PlatformSet(_SCHEMA_BEFORE_FACTS, _POLICIES_OF_2025),
)
