"""The question that the gate puts to a policy, and the answer."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from decimal import Decimal
from functools import lru_cache
from operator import attrgetter
from typing import Any

import orjson
from msgspec import Struct, field

from remit.core.gate.autonomy import AutonomyMode
from remit.core.gate.fact import NO_FACTS, Facts
from remit.core.gate.policy.reads import Reads
from remit.core.gate.policy.source import PolicyDecision
from remit.core.values import RiskLevel

Asked = tuple[Hashable, ...]
"""What an answer is known by."""


class PolicyQuestion(Struct, frozen=True):
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

    def request(self, reads: Reads) -> dict[str, Any]:
        """The question as Cedar takes it, with what rules look at: most of its time goes to reading the context."""
        context = {name: getattr(self, of) for name, of in _IN_CONTEXT.items() if reads.whole or name in reads.fields}
        entities = {name: entity for name, entity in _ENTITIES.items() if reads.whole or name in reads.fields}
        return {
            "principal": {"type": "Agent", "id": self.proposed_by},
            "action": {"type": "Action", "id": "auto_execute"},
            "resource": {"type": "Account", "id": self.account_id},
            # As text: the library would write it more slowly.
            "context": orjson.dumps({**context, **entities}).decode(),
        }


_IN_CONTEXT = {
    **{name: name for name in ("action_type", "mode", "risk", "confidence", "confidence_said", "min_confidence")},
    **{name: name for name in ("target_type", "target_id", "on_behalf_of", "scopes", "delegation", "agent_tier")},
    **{name: f"local_{name}" for name in ("date", "weekday", "hour")},
}
_ATTRIBUTES = {**_IN_CONTEXT, "principal": "proposed_by", "resource": "account_id"}
ENTITIES = {
    "texts": ("Texts", "parameters"),
    "numbers": ("Numbers", "parameters"),
    "facts_texts": ("FactTexts", "facts"),
    "facts_numbers": ("FactNumbers", "facts"),
    "facts_booleans": ("FactBooleans", "facts"),
}
"""The context's fields that are always the same entity, by its type and id."""
_ENTITIES = {name: {"__entity": {"type": kind, "id": id}} for name, (kind, id) in ENTITIES.items()}


def looked_at(reads: Reads) -> Callable[[PolicyQuestion], Asked]:
    """Takes of a question all that rules look at but the parameters and facts, which are known by what is read."""
    attributes = tuple(_ATTRIBUTES[name] for name in sorted(reads.fields & _ATTRIBUTES.keys()))
    # Of one attribute it would take no tuple.
    return attrgetter(*attributes, *attributes[:1]) if attributes else lambda _: ()


class PolicyVerdict(Struct, frozen=True):
    """The policy's answer. `clauses` are the determining ones, the one that gave the reason first."""

    policy_decision: PolicyDecision
    reason: str
    explanation: str
    clauses: list[str]
    errors: list[str]


# Few are asked for, and those that agents say are of two or three digits.
@lru_cache(maxsize=4096)
def ten_thousandths(value: float, *, up: bool) -> int:
    """A number from 0 to 1 as whole ten-thousandths: thresholds go `up`, confidences down, so doubt never helps."""
    scaled = Decimal(repr(value)) * 10_000
    return int(scaled.to_integral_value(rounding="ROUND_CEILING" if up else "ROUND_FLOOR"))
