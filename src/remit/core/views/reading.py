"""The timeline, stops, what is used, and what verification found."""

from __future__ import annotations

from typing import NotRequired

# pydantic reads `typing.TypedDict` only from Python 3.12 on.
from typing_extensions import TypedDict

from remit.core.gate.autonomy import StopLevel as StopLevel
from remit.core.ledger.entries import EventType
from remit.core.values import ApprovalSource
from remit.core.views.people import BudgetLeft, LimitLeft, PrincipalLeft


class ToldAnswer(TypedDict):
    """One sentence of the timeline. `explanation` is the gate's, where it is about an intent that was decided."""

    at: str
    text: str
    event_type: EventType
    actor: str
    account_id: str | None
    action_intent_id: str | None
    action_type: str | None
    explanation: str | None
    approval_source: ApprovalSource | None
    auto_executed: bool | None


class TimelineAnswer(TypedDict):
    items: list[ToldAnswer]
    next: str | None


class ScopeAnswer(TypedDict):
    """The range of a stop; of a principal's alone it says whose."""

    tenant_id: str | None
    account_id: str | None
    action_type: str | None
    principal: NotRequired[str]


class StopAnswer(TypedDict):
    """One pulled stop switch."""

    scope: ScopeAnswer
    level: StopLevel
    stopped_by: str
    reason: str
    stopped_at: str


class ResumedAnswer(TypedDict):
    resumed: bool
    scope: ScopeAnswer
    level: StopLevel


class CeilingAnswer(TypedDict):
    max_autonomous_per_day: int
    used: int
    left: int
    timezone: str
    resets_at: str


class UsageAnswer(TypedDict):
    """Today's budgets, the limits of now (`limits`: of all accounts together), and the stops that are pulled."""

    tenant_id: str
    config_sequence: int
    accounts: list[BudgetLeft]
    ceiling: CeilingAnswer | None
    limits: list[LimitLeft]
    principals: list[PrincipalLeft]
    stops: list[StopAnswer]


class FindingAnswer(TypedDict):
    invariant: int
    name: str
    where: str
    problem: str


class ReportAnswer(TypedDict):
    """
    The findings of a verification. `newer` names what a newer version wrote and this one cannot judge: it is not
    broken.
    """

    ok: bool
    tenant_id: str | None
    entries: int
    intents: int
    autonomous: int
    approved_by_people: int
    running: int
    windows: int
    sealed: bool
    broken_count: int
    newer: list[str]
    findings: list[FindingAnswer]
