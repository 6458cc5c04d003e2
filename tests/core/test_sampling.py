"""Sampling: which automatic actions people are shown afterwards, and how their answers are counted."""

from __future__ import annotations

import pytest
from msgspec import UNSET
from pydantic import ValidationError

from remit.core.execution.sample import SampleTally, count_answer, is_shown
from remit.core.gate.action_type import ActionTypeSpec
from remit.core.gate.sampling import MOST_OF_SAMPLED, StopAfter, is_sampled, share_text

NO_TALLY = SampleTally(action_type="PAY")


def spec(**fields):
    return ActionTypeSpec.model_validate({"risk_tier": "LOW", "tool": {"connector": "far"}, **fields})


def hashes(count):
    return [f"{number:064x}" for number in range(count)]


@pytest.mark.parametrize(
    ("share", "text"), [(0, "0"), (1, "1"), (0.02, "0.02"), (0.1, "0.1"), (0.0001, "0.0001"), (0.9999, "0.9999")]
)
def test_a_share_is_exact_to_four_places(share, text):
    assert share_text(spec(sample=share).sample) == text


@pytest.mark.parametrize("share", [-0.1, 1.01, 0.00001, True, "0.02", [0.02], float("nan"), 2**70])
def test_anything_else_is_no_share(share):
    with pytest.raises(ValidationError) as refused:
        spec(sample=share)

    assert [error["loc"] for error in refused.value.errors()] == [("sample",)]


def test_what_nobody_set_is_not_there():
    assert not {"sample", "stop_after"} & set(spec().model_dump(mode="json"))


@pytest.mark.parametrize(
    "stop_after",
    [
        {"disagreements": 0, "of_sampled": 20},
        {"disagreements": 21, "of_sampled": 20},
        {"disagreements": 1, "of_sampled": MOST_OF_SAMPLED + 1},
        {"disagreements": 1},
        {"disagreements": 1.0, "of_sampled": 20},
        {"disagreements": 1, "of_sampled": 20, "more": 1},
    ],
)
def test_what_is_no_bound_on_disagreements_is_refused(stop_after):
    with pytest.raises(ValidationError):
        spec(sample=0.02, stop_after=stop_after)


@pytest.mark.parametrize("sample", [{}, {"sample": 0}])
def test_answers_are_counted_only_where_some_can_come(sample):
    with pytest.raises(ValidationError, match="write sample"):
        spec(**sample, stop_after={"disagreements": 1, "of_sampled": 20})


def test_none_is_none_and_all_is_all():
    assert not any(is_sampled("0", each) for each in hashes(100))
    assert all(is_sampled("1", each) for each in hashes(100))


def test_about_the_share_is_sampled_and_a_larger_share_holds_a_smaller_one():
    some, more = ({each for each in hashes(5000) if is_sampled(share, each)} for share in ("0.02", "0.2"))

    assert 60 <= len(some) <= 140 and 900 <= len(more) <= 1100
    assert some < more


def test_anybody_can_work_it_out_from_the_hash():
    # SHA-256 of "sampled|" and 64 zeros begins with ce60fb9b812782eb: 0.80616 of all such numbers.
    assert not is_sampled("0.8061", "0" * 64) and is_sampled("0.8062", "0" * 64)


def test_what_did_not_run_and_what_has_no_share_is_not_shown():
    assert is_shown("1", "SUCCEEDED", "0" * 64) and is_shown("1", "UNKNOWN", "0" * 64)
    assert not is_shown("1", "CANCELLED", "0" * 64)
    assert not is_shown(UNSET, "SUCCEEDED", "0" * 64)


def counted(answers, disagreements, of_sampled):
    """The numbers of the answers that stop it; `n` is a no, anything else a yes."""
    tally, stops = NO_TALLY, []
    bound = StopAfter(disagreements=disagreements, of_sampled=of_sampled)
    for answer in answers:
        found = count_answer(tally, answer != "n", bound)
        tally = found.tally
        stops += [found.number] if found.stops else []
    return stops


@pytest.mark.parametrize(
    ("answers", "disagreements", "of_sampled", "stops"),
    [
        ("yyyy", 1, 20, []),
        ("yyny", 1, 20, [3]),
        ("nyn", 2, 3, [3]),
        ("nyyn", 2, 3, []),
        ("nyynn", 2, 3, [5]),
        # Whoever resumed it knows of those: what stopped it once counts no more.
        ("nnn", 2, 20, [2]),
        ("nnnn", 2, 20, [2, 4]),
        ("nnn", 1, 1, [1, 2, 3]),
    ],
)
def test_the_answer_that_makes_so_many_of_the_last_ones_stops(answers, disagreements, of_sampled, stops):
    assert counted(answers, disagreements, of_sampled) == stops


def test_answers_count_where_no_bound_was_set_yet():
    first = count_answer(NO_TALLY, False, None)
    second = count_answer(first.tally, False, StopAfter(disagreements=2, of_sampled=20))

    assert (first.stops, first.disagreements, first.number) == (False, UNSET, 1)
    assert (second.stops, second.disagreements, second.of_sampled) == (True, 2, 2)


def test_a_tally_keeps_no_more_than_can_count():
    tally = NO_TALLY
    for _ in range(MOST_OF_SAMPLED + 5):
        tally = count_answer(tally, False, None).tally

    assert (tally.answered, len(tally.disagreed)) == (MOST_OF_SAMPLED + 5, MOST_OF_SAMPLED)
