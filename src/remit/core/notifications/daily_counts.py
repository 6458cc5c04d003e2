"""
The tally: what each day of a tenant came to, counted from its ledger.

A day is a day of the zone of the tenant's accounts that the bounds do not name, so that it is the day in which
their budgets run. Each entry counts once, on the day that its time falls on in the zone at the moment it is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Literal

from remit.core.errors import InvalidInput
from remit.core.execution.outcome import OutcomeStatus
from remit.core.gate.budget import day_of
from remit.core.gate.decision import Result
from remit.core.ledger.entries import EventType, LedgerEntry
from remit.core.values import ApprovalSource, Document

LONGEST_SPAN_DAYS = 366
"""How many days are shown at once, and how far back counting begins in a ledger that was never counted."""
MOST_TYPES = 500
"""How many action types a day tells apart: agents may name as many as they like."""
OTHER_TYPES = "*"
"""The action type under which the rest of a day's types count; not in the alphabet of their names."""

AnsweredAs = Literal["APPROVED", "REJECTED", "EXPIRED", "WITHDRAWN"]


class Counted(Document):
    """One line of a day: how often one thing happened to actions of one type."""

    action_type: str
    count: int


class Decisions(Counted):
    """How often the gate gave one answer for one reason."""

    result: Result
    reason: str


class Outcomes(Counted):
    """How many executions ended in one way. What is found out later about an `UNKNOWN` one does not count again."""

    status: OutcomeStatus
    approval_source: ApprovalSource


class Answers(Counted):
    """How often people answered, how many nobody answered or began in time, and how many were taken back before."""

    answer: AnsweredAs


class DailyCounts(Document):
    """One day of one tenant. `timezone` is the one in which it was last counted."""

    date: str
    timezone: str
    decisions: list[Decisions] = []
    outcomes: list[Outcomes] = []
    answers: list[Answers] = []

    def with_counts(self, counts: Counter[CountRow], timezone: str) -> DailyCounts:
        """This day with so many more of each."""
        rows: list[Counted] = [*self.decisions, *self.outcomes, *self.answers]
        total = Counter({_row(row): row.count for row in rows})
        known = {action_type for _, action_type, *_ in total}
        for (model, action_type, *rest), count in counts.items():
            named = action_type if action_type in known or len(known) < MOST_TYPES else OTHER_TYPES
            known.add(named)
            total[model, named, *rest] += count
        return DailyCounts(
            date=self.date,
            timezone=timezone,
            **{name: _rows(model, total) for name, model in _LISTS.items()},
        )


CountRow = tuple[Any, ...]
"""What is counted: the model of its line, the action type, and that model's own fields."""

_LISTS: dict[str, type[Counted]] = {"decisions": Decisions, "outcomes": Outcomes, "answers": Answers}


def _row(line: Counted) -> CountRow:
    return (type(line), *(value for name, value in line if name != "count"))


def _rows(model: type[Counted], total: Counter[CountRow]) -> list[Any]:
    names = [name for name in model.model_fields if name != "count"]
    of_model = sorted(row[1:] for row in total if row[0] is model)
    return [model(**dict(zip(names, row, strict=True)), count=total[model, *row]) for row in of_model]


COUNTED: tuple[EventType, ...] = (
    "GATE_DECIDED",
    "ACTION_APPROVED",
    "ACTION_REJECTED",
    "INTENT_EXPIRED",
    "INTENT_WITHDRAWN",
    "ACTION_EXECUTED",
    "ACTION_FAILED",
    "ACTION_UNKNOWN",
    "EXECUTION_CANCELLED",
)


def count(
    entries: Iterable[LedgerEntry], action_types: Mapping[str, str], timezone: str
) -> dict[str, Counter[CountRow]]:
    """Entries of types in `COUNTED` by day. `action_types` is by intent."""
    days: dict[str, Counter[CountRow]] = {}
    for entry in entries:
        what = _counted_as(entry)
        if what is not None:
            day = day_of(datetime.fromisoformat(entry.at), timezone).date
            model, *rest = what
            action_type = action_types.get(entry.action_intent_id or "", OTHER_TYPES)
            days.setdefault(day, Counter())[model, action_type, *rest] += 1
    return days


def _counted_as(entry: LedgerEntry) -> CountRow | None:
    data = entry.data
    match entry.event_type:
        case "GATE_DECIDED":
            return Decisions, data["result"], data["reason"]
        case "ACTION_APPROVED":
            # Policy's approval is the decision itself, and counts as that.
            return None if data["auto_executed"] else (Answers, "APPROVED")
        case "ACTION_REJECTED":
            return Answers, "REJECTED"
        case "INTENT_EXPIRED":
            return Answers, "EXPIRED"
        case "INTENT_WITHDRAWN":
            return Answers, "WITHDRAWN"
    return Outcomes, data["outcome"]["status"], data["approval_source"]


def days_between(first_day: str, last_day: str) -> list[str]:
    """
    Both and every day between.

    Raises `InvalidInput` for what is no date, an order that is none, or more than `LONGEST_SPAN_DAYS`.
    """
    first, last = _date("from", first_day), _date("to", last_day)
    days = (last - first).days + 1
    if days < 1:
        raise InvalidInput("to", f"{last_day} is before {first_day}", "send the earlier day as 'from'")
    if days > LONGEST_SPAN_DAYS:
        raise InvalidInput("to", f"makes {days} days", f"ask for at most {LONGEST_SPAN_DAYS}")
    return [(first + timedelta(days=number)).isoformat() for number in range(days)]


def _date(field: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInput(field, f"{text[:40]!r} is not a day", "send it as 2026-03-10") from None
