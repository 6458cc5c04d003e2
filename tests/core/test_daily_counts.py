"""The tally: each entry counts once, under its day, and no agent can make a day's record grow without end."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.core.errors import InvalidInput
from remit.core.gate.amount import Amount, AmountUnknown
from remit.core.notifications.daily_counts import (
    MOST_SUMS,
    MOST_TYPES,
    OTHER_TYPES,
    DailyCounts,
    Decisions,
    Sums,
    count,
    days_between,
)
from remit.testing.samples import make_entry

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def entry(event, intent="i-1", at=NOON, **data):
    return make_entry(intent, event=event, at=at, data=data)


def decided(result="AUTO_EXECUTED", reason="WITHIN_BOUNDS", **where):
    return entry("GATE_DECIDED", result=result, reason=reason, **where)


def tallied(entries, action_types=None, zone="UTC"):
    days = count(entries, action_types or {"i-1": "SEND_NOTE", "i-2": "CALL"}, zone)
    return {day: DailyCounts(date=day, timezone=zone).with_counts(counts, zone) for day, counts in days.items()}


def test_a_day_counts_decisions_by_result_reason_and_type():
    entries = [decided(), decided(), decided(intent="i-2"), decided("REQUIRE_APPROVAL", "TENANT_POLICY")]

    day = tallied(entries)["2026-03-10"]

    assert [(row.result, row.reason, row.action_type, row.count) for row in day.decisions] == [
        ("AUTO_EXECUTED", "WITHIN_BOUNDS", "CALL", 1),
        ("AUTO_EXECUTED", "WITHIN_BOUNDS", "SEND_NOTE", 2),
        ("REQUIRE_APPROVAL", "TENANT_POLICY", "SEND_NOTE", 1),
    ]


def test_a_day_counts_outcomes_by_status_and_source_and_what_people_answered():
    day = tallied(
        [
            entry("ACTION_EXECUTED", outcome={"status": "SUCCEEDED"}, approval_source="POLICY"),
            entry("ACTION_FAILED", outcome={"status": "FAILED"}, approval_source="HUMAN"),
            entry("ACTION_APPROVED", auto_executed=False),
            entry("ACTION_APPROVED", auto_executed=True),
            entry("ACTION_REJECTED"),
            entry("INTENT_EXPIRED"),
        ]
    )["2026-03-10"]

    assert [(row.status, row.approval_source, row.count) for row in day.outcomes] == [
        ("FAILED", "HUMAN", 1),
        ("SUCCEEDED", "POLICY", 1),
    ]
    assert [(row.answer, row.count) for row in day.answers] == [("APPROVED", 1), ("EXPIRED", 1), ("REJECTED", 1)]


def test_an_entry_belongs_to_the_day_of_the_tenant_s_zone():
    late = decided(at=datetime(2026, 3, 10, 23, 30, tzinfo=UTC))

    assert list(tallied([late])) == ["2026-03-10"]
    assert list(tallied([late], zone="Europe/Berlin")) == ["2026-03-11"]


def test_types_beyond_the_limit_count_together_and_nothing_is_left_out():
    action_types = {f"i-{number}": f"TYPE_{number}" for number in range(MOST_TYPES + 50)}

    day = tallied([decided(intent=name) for name in action_types], action_types)["2026-03-10"]

    counts = {row.action_type: row.count for row in day.decisions}
    assert len(counts) == MOST_TYPES + 1
    assert counts[OTHER_TYPES] == 50


rows = st.tuples(
    st.just(Decisions),
    st.sampled_from(["X", "Y"]),
    st.sampled_from(["AUTO_EXECUTED", "REQUIRE_APPROVAL"]),
    st.sampled_from(["A", "B"]),
)


@given(parts=st.lists(st.lists(rows, max_size=10), max_size=5))
def test_counted_in_parts_it_is_the_same_as_counted_at_once(parts):
    day = empty = DailyCounts(date="2026-03-10", timezone="UTC")
    for part in parts:
        day = day.with_counts(Counter(part), "UTC")

    assert day == empty.with_counts(Counter(row for part in parts for row in part), "UTC")
    assert DailyCounts.model_validate_json(day.model_dump_json()) == day


def test_an_approval_that_was_taken_back_is_no_answer_of_the_day():
    given = entry("ACTION_APPROVED", auto_executed=False)
    taken_back = entry("BUDGET_RELEASED", why="UNDONE")
    refused = entry("BUDGET_RELEASED", why="PUBLISH_REJECTED: the bus said no")

    day = tallied([given, taken_back, given, given, refused])["2026-03-10"]
    after_midnight = tallied([taken_back])["2026-03-10"]

    assert [(row.answer, row.count) for row in day.answers] == [("APPROVED", 3), ("UNDONE", 1)]
    assert day.answered["APPROVED"] == 2
    assert after_midnight.answered["APPROVED"] == 0


def test_what_people_judged_afterwards_is_counted_by_what_they_said():
    judged = [entry("AUTONOMY_SAMPLED", right=right) for right in (True, False, True)]

    day = tallied(judged)["2026-03-10"]

    assert [(row.answer, row.count) for row in day.answers] == [("RIGHT", 2), ("WRONG", 1)]


def test_what_was_done_on_policy_s_word_is_summed_by_type_name_and_unit():
    done = {"outcome": {"status": "SUCCEEDED"}}
    entries = [
        entry("ACTION_EXECUTED", intent="i-1", approval_source="POLICY", **done),
        entry("ACTION_EXECUTED", intent="i-2", approval_source="POLICY", **done),
        entry("ACTION_EXECUTED", intent="i-3", approval_source="HUMAN", **done),
        entry("ACTION_FAILED", intent="i-1", approval_source="POLICY", outcome={"status": "FAILED"}),
    ]
    amounts = {
        "i-1": {"refund": Amount(125_000, "EUR"), "fee": AmountUnknown("parameters.fee is missing")},
        "i-2": {"refund": Amount(1, "EUR")},
        "i-3": {"refund": Amount(990_000, "EUR")},
    }

    (counts,) = count(entries, dict.fromkeys(amounts, "REFUND"), "UTC", amounts).values()
    day = DailyCounts(date="2026-03-10", timezone="UTC").with_counts(counts, "UTC").with_counts(counts, "UTC")

    assert [row.wire() for row in day.sums] == [
        {"action_type": "REFUND", "name": "refund", "unit": "EUR", "value": "25.0002"}
    ]
    assert DailyCounts.model_validate_json(day.model_dump_json()) == day


def test_no_agent_makes_a_day_longer_by_naming_units():
    counts = Counter({(Sums, "REFUND", "refund", f"U{number}"): 1 for number in range(MOST_SUMS + 5)})

    day = DailyCounts(date="2026-03-10", timezone="UTC").with_counts(counts, "UTC")
    more = day.with_counts(Counter({(Sums, "REFUND", "refund", "U0"): 1, (Sums, "REFUND", "refund", "NEW"): 1}), "UTC")

    assert len(day.sums) == len(more.sums) == MOST_SUMS
    assert next(row for row in more.sums if row.unit == "U0").value == "0.0002"


def test_a_span_is_both_its_ends_and_every_day_between():
    assert days_between("2026-02-27", "2026-03-01") == ["2026-02-27", "2026-02-28", "2026-03-01"]


@pytest.mark.parametrize(
    ("first", "last", "field"),
    [
        ("2026-03-02", "2026-03-01", "to"),
        ("2026-13-01", "2026-03-01", "from"),
        ("2026-03-01", "yesterday", "to"),
        ("2020-01-01", "2026-01-01", "to"),
    ],
)
def test_a_span_that_is_none_is_refused_by_name(first, last, field):
    with pytest.raises(InvalidInput) as refused:
        days_between(first, last)

    assert refused.value.field == field


def test_the_longest_span_is_allowed():
    last = NOON.date()

    assert len(days_between((last - timedelta(days=365)).isoformat(), last.isoformat())) == 366
