"""What follows from bounds is worked out once, and never for another time, value or version."""

from datetime import UTC, datetime, timedelta

import pytest

from remit.core.gate.bounds import replace_bounds
from remit.core.gate.bounds_checks import parse_bounds
from remit.core.gate.plan import MOST_ANSWERS, MOST_PLANS
from remit.core.gate.plans import Plans

from .make import NOW, TYPE, bounds, bounds_json, intent, rule, verdict

MIDNIGHT = datetime(2026, 3, 11, tzinfo=UTC)
JUST_BEFORE = timedelta(microseconds=1)
ONE_IS_FINE = '@reason("NOT_ONE") forbid (principal, action, resource) unless { %s };'
AS_NUMBER = rule(
    ONE_IS_FINE % 'context.numbers.hasTag("x") && context.numbers.getTag("x") == decimal("1.0")', name="number.cedar"
)


def account(seen, now):
    return seen.plans.account("north", now)


def test_a_plan_is_kept_for_the_hour_that_policies_see():
    seen = bounds()

    assert account(seen, NOW) is account(seen, NOW + timedelta(minutes=59))
    assert account(seen, NOW) is not account(seen, NOW + timedelta(minutes=60))


def test_a_plan_ends_with_the_first_window_that_ends():
    burst = {"name": "burst", "most": 3, "per": "minute", "of": "account"}
    seen = bounds(limits=[burst])

    assert account(seen, NOW) is account(seen, NOW + timedelta(seconds=59))
    assert account(seen, NOW) is not account(seen, NOW + timedelta(seconds=60))


def test_a_plan_ends_when_a_zone_that_was_replaced_has_run_out():
    before = bounds(budget={"max_autonomous_per_day": 10, "timezone": "Asia/Kathmandu"})
    after = replace_bounds(before, parse_bounds(bounds_json()), NOW)
    runs_out = after.zones_until["*"].until

    assert account(after, runs_out - JUST_BEFORE).budget.day.timezone == "Asia/Kathmandu"
    assert account(after, runs_out).budget.day.timezone == "UTC"


def test_a_unit_that_waited_over_midnight_is_charged_to_its_own_day():
    seen = bounds()
    tomorrow = verdict(intent(), seen, now=MIDNIGHT)
    waited = verdict(intent(), seen, now=MIDNIGHT - JUST_BEFORE)

    assert [list(each.usages) for each in (waited, tomorrow)] == [
        ["2026-03-10@UTC|account:north"],
        ["2026-03-11@UTC|account:north"],
    ]
    assert account(seen, MIDNIGHT).budget.day.date == "2026-03-11"
    assert account(seen, MIDNIGHT - JUST_BEFORE).budget.day.date == "2026-03-10"


@pytest.mark.parametrize(
    ("zone", "before_midnight"),
    [
        ("Asia/Kathmandu", datetime(2026, 3, 10, 18, 14, 59, tzinfo=UTC)),
        # Its clock is 44 minutes and 30 seconds behind: midnight falls inside a minute of UTC.
        ("Africa/Monrovia", datetime(1971, 3, 11, 0, 44, 29, tzinfo=UTC)),
    ],
)
def test_a_plan_ends_with_the_day_of_its_zone(zone, before_midnight):
    seen = bounds(budget={"max_autonomous_per_day": 10, "timezone": zone})
    after = before_midnight + timedelta(seconds=1)

    assert account(seen, before_midnight).budget.day.date < account(seen, after).budget.day.date
    assert account(seen, after).at.local.hour == 0


def test_policies_see_the_hour_of_the_time_that_is_asked_about():
    at_night = rule('@reason("NIGHT") forbid (principal, action, resource) when { context.hour < 12 };')
    seen = bounds(policies=[at_night])
    noon = datetime(2026, 3, 10, 12, tzinfo=UTC)

    answers = [verdict(intent(), seen, now=noon + by).decision.reason for by in (timedelta(0), -JUST_BEFORE)]

    assert answers == ["WITHIN_BOUNDS", "NIGHT"]


@pytest.mark.parametrize("first", [0, 1])
def test_an_answer_is_kept_for_the_value_that_rules_read_and_for_no_equal_one(first):
    seen = bounds(policies=[AS_NUMBER])
    one, yes = intent(parameters={"x": 1}), intent(parameters={"x": True})

    answers = {
        proposed.parameters["x"] is True: verdict(proposed, seen).decision.reason
        for proposed in (one, yes)[:: 1 if first else -1]
    }

    assert answers == {False: "WITHIN_BOUNDS", True: "NOT_ONE"}


def test_other_parameters_than_the_read_ones_share_an_answer():
    seen = bounds(policies=[AS_NUMBER])

    first, second = (verdict(intent(parameters={"x": 1, "y": y}), seen).decision.checks[5] for y in (1, 2))

    assert first is second


def test_a_changed_copy_of_bounds_has_plans_of_its_own():
    seen = bounds()
    assert verdict(intent(), seen).decision.approves

    stricter = seen.changed(bounds=seen.bounds.model_copy(update={"allowlist": []}))

    assert verdict(intent(), stricter).decision.reason == "ACTION_TYPE_NOT_ALLOWLISTED"


def test_what_was_kept_makes_no_difference_between_equal_bounds():
    asked, fresh = bounds(), bounds()
    verdict(intent(), asked)

    assert asked == fresh
    assert asked.to_json() == fresh.to_json()


def test_many_accounts_and_questions_are_not_all_kept():
    plans = Plans(bounds())

    for number in range(MOST_PLANS + MOST_ANSWERS):
        plan = plans.action(f"a-{number}", TYPE, NOW)
        plan.ask(intent(account_id=f"a-{number}"))

    assert len(plans._accounts) <= MOST_PLANS
    assert len(plans._actions) <= MOST_PLANS
    assert len(plans._answers) <= MOST_ANSWERS
