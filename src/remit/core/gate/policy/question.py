"""The question that the gate puts to a policy, and the answer."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from remit.core.gate.autonomy import AutonomyMode
from remit.core.gate.policy.source import PolicyDecision
from remit.core.values import RiskLevel


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

    def without_parameters(self, *, target: bool) -> tuple[str | int, ...]:
        """Everything a rule may look at but the parameters, and the target only if asked for."""
        who = (self.account_id, self.proposed_by, self.action_type, self.mode, self.risk)
        what = (self.target_type, self.target_id) if target else ()
        return (*who, self.confidence, self.min_confidence, self.local_date, self.local_weekday, self.local_hour, *what)

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
                "min_confidence": self.min_confidence,
                "target_type": self.target_type,
                "target_id": self.target_id,
                "date": self.local_date,
                "weekday": self.local_weekday,
                "hour": self.local_hour,
                "texts": _TEXTS,
                "numbers": _NUMBERS,
            },
        }


_TEXTS = {"__entity": {"type": "Texts", "id": "parameters"}}
_NUMBERS = {"__entity": {"type": "Numbers", "id": "parameters"}}


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
