"""Confidence sequences hold at every look, and are not far from what was seen."""

from random import Random

import pytest

from remit.lab.anytime import ALPHA, lower_bound, upper_bound


@pytest.mark.parametrize("rate", [0.02, 0.3])
def test_a_rate_is_seldom_outside_at_any_look(rate):
    """Looked at again and again, 200 times over: wrong in no more histories than alpha says, and some chance."""
    random, histories, wrong = Random(7), 200, 0
    for _ in range(histories):
        found = 0
        for of in range(1, 301):
            found += random.random() < rate
            if of % 15 == 0 and not lower_bound(found, of) <= rate <= upper_bound(found, of):
                wrong += 1
                break

    assert wrong / histories <= ALPHA + 0.02


def test_an_interval_for_one_look_would_be_wrong_more_often_than_that():
    """A fixed interval, looked at after every answer, misses the rate far more often: the test above can fail."""
    random, histories, rate, wrong = Random(7), 400, 0.1, 0
    for _ in range(histories):
        found = 0
        for of in range(1, 301):
            found += random.random() < rate
            seen = found / of
            if of >= 30 and rate > seen + 1.645 * (seen * (1 - seen) / of) ** 0.5:
                wrong += 1
                break

    assert wrong / histories > 2 * ALPHA


@pytest.mark.parametrize(("found", "of", "most"), [(0, 120, 0.05), (0, 1000, 0.008), (10, 1000, 0.03), (3, 3, 1.0)])
def test_more_evidence_bounds_more_closely(found, of, most):
    assert found / of <= upper_bound(found, of) <= most


def test_nothing_seen_bounds_nothing():
    assert (lower_bound(0, 0), upper_bound(0, 0)) == (0.0, 1.0)
