"""
The platform's own rules, `AutoApprovalPolicyV1`, and the schema that every rule has to fit.

They permit the clean yes and forbid, each with its own reason, everything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from remit.core.canonical import digest_of
from remit.core.gate.policy.shipped import EARLIER_SETS, PlatformSet
from remit.core.gate.policy.source import PolicySource

POLICY_NAME = "AutoApprovalPolicyV1"

SCHEMA = """
entity Agent, Account;
// Text and yes/no parameters by dotted path; numbers likewise, and the length of a list as "path.count".
entity Texts tags String;
entity Numbers tags decimal;
// Facts, as name.path: kinds of their own, so that no rule can take a parameter for one.
entity FactTexts tags String;
entity FactNumbers tags decimal;
entity FactBooleans tags Bool;
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
    numbers: Numbers,
    facts_texts: FactTexts,
    facts_numbers: FactNumbers,
    facts_booleans: FactBooleans
  }
};
"""

PLATFORM_POLICIES = """
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


PLATFORM_SET = PlatformSet(SCHEMA, PLATFORM_POLICIES)


def policy_version(sources: Sequence[PolicySource]) -> str:
    """The name and the content hash of the platform's set with these beside it."""
    return _version(PLATFORM_SET, tuple(sources))


def platform_set_of(version: str, sources: Sequence[PolicySource]) -> PlatformSet | None:
    """The platform's set, of any that was ever shipped, that has this version with these beside it."""
    beside = tuple(sources)
    return next((each for each in (PLATFORM_SET, *EARLIER_SETS) if _version(each, beside) == version), None)


@lru_cache(maxsize=256)
def _version(platform: PlatformSet, sources: tuple[PolicySource, ...]) -> str:
    content = [platform.schema, platform.policies, [source.content for source in sources]]
    return f"{POLICY_NAME}@{digest_of(content)}"
