"""The question that the gate puts to a policy, and the answer."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Any

from remit.core.gate.autonomy import AutonomyMode
from remit.core.gate.fact import NO_FACTS, Facts
from remit.core.gate.policy.reads import Reads
from remit.core.gate.policy.source import PolicyDecision
from remit.core.values import RiskLevel

Asked = tuple[Hashable, ...]
"""What an answer is known by."""


@dataclass(frozen=True, slots=True)
class PolicyQuestion:
    """Everything a policy may look at. `local_*` are in the account's time zone."""

    tenant_id: str
    account_id: str
    proposed_by: str
    action_type: str
    mode: AutonomyMode
    risk: RiskLevel
    confidence: int
    min_confidence: int
    target_type: str
    target_id: str
    local_date: str
    local_weekday: str
    local_hour: int
    parameters: dict[str, Any]
    confidence_said: bool = True
    on_behalf_of: str = ""
    scopes: tuple[str, ...] = ()
    delegation: tuple[str, ...] = ()
    agent_tier: str = ""
    facts: Facts = field(default_factory=lambda: NO_FACTS)

    def without_parameters(self, reads: Reads) -> Asked:
        """Everything a rule may look at but the parameters and facts; target and principal only if one reads them."""
        who = (self.account_id, self.proposed_by, self.agent_tier, self.action_type, self.mode, self.risk)
        how = (self.confidence, self.confidence_said, self.min_confidence)
        when = (self.local_date, self.local_weekday, self.local_hour)
        what = (self.target_type, self.target_id) if reads.target else ()
        whose = (self.on_behalf_of, self.scopes, self.delegation) if reads.principal else ()
        return (*who, *how, *when, what, whose)

    def request(self) -> dict[str, Any]:
        """The question as Cedar takes it."""
        return {
            "principal": {"type": "Agent", "id": self.proposed_by},
            "action": {"type": "Action", "id": "auto_execute"},
            "resource": {"type": "Account", "id": self.account_id},
            "context": {
                "action_type": self.action_type,
                "mode": self.mode,
                "risk": self.risk,
                "confidence": self.confidence,
                "confidence_said": self.confidence_said,
                "min_confidence": self.min_confidence,
                "target_type": self.target_type,
                "target_id": self.target_id,
                "on_behalf_of": self.on_behalf_of,
                "scopes": list(self.scopes),
                "delegation": list(self.delegation),
                "agent_tier": self.agent_tier,
                "date": self.local_date,
                "weekday": self.local_weekday,
                "hour": self.local_hour,
                "texts": _TEXTS,
                "numbers": _NUMBERS,
                **_FACTS,
            },
        }


_TEXTS = {"__entity": {"type": "Texts", "id": "parameters"}}
_NUMBERS = {"__entity": {"type": "Numbers", "id": "parameters"}}
_FACTS = {
    "facts_texts": {"__entity": {"type": "FactTexts", "id": "facts"}},
    "facts_numbers": {"__entity": {"type": "FactNumbers", "id": "facts"}},
    "facts_booleans": {"__entity": {"type": "FactBooleans", "id": "facts"}},
}


@dataclass(frozen=True, slots=True)
class PolicyVerdict:
    """The policy's answer. `clauses` are the determining ones, the one that gave the reason first."""

    policy_decision: PolicyDecision
    reason: str
    explanation: str
    clauses: list[str]
    errors: list[str]


@lru_cache(maxsize=4096)
def ten_thousandths(value: float, *, up: bool) -> int:
    """A number from 0 to 1 as whole ten-thousandths: thresholds go `up`, confidences down, so doubt never helps."""
    scaled = Decimal(repr(value)) * 10_000
    return int(scaled.to_integral_value(rounding="ROUND_CEILING" if up else "ROUND_FLOOR"))
