"""
The auto-approval policy: a pure, versioned Cedar rule set (https://docs.cedarpolicy.com).

The platform's own set, `AutoApprovalPolicyV1`, permits the clean yes and forbids, each with its own
reason, everything else. A tenant's policies stand beside it and may only `forbid`, so they can only narrow.

Here belong limits on the text, compiling it, the parameters as rules read them, and asking. Nothing here starts
a process.
"""

from remit.core.gate.policy.evaluate import POLICY_ERROR, WITHIN_BOUNDS, PolicySet, without_details
from remit.core.gate.policy.loading import (
    clauses_of,
    compile_policies,
    find_clause,
    find_mistakes,
    load_policies,
)
from remit.core.gate.policy.platform import (
    PLATFORM_POLICIES,
    PLATFORM_SET,
    POLICY_NAME,
    SCHEMA,
    platform_set_of,
    policy_version,
)
from remit.core.gate.policy.question import PolicyQuestion, PolicyVerdict, ten_thousandths
from remit.core.gate.policy.reads import Reads
from remit.core.gate.policy.shipped import PlatformSet
from remit.core.gate.policy.source import Clause, PolicyDecision, PolicySource, PolicyVersion
from remit.core.gate.policy.text_limits import check_texts

__all__ = [
    "PLATFORM_POLICIES",
    "PLATFORM_SET",
    "POLICY_ERROR",
    "POLICY_NAME",
    "SCHEMA",
    "WITHIN_BOUNDS",
    "Clause",
    "PlatformSet",
    "PolicyDecision",
    "PolicyQuestion",
    "PolicySet",
    "PolicySource",
    "PolicyVerdict",
    "PolicyVersion",
    "Reads",
    "check_texts",
    "clauses_of",
    "compile_policies",
    "find_clause",
    "find_mistakes",
    "load_policies",
    "platform_set_of",
    "policy_version",
    "ten_thousandths",
    "without_details",
]
