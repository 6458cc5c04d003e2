"""Hooks of the Claude Agent SDK under its own command line: what they do not approve does not run."""

import pytest

from tests.agents.suite.desk import remit_desk
from tests.agents.suite.processes import NEEDS, is_there

NAME = "Claude Agent SDK"

pytestmark = pytest.mark.skipif(not is_there(NAME), reason=f"{NAME} needs the package {NEEDS[NAME]}")


@pytest.fixture
def desk(tmp_path):
    with remit_desk(NAME, tmp_path) as here:
        yield here


def test_of_two_calls_in_one_turn_that_are_asked_none_runs(desk):
    told = desk.start(calls=2)

    assert told.paused and desk.effects() == []
    assert desk.statuses() == ["AWAITING_APPROVAL"] * 2


def test_of_two_calls_in_one_turn_within_bounds_both_run(desk):
    told = desk.start(calls=2, asks=False)

    assert (told.heard, desk.effects()) == (("refunded 5", "refunded 5"), [5, 5])


def test_a_call_that_the_door_refuses_does_not_run_and_the_model_hears_why(desk):
    told = desk.start(asks=False, more={"target": {"entity_type": 7}})

    assert "target.entity_type" in told.words and desk.effects() == []


def test_a_hook_that_raises_lets_nothing_run(desk):
    not_json = {"why": {1, 2}}

    told = desk.start(asks=False, more=not_json)

    assert told.heard and (desk.effects(), desk.statuses()) == ([], [])


def test_what_breaks_off_is_unknown_and_the_model_hears_so_at_once(desk):
    told = desk.start(asks=False, answers="breaks off")

    assert "Do NOT do it again" in told.words
    assert (desk.effects(), desk.statuses()) == ([5], ["UNKNOWN"])
