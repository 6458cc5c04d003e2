"""A bookmark: what was passed stays passed, through its text too, and what was not does not get lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.core.bookmark import MOST_MARKS, Bookmark, Place
from remit.core.errors import InvalidInput

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
places = st.builds(
    lambda second, name: Place(NOON + timedelta(seconds=second), f"e-{name}"), st.integers(0, 9), st.integers(0, 20)
)


@given(passed=st.lists(places, max_size=60, unique_by=lambda p: p.entry_id), other=places)
def test_its_text_means_the_same(passed: list[Place], other: Place) -> None:
    bookmark = Bookmark.at(NOON - timedelta(seconds=1))
    for place in passed:
        bookmark.passed(place)

    again = Bookmark.parse(bookmark.text())

    assert all(again.has(place) for place in passed)
    assert again.has(other) == (other.entry_id in {place.entry_id for place in passed})


@given(
    passed=st.lists(places, max_size=40, unique_by=lambda p: p.entry_id),
    second=st.integers(0, 9),
    through_text=st.booleans(),
)
def test_settling_forgets_nothing_that_comes_after(passed: list[Place], second: int, through_text: bool) -> None:
    bookmark = Bookmark.at(NOON - timedelta(seconds=1))
    for place in passed:
        bookmark.passed(place)
    if through_text:
        bookmark = Bookmark.parse(bookmark.text())
        for place in passed:
            bookmark.passed(place)

    bookmark.settle(NOON + timedelta(seconds=second))

    assert all(bookmark.has(place) for place in passed)
    assert bookmark.has(Place(NOON + timedelta(seconds=second - 1), "late"))
    assert not bookmark.has(Place(NOON + timedelta(seconds=second), "new"))


def test_of_very_many_the_older_count_as_its_place() -> None:
    bookmark = Bookmark.at(NOON)
    for number in range(1000):
        bookmark.passed(Place(NOON + timedelta(milliseconds=number + 1), f"e-{number}"))

    again = Bookmark.parse(bookmark.text())

    assert len(bookmark.text()) < 3000
    assert again.place == Place(NOON + timedelta(milliseconds=1000 - MOST_MARKS), f"e-{999 - MOST_MARKS}")
    assert all(again.has(Place(NOON + timedelta(milliseconds=n + 1), f"e-{n}")) for n in range(1000))


def test_what_is_never_told_is_not_named() -> None:
    bookmark = Bookmark.at(NOON)
    bookmark.passed(Place(NOON + timedelta(seconds=1), "e-1"), told=False)

    assert bookmark.text() == "2026-03-10T12:00:00Z|"
    assert bookmark.has(Place(NOON + timedelta(seconds=1), "e-1"))


def test_a_plain_cursor_stands_for_everything_up_to_it() -> None:
    bookmark = Bookmark.parse("2026-03-10T12:00:00Z|e-5")

    assert bookmark.has(Place(NOON, "e-4"))
    assert bookmark.has(Place(NOON, "e-5"))
    assert not bookmark.has(Place(NOON, "e-6"))
    assert bookmark.text() == "2026-03-10T12:00:00Z|e-5"


@pytest.mark.parametrize("text", ["", "|", "noon|e-1", "2026-03-10T12:00:00Z", "2026-03-10T12:00:00|e-1"])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        Bookmark.parse(text)
