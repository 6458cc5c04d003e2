"""The question that an intent puts to policies: its effective risk, its confidence, and the hour of its account."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, Self

from remit.core.gate.action_type import DEFAULT_MIN_CONFIDENCE, ActionTypeSpec
from remit.core.gate.autonomy import AutonomyMode
from remit.core.gate.fact import NO_FACTS, Facts
from remit.core.gate.policy import PolicyQuestion, ten_thousandths
from remit.core.gate.zones import zone
from remit.core.intent import ActionIntentV1
from remit.core.private_values import Commitment
from remit.core.values import RISK_ORDER, RiskLevel, in_zone

if TYPE_CHECKING:
    from remit.core.proposal import Proposal

_WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")


class LocalTime(NamedTuple):
    """An hour of an account's own day, as policies see it."""

    date: str
    weekday: str
    hour: int

    @classmethod
    def of(cls, local: datetime) -> Self:
        return cls(local.date().isoformat(), _WEEKDAYS[local.weekday()], local.hour)

    @classmethod
    def parse(cls, text: str) -> Self:
        """From what `str` wrote. Raises `ValueError`."""
        date, weekday, hour = text.split(" ")
        return cls(date, weekday, int(hour))

    def __str__(self) -> str:
        return f"{self.date} {self.weekday} {self.hour}"


def local_time(now: datetime, timezone: str) -> LocalTime:
    """The hour that the clocks of a zone show, which loads here."""
    return LocalTime.of(in_zone(now, zone(timezone)))


class TypeInForce(NamedTuple):
    """An action type as bounds have it; `spec` and `version` are `None` where it is not registered."""

    spec: ActionTypeSpec | None
    version: int | None

    @property
    def min_confidence(self) -> int:
        """In ten-thousandths, rounded up; 0 where a type asks for none."""
        asked = self.spec.min_confidence if self.spec else DEFAULT_MIN_CONFIDENCE
        return 0 if isinstance(asked, str) else ten_thousandths(asked, up=True)

    def pinned_by(self, intent: ActionIntentV1 | Proposal) -> int | None:
        """The version that an intent pins; a proposal will pin the one that is in force."""
        if isinstance(intent, ActionIntentV1):
            return intent.registry_version
        return self.version if self.spec is not None else None

    def effective_risk(self, intent: ActionIntentV1 | Proposal) -> RiskLevel:
        """The highest of the type's tier and the proposed level. An unregistered type counts as `HIGH`."""
        # It would run with the tool of the version it pinned: today's tier says nothing about another one.
        pinned_now = self.spec is not None and self.pinned_by(intent) == self.version
        tier: RiskLevel = self.spec.risk_tier if self.spec is not None and pinned_now else "HIGH"
        return _highest(tier, intent.risk_level or "MINIMAL")


@lru_cache
def _highest(*levels: RiskLevel) -> RiskLevel:
    return max(levels, key=RISK_ORDER.index)


def question_of(
    intent: ActionIntentV1 | Proposal,
    type_in_force: TypeInForce,
    mode: AutonomyMode,
    local: LocalTime,
    scopes: tuple[str, ...],
    facts: Facts = NO_FACTS,
) -> PolicyQuestion:
    """
    The question at that hour of the account's day, in that mode, with those scopes left of the principal's, and with
    those facts.
    """
    target = intent.target
    return PolicyQuestion(
        tenant_id=intent.tenant_id,
        account_id=intent.account_id,
        proposed_by=intent.proposed_by,
        action_type=intent.action_type,
        mode=mode,
        risk=type_in_force.effective_risk(intent),
        confidence=ten_thousandths(intent.confidence_score or 0.0, up=False),
        confidence_said=intent.confidence_score is not None,
        min_confidence=type_in_force.min_confidence,
        target_type=_text(target.entity_type) if target else "",
        target_id=_text(target.entity_id) if target else "",
        local_date=local.date,
        local_weekday=local.weekday,
        local_hour=local.hour,
        parameters=intent.parameters,
        on_behalf_of=intent.on_behalf_of or "",
        scopes=scopes,
        delegation=tuple(hop.agent for hop in intent.delegation or ()),
        agent_tier=intent.agent_tier or "",
        facts=facts,
    )


def _text(part: str | Commitment) -> str:
    # Where it is not to be had, no rule that looks at it is asked.
    return part if isinstance(part, str) else ""
