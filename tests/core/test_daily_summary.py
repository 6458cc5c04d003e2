"""A day in words, and which days are told when."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from remit.core.notifications.daily_counts import Answers, DailyCounts, Decisions, Outcomes
from remit.core.notifications.daily_summary import MOST_DAYS, days_to_tell, digest

DAY = DailyCounts(date="2026-03-10", timezone="UTC")


def at(day, hour=0):
    return datetime(2026, 3, day, hour, tzinfo=UTC)


def test_a_quiet_day_says_that_nothing_happened():
    assert digest(DAY) == "2026-03-10 (UTC): Autopilot did nothing. A person was asked about nothing."


def test_a_busy_day_says_what_autopilot_did_what_went_wrong_and_what_people_answered():
    day = DAY.changed(
        outcomes=[
            Outcomes(status="SUCCEEDED", approval_source="POLICY", action_type="CALL", count=2),
            Outcomes(status="SUCCEEDED", approval_source="POLICY", action_type="NOTE", count=10),
            Outcomes(status="SUCCEEDED", approval_source="HUMAN", action_type="NOTE", count=7),
            Outcomes(status="UNKNOWN", approval_source="POLICY", action_type="NOTE", count=1),
        ],
        decisions=[
            Decisions(result="AUTO_EXECUTED", reason="WITHIN_BOUNDS", action_type="NOTE", count=13),
            Decisions(result="REQUIRE_APPROVAL", reason="TENANT_POLICY", action_type="NOTE", count=3),
        ],
        answers=[Answers(answer="APPROVED", action_type="NOTE", count=7)],
    )

    assert digest(day) == (
        "2026-03-10 (UTC): Autopilot did 12 (10 NOTE, 2 CALL). "
        "It tried, and nobody knows whether it happened: 1 (1 NOTE). "
        "A person was asked about 3 (3 TENANT_POLICY). Of what waited: 7 approved."
    )


def test_what_people_judged_afterwards_is_told_apart_from_what_waited():
    judged = {"RIGHT": 3, "WRONG": 1}
    rows = [Answers(answer=answer, action_type="NOTE", count=count) for answer, count in judged.items()]

    told = digest(DAY.changed(answers=rows))

    assert told.endswith("about nothing. People judged afterwards, of what had run alone: 3 right, 1 wrong.")


def test_many_types_are_summed_up_at_the_end():
    rows = [Outcomes(status="SUCCEEDED", approval_source="POLICY", action_type=f"T{n}", count=1) for n in range(12)]

    assert "4 of others)" in digest(DAY.changed(outcomes=rows))


@pytest.mark.parametrize(
    ("digested", "since", "now", "told"),
    [
        (None, at(10, 9), at(10, 23), []),
        (None, at(10, 9), at(11), ["2026-03-10"]),
        ("2026-03-10", at(10, 9), at(11, 5), []),
        ("2026-03-10", at(10, 9), at(13, 5), ["2026-03-11", "2026-03-12"]),
        ("2026-03-01", at(1), at(20), [f"2026-03-{day}" for day in range(20 - MOST_DAYS, 20)]),
    ],
)
def test_every_day_that_has_ended_since_is_told(digested, since, now, told):
    assert [day for day, _ in days_to_tell(digested, since, now, "UTC")] == told


def test_a_day_ends_when_its_zone_says():
    assert days_to_tell(None, at(10, 5), at(11, 3), "America/New_York") == []
    ((day, ended),) = days_to_tell(None, at(10, 5), at(11, 4), "America/New_York")
    assert (day, ended) == ("2026-03-10", at(11, 4))
