"""
The tally: what each day of a tenant came to, counted from its ledger.

A day is a day of the zone of the tenant's accounts that the bounds do not name, so that it is the day in which
their budgets run. Each entry counts once, on the day that its time falls on in the zone at the moment it is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Literal

import msgspec

from remit.core.errors import InvalidInput
from remit.core.execution.approval import UNDONE
from remit.core.execution.outcome import OutcomeStatus
from remit.core.gate.amount import Amount, AmountUnknown, decimal_text, in_units
from remit.core.gate.budget import day_of
from remit.core.gate.decision import Result
from remit.core.ledger.entries import EventType, LedgerEntry
from remit.core.values import ApprovalSource, Document, parse_day

LONGEST_SPAN_DAYS = 366
"""How many days are shown at once, and how far back counting begins in a ledger that was never counted."""
MOST_TYPES = 500
"""How many action types a day tells apart: agents may name as many as they like."""
OTHER_TYPES = "*"
"""The action type under which the rest of a day's types count; not in the alphabet of their names."""

MOST_SUMS = 1000
"""How many sums a day has: units may be the agent's words. Of further ones nothing is summed."""

AnsweredAs = Literal["APPROVED", "REJECTED", "EXPIRED", "WITHDRAWN", "UNDONE", "RIGHT", "WRONG"]


class Line(Document):
    """One line of a day, of actions of one type."""

    action_type: str


class Counted(Line):
    """The number of times that one thing happened."""

    count: int


class Decisions(Counted):
    """The number of times that the gate gave one answer for one reason."""

    result: Result
    reason: str


class Outcomes(Counted):
    """
    The number of executions that ended in one way. What is found out later about an `UNKNOWN` one does not count again.
    """

    status: OutcomeStatus
    approval_source: ApprovalSource


class Answers(Counted):
    """
    The number of times that people answered, how many nobody answered or began in time, and how many were taken back
    before.

    An approval that its approver took back stays one of `APPROVED`, and is one of `UNDONE` too. `RIGHT` and `WRONG` are
    what people judged afterwards of what had run alone.
    """

    answer: AnsweredAs


class Sums(Line):
    """The sum of what was done on policy's word, in one unit of one amount that the type declares."""

    name: str
    unit: str
    value: str


class DailyCounts(Document):
    """One day of one tenant. `timezone` is the one in which it was last counted."""

    date: str
    timezone: str
    decisions: list[Decisions] = []
    outcomes: list[Outcomes] = []
    answers: list[Answers] = []
    sums: list[Sums] = []

    @property
    def decided_types(self) -> set[str]:
        """The action types of which the gate answered for any, as far as the day tells them apart."""
        return {line.action_type for line in self.decisions} - {OTHER_TYPES}

    @property
    def answered(self) -> Counter[AnsweredAs]:
        """The numbers that ended in each way; an approval that was taken back is none."""
        counts: Counter[AnsweredAs] = Counter()
        for row in self.answers:
            counts[row.answer] += row.count
        # It may have been given just before midnight.
        counts["APPROVED"] = max(0, counts["APPROVED"] - counts["UNDONE"])
        return counts

    def with_counts(self, counts: Counter[CountRow], timezone: str) -> DailyCounts:
        """This day with so many more of each."""
        rows: list[Counted] = [*self.decisions, *self.outcomes, *self.answers]
        total = Counter({_row(row): row.count for row in rows})
        total |= Counter({_row(row): in_units(row.value) for row in self.sums})
        known = {action_type for _, action_type, *_ in total}
        sums = len(self.sums)
        for (model, action_type, *rest), count in counts.items():
            named = action_type if action_type in known or len(known) < MOST_TYPES else OTHER_TYPES
            row = (model, named, *rest)
            if model is Sums and row not in total:
                if sums >= MOST_SUMS:
                    continue
                sums += 1
            known.add(named)
            total[row] += count
        return DailyCounts(
            date=self.date,
            timezone=timezone,
            **{name: _rows(model, total) for name, model in _LISTS.items()},
        )


CountRow = tuple[Any, ...]
"""What is counted: the model of its line, the action type, and that model's own fields."""
Amounts = Mapping[str, Amount | AmountUnknown]
"""What one intent's arguments come to, by name."""

_LISTS: dict[str, type[Line]] = {"decisions": Decisions, "outcomes": Outcomes, "answers": Answers, "sums": Sums}
_TOTALS = ("count", "value")
"""The fields that grow."""


def _row(line: Line) -> CountRow:
    return (type(line), *(value for name, value in line if name not in _TOTALS))


def _rows(model: type[Line], total: Counter[CountRow]) -> list[Any]:
    names = [name for name in model.model_fields if name not in _TOTALS]
    of_model = sorted(row[1:] for row in total if row[0] is model)
    return [model(**dict(zip(names, row, strict=True)), **_total(model, total[model, *row])) for row in of_model]


def _total(model: type[Line], number: int) -> dict[str, Any]:
    return {"value": decimal_text(number)} if model is Sums else {"count": number}


COUNTED: tuple[EventType, ...] = (
    "GATE_DECIDED",
    "ACTION_APPROVED",
    "ACTION_REJECTED",
    "INTENT_EXPIRED",
    "INTENT_WITHDRAWN",
    "BUDGET_RELEASED",
    "ACTION_EXECUTED",
    "ACTION_FAILED",
    "ACTION_UNKNOWN",
    "EXECUTION_CANCELLED",
    "AUTONOMY_SAMPLED",
)


def count(
    entries: Iterable[LedgerEntry],
    action_types: Mapping[str, str],
    timezone: str,
    amounts: Mapping[str, Amounts] | None = None,
) -> dict[str, Counter[CountRow]]:
    """Entries of types in `COUNTED` by day. `action_types` is by intent, and so are `amounts`, for `ran_alone`."""
    days: dict[str, Counter[CountRow]] = {}
    # What one write did has one moment.
    on_day: dict[str, Counter[CountRow]] = {}
    for entry in entries:
        name = entry.action_intent_id or ""
        for (model, *rest), more in _counted_as(entry, amounts.get(name) if amounts else None):
            if (counts := on_day.get(entry.at)) is None:
                day = day_of(datetime.fromisoformat(entry.at), timezone).date
                counts = on_day[entry.at] = days.setdefault(day, Counter())
            counts[model, action_types.get(name, OTHER_TYPES), *rest] += more
    return days


def ran_alone(entry: LedgerEntry) -> bool:
    """Does it say that something was done on policy's word?"""
    return entry.event_type == "ACTION_EXECUTED" and _ended(entry.data_json).approval_source == "POLICY"


def _counted_as(entry: LedgerEntry, amounts: Amounts | None) -> Iterator[tuple[CountRow, int]]:
    what = _happened(entry)
    if what is not None:
        yield what, 1
    if amounts and ran_alone(entry):
        for name, amount in amounts.items():
            if isinstance(amount, Amount):
                yield (Sums, name, amount.unit), amount.ten_thousandths


# Of most entries, and of what they say only what is counted is read: that is a small part of it.
class _Decided(msgspec.Struct, gc=False):
    result: str
    reason: str


class _Approved(msgspec.Struct, gc=False):
    auto_executed: bool


class _Outcome(msgspec.Struct, gc=False):
    status: str


class _Ended(msgspec.Struct, gc=False):
    outcome: _Outcome
    approval_source: str


_decided = msgspec.json.Decoder(_Decided).decode
_approved = msgspec.json.Decoder(_Approved).decode
_ended = msgspec.json.Decoder(_Ended).decode


def _happened(entry: LedgerEntry) -> CountRow | None:
    match entry.event_type:
        case "GATE_DECIDED":
            decided = _decided(entry.data_json)
            return Decisions, decided.result, decided.reason
        case "ACTION_APPROVED":
            # Policy's approval is the decision itself, and counts as that.
            return None if _approved(entry.data_json).auto_executed else (Answers, "APPROVED")
        case "ACTION_REJECTED":
            return Answers, "REJECTED"
        case "INTENT_EXPIRED":
            return Answers, "EXPIRED"
        case "INTENT_WITHDRAWN":
            return Answers, "WITHDRAWN"
        case "AUTONOMY_SAMPLED":
            return Answers, "RIGHT" if entry.data["right"] else "WRONG"
        case "BUDGET_RELEASED":
            return (Answers, "UNDONE") if entry.data["why"] == UNDONE else None
    ended = _ended(entry.data_json)
    return Outcomes, ended.outcome.status, ended.approval_source


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
        return parse_day(text)
    except ValueError as error:
        raise InvalidInput(field, f"{text!r:.40} {error}", "send it as 2026-03-10") from None
