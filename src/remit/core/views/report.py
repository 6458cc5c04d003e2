"""The report of a period, which the console and the commands show, and no HTTP route."""

from __future__ import annotations

# pydantic reads `typing.TypedDict` only from Python 3.12 on.
from typing_extensions import TypedDict

from remit.core.ledger.entries import EventType
from remit.core.views.base import AmountAnswer
from remit.core.views.reading import ReportAnswer


class ReportedSum(TypedDict):
    name: str
    unit: str
    value: str


class ReportedWhy(TypedDict):
    """A rule that let actions run, its reason in words, and how many they were."""

    rule: str
    explanation: str
    count: int


class ReportedType(TypedDict):
    """The actions of one type that ran alone."""

    action_type: str
    count: int
    statuses: dict[str, int]
    sums: list[ReportedSum]
    why: list[ReportedWhy]


class ReportedAlone(TypedDict):
    count: int
    by_type: list[ReportedType]


class ReportedPerson(TypedDict):
    """The answers of one person, and how long they took over those that were given for good."""

    by: str
    approved: int
    rejected: int
    edited: int
    voted: int
    undone: int
    median_s: float | None
    slowest_s: float | None


class ReportedPeople(TypedDict):
    count: int
    by_person: list[ReportedPerson]
    expired: int
    withdrawn: int


class TimedLine(TypedDict):
    at: str


class ReportedLine(TimedLine):
    """A line about one intent."""

    action_intent_id: str
    account_id: str
    action_type: str
    title: str
    proposed_by: str
    amounts: dict[str, AmountAnswer]


class ReportedAction(ReportedLine):
    """An action that was carried out, or may have been; `alone` on policy's word."""

    alone: bool
    approved_by: str | None
    reason: str | None
    explanation: str | None
    status: str
    error: str | None


class GivenAnswer(TypedDict):
    """A person's answer: through what it was given, why, and how long after the question."""

    answer: str
    by: str
    through: str | None
    why: str | None
    asked_because: str | None
    after_s: float
    taken_back: bool


class ReportedAnswer(ReportedLine, GivenAnswer):
    """A person's answer about an intent."""


class ReportedResolution(ReportedLine):
    by: str
    status: str
    note: str | None


class ReportedJudgement(ReportedLine):
    """An answer about an action that ran alone; `stopped` says that it stopped its type."""

    right: bool
    reason: str | None
    stopped: bool
    by: str


class ReportedChange(TimedLine):
    """A change of bounds, stops, keys or subscriptions."""

    event_type: EventType
    by: str
    text: str | None
    paths: list[str]


class ReportedSeal(TypedDict):
    """The end of the last export; the seal's own fields stand beside."""

    at: str
    by: str
    hash: str


class ReportedPeriod(TypedDict("From", {"from": str})):
    """The subject of a report."""

    tenant_id: str
    timezone: str
    to: str
    made_at: str


class ReportedEvents(TypedDict):
    """The entries of a period as what they come to, the oldest first."""

    alone: ReportedAlone
    people: ReportedPeople
    actions: list[ReportedAction]
    answers: list[ReportedAnswer]
    troubles: list[ReportedAction]
    resolved: list[ReportedResolution]
    judged: list[ReportedJudgement]
    changes: list[ReportedChange]


class PeriodReport(ReportedPeriod, ReportedEvents):
    """A report: what happened, what verification says, and the seal of the last export."""

    verified: ReportAnswer | None
    last_seal: ReportedSeal | None
