"""Everything that stands before a tool, in every scenario: what was told, what is recorded, and what the tool did."""

import pytest

from tests.agents.suite import scenarios
from tests.agents.suite.desk import remit_desk
from tests.agents.suite.jobs import LARGE
from tests.agents.suite.processes import DRIVERS, NEEDS, driver, is_there
from tests.agents.suite.scenarios import HOUR_S


@pytest.fixture(params=DRIVERS)
def desk(request, tmp_path):
    if not is_there(request.param):
        pytest.skip(f"{request.param} needs the package {NEEDS[request.param]}")
    with remit_desk(request.param, tmp_path) as here:
        yield here


def played(scenario, desk):
    """What was told, where the driver has a way to do it."""
    if reason := driver(desk.driver).cannot.get(scenario.__name__):
        pytest.skip(f"{desk.driver}: {reason}")
    return scenario(desk)


def test_what_is_within_bounds_runs_at_once_and_its_answer_is_heard(desk):
    told = played(scenarios.automatic, desk)

    assert told.heard == ("refunded 5",)
    assert (desk.effects(), desk.statuses()) == ([5], ["SUCCEEDED"])


def test_what_is_asked_runs_when_another_process_approved_it(desk):
    told = played(scenarios.approved, desk)

    assert told.heard == ("refunded 5",)
    assert (desk.effects(), desk.statuses()) == ([5], ["SUCCEEDED"])


def test_a_persons_no_is_heard_with_the_reason(desk):
    told = played(scenarios.rejected, desk)

    assert "rejected" in told.words and "already refunded" in told.words
    assert (desk.effects(), desk.statuses()) == ([], ["REJECTED"])


def test_what_a_person_made_of_it_is_what_runs(desk):
    told = played(scenarios.edited, desk)

    assert told.heard == ("refunded 3",)
    assert (desk.effects(), desk.statuses()) == ([3], ["SUCCEEDED", "SUPERSEDED"])


def test_what_nobody_answered_in_time_does_not_run(desk):
    told = played(scenarios.expired, desk)

    assert "expired" in told.words
    assert (desk.effects(), desk.statuses()) == ([], ["EXPIRED"])


def test_when_the_budget_is_used_up_a_person_is_asked(desk):
    told = played(scenarios.budget_used_up, desk)

    assert told.paused and desk.effects() == []
    desk.approve()
    assert desk.resume(asks=False).heard == ("refunded 5",)
    assert desk.effects() == [5]


def test_where_the_gate_cannot_be_reached_nothing_runs_and_it_says_so(desk):
    told = played(scenarios.gate_down, desk)

    assert "nothing was sent" in told.words
    assert (desk.effects(), desk.statuses()) == ([], [])


def test_killed_before_its_mark_it_runs_once_when_it_goes_on(desk):
    told = played(scenarios.killed_before_the_mark, desk)

    assert told.heard == ("refunded 5",)
    assert (desk.effects(), desk.statuses()) == ([5], ["SUCCEEDED"])


@pytest.mark.parametrize(
    ("scenario", "acted"), [(scenarios.killed_after_the_mark, []), (scenarios.killed_after_acting, [5])]
)
def test_killed_with_its_permit_it_is_never_done_again_and_becomes_unknown(desk, scenario, acted):
    told = played(scenario, desk)

    assert "is being carried out" in told.words
    assert (desk.effects(), desk.statuses()) == (acted, ["RUNNING"])
    desk.later(HOUR_S)
    desk.put_back()
    assert "Do NOT do it again" in desk.resume().words
    assert (desk.effects(), desk.statuses()) == (acted, ["UNKNOWN"])


def test_killed_when_its_outcome_was_recorded_it_answers_what_it_had_answered(desk):
    told = played(scenarios.killed_after_finish, desk)

    assert told.words.endswith("refunded 5")
    assert (desk.effects(), desk.statuses()) == ([5], ["SUCCEEDED"])


def test_one_saved_pause_that_is_resumed_twice_runs_once(desk):
    told = played(scenarios.resumed_twice, desk)

    assert told.words.endswith("refunded 5")
    assert desk.effects() == [5]


def test_resumed_with_an_approval_that_nobody_gave_nothing_runs(desk):
    told = played(scenarios.approved_by_nobody, desk)

    assert told.paused or "has not answered yet" in told.words
    assert (desk.effects(), desk.statuses()) == ([], ["AWAITING_APPROVAL"])


def test_arguments_that_are_rewritten_after_the_gate_saw_them_do_not_run_or_it_is_found_out(desk):
    told = played(scenarios.rewritten, desk)

    found_out = desk.statuses() == ["UNKNOWN"] and "Do NOT do it again" in told.words
    assert set(desk.effects()) <= set(desk.approved()) or found_out, told


def test_of_three_processes_that_resume_one_pause_one_runs(desk):
    told = played(scenarios.three_at_once, desk)

    assert desk.effects() == [5] and desk.statuses() == ["SUCCEEDED"]
    others = [words for words in told.heard if not words.endswith("refunded 5")]
    assert all("is being carried out" in words for words in others), others


def test_what_is_cancelled_while_it_waits_is_taken_back(desk):
    told = played(scenarios.cancelled, desk)

    assert "Cancelled" in told.words or "KeyboardInterrupt" in told.words
    assert (desk.effects(), desk.statuses()) == ([], ["WITHDRAWN"])


def test_what_broke_off_may_have_happened_and_is_not_done_again(desk):
    told = played(scenarios.unknown, desk)

    assert "Do NOT do it again" in told.words
    assert (desk.effects(), desk.statuses()) == ([5], ["UNKNOWN"])


def test_only_the_tool_says_that_it_did_not_act(desk):
    told = played(scenarios.did_not_act, desk)

    assert "the shop is closed" in told.words
    assert (desk.effects(), desk.statuses()) == ([], ["FAILED"])


def test_a_large_result_is_heard_and_its_size_recorded(desk):
    told = played(scenarios.large_result, desk)

    assert (desk.effects(), desk.statuses()) == ([5], ["SUCCEEDED"])
    assert desk.recorded_size() >= LARGE or driver(desk.driver).shortens
    assert [len(heard) for heard in told.heard] == [LARGE] or driver(desk.driver).shortens
