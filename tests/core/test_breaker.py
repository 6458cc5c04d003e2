"""When a tool that keeps failing is paused, and what ends the pause: the tables of `breaker`, row by row."""

from datetime import UTC, datetime, timedelta

import pytest

from remit.core.execution.breaker import (
    Answered,
    BreakerRules,
    ToolBreaker,
    after_calls,
    explanation,
    heard_in,
    may_call,
    trial_begun,
)
from remit.core.execution.outcome import LEASE_LOST, CallResult

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
TOOL = "SEND_EMAIL"
RULES = BreakerRules(pause_after=3, first_pause_s=10, longest_pause_s=35)
YES = CallResult(acted="yes")
DOWN = CallResult(acted="no", error_class="DOWNSTREAM", error_code="HTTP_503", error_message="secret")
REFUSED = CallResult(acted="no", error_class="VALIDATION")
BROKE = CallResult(acted="unknown", error_class="UNKNOWN")


def later(seconds):
    return NOON + timedelta(seconds=seconds)


def after(before, *results, holder="w", now=NOON, rules=RULES):
    return after_calls(before, TOOL, [Answered(result, holder) for result in results], rules, now)


def paused(now=NOON):
    return after(None, DOWN, DOWN, DOWN, now=now)


@pytest.mark.parametrize(
    "acted, error_class, said",
    [
        ("yes", None, "answered"),
        ("no", "RATE_LIMIT", "failed"),
        ("no", "DOWNSTREAM", "failed"),
        ("no", "TIMEOUT", "failed"),
        ("unknown", "TIMEOUT", "failed"),
        ("no", "VALIDATION", "answered"),
        ("no", "AUTH", "answered"),
        ("unknown", "UNKNOWN", "nothing"),
        ("no", None, "nothing"),
    ],
)
def test_a_tool_fails_by_what_may_pass_and_not_by_the_refusal_of_one_call(acted, error_class, said):
    assert heard_in(CallResult(acted=acted, error_class=error_class)) == said


def test_a_call_that_was_not_sent_says_nothing_of_the_tool():
    assert heard_in(CallResult(acted="no", error_class="DOWNSTREAM", error_code=LEASE_LOST)) == "nothing"


def test_nothing_is_kept_of_a_tool_whose_calls_succeed():
    assert after(None, YES, REFUSED, BROKE, YES) is None


def test_so_many_failures_in_a_row_pause_a_tool():
    before = after(None, DOWN, DOWN)

    then = after(before, DOWN, now=later(1))

    assert (before.failures, before.paused_since) == (2, None)
    assert (then.failures, then.paused_since, then.trial_at) == (3, later(1), later(11))


def test_an_answer_ends_the_row():
    assert after(after(None, DOWN, DOWN), YES) is None
    assert after(None, DOWN, DOWN, REFUSED, DOWN, DOWN).failures == 2


def test_a_call_of_which_nothing_is_known_ends_no_row():
    assert after(None, DOWN, DOWN, BROKE, DOWN).paused_since == NOON


def test_nobody_calls_before_the_trial_and_one_call_is_it():
    breaker = paused()

    assert may_call(None, NOON) == may_call(after(None, DOWN), NOON) == "call"
    assert may_call(breaker, later(9)) == later(10)
    assert may_call(breaker, later(10)) == "trial"
    assert may_call(trial_begun(breaker, by="w-1", until=later(40)), later(20)) == later(40)


def test_a_trial_that_is_not_heard_of_again_is_followed_by_another():
    breaker = trial_begun(paused(), by="w-1", until=later(40))

    assert may_call(breaker, later(40)) == "trial"
    again = trial_begun(breaker, by="w-2", until=later(80))
    assert after(again, YES, holder="w-1", now=later(41)) == again


def test_each_trial_that_fails_doubles_the_pause_up_to_the_longest():
    breaker, pauses = paused(), []
    now = NOON
    for _ in range(4):
        pauses.append((breaker.trial_at - now).total_seconds())
        now = breaker.trial_at
        breaker = after(trial_begun(breaker, by="w-1", until=now), DOWN, holder="w-1", now=now)

    assert pauses == [10, 20, 35, 35]
    assert (breaker.paused_since, breaker.failures) == (NOON, 7)


@pytest.mark.parametrize("answer", [YES, REFUSED])
def test_a_trial_that_is_answered_ends_the_pause(answer):
    assert after(trial_begun(paused(), by="w-1", until=later(40)), answer, holder="w-1") is None


@pytest.mark.parametrize("result", [YES, DOWN])
def test_calls_that_began_before_the_pause_change_nothing(result):
    breaker = paused()

    assert after(breaker, result) == breaker
    trial = trial_begun(breaker, by="w-1", until=later(40))
    assert after(trial, result, holder="w-0") == trial


def test_the_trial_of_a_pause_that_a_person_ended_counts_as_any_call():
    assert after(None, DOWN, holder="w-1").failures == 1


def test_what_is_said_of_it_names_codes_and_times_alone():
    told = explanation(paused())

    assert told == (
        "SEND_EMAIL's tool is paused since 2026-03-10T12:00:00Z after 3 failed calls in a row (DOWNSTREAM HTTP_503); "
        "next trial at 2026-03-10T12:00:10Z"
    )
    odd = CallResult(acted="no", error_class="DOWNSTREAM", error_code="<b> very odd")
    assert "1 failed call in a row (DOWNSTREAM)" in explanation(after(None, odd))


def test_a_long_row_of_pauses_stays_within_the_longest():
    assert BreakerRules().pause(10_000) == timedelta(seconds=300)
    assert ToolBreaker.from_json(paused().to_json()) == paused()
