"""A bookmark: what was passed stays passed, through its text too, and what was not does not get lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.core.errors import InvalidInput
from remit.core.ledger.position import MOST_MARKS, LedgerCursor, LedgerPosition

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
places = st.builds(
    lambda second, name: LedgerPosition(NOON + timedelta(seconds=second), f"e-{name}"),
    st.integers(0, 9),
    st.integers(0, 20),
)


@given(passed=st.lists(places, max_size=60, unique_by=lambda p: p.entry_id), other=places)
def test_its_text_means_the_same(passed, other):
    bookmark = LedgerCursor(LedgerPosition(NOON - timedelta(seconds=1), ""))
    for place in passed:
        bookmark.passed(place)

    again = LedgerCursor.parse(bookmark.text())

    assert all(again.has(place) for place in passed)
    assert again.has(other) == (other.entry_id in {place.entry_id for place in passed})


def test_of_very_many_the_older_count_as_its_place():
    bookmark = LedgerCursor(LedgerPosition(NOON, ""))
    for number in range(1000):
        bookmark.passed(LedgerPosition(NOON + timedelta(milliseconds=number + 1), f"e-{number}"))

    again = LedgerCursor.parse(bookmark.text())

    assert len(bookmark.text()) < 3000
    assert again.place == LedgerPosition(NOON + timedelta(milliseconds=1000 - MOST_MARKS), f"e-{999 - MOST_MARKS}")
    assert all(again.has(LedgerPosition(NOON + timedelta(milliseconds=n + 1), f"e-{n}")) for n in range(1000))


def test_what_is_never_told_is_not_named():
    bookmark = LedgerCursor(LedgerPosition(NOON, ""))
    bookmark.passed(LedgerPosition(NOON + timedelta(seconds=1), "e-1"), told=False)

    assert bookmark.text() == "2026-03-10T12:00:00Z|"
    assert bookmark.has(LedgerPosition(NOON + timedelta(seconds=1), "e-1"))


def test_a_plain_cursor_stands_for_everything_up_to_it():
    bookmark = LedgerCursor.parse("2026-03-10T12:00:00Z|e-5")

    assert bookmark.has(LedgerPosition(NOON, "e-4"))
    assert bookmark.has(LedgerPosition(NOON, "e-5"))
    assert not bookmark.has(LedgerPosition(NOON, "e-6"))
    assert bookmark.text() == "2026-03-10T12:00:00Z|e-5"


@pytest.mark.parametrize("text", ["", "|", "noon|e-1", "2026-03-10T12:00:00Z", "2026-03-10T12:00:00|e-1"])
def test_other_text_is_refused(text):
    with pytest.raises(InvalidInput):
        LedgerCursor.parse(text)
