"""Counts of days."""

from __future__ import annotations

from typing import Literal

# pydantic reads `typing.TypedDict` only from Python 3.12 on.
from typing_extensions import TypedDict

from remit.core.execution.outcome import OutcomeStatus
from remit.core.gate.decision import Result
from remit.core.values import ApprovalSource


class DecisionsAnswer(TypedDict):
    action_type: str
    count: int
    result: Result
    reason: str


class OutcomesAnswer(TypedDict):
    action_type: str
    count: int
    status: OutcomeStatus
    approval_source: ApprovalSource


class AnswersAnswer(TypedDict):
    action_type: str
    count: int
    answer: Literal["APPROVED", "REJECTED", "EXPIRED", "WITHDRAWN", "UNDONE", "RIGHT", "WRONG"]


class SumsAnswer(TypedDict):
    """The sum of what was done on policy's word, in one unit of one amount that its type declares."""

    action_type: str
    name: str
    unit: str
    value: str


class DayAnswer(TypedDict):
    date: str
    timezone: str
    decisions: list[DecisionsAnswer]
    outcomes: list[OutcomesAnswer]
    answers: list[AnswersAnswer]
    sums: list[SumsAnswer]


class TallyAnswer(TypedDict):
    """Counts of each day. `counted_to` is the time of the latest entry that is counted; null before any was."""

    tenant_id: str
    timezone: str
    today: str
    counted_to: str | None
    days: list[DayAnswer]
