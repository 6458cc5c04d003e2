"""Places of a worker: nobody holds so many that another finds none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.core.execution.places import Places

OF_TOOL = 8


def filled(*wanting):
    """Each in its turn takes all that it finds."""
    places = Places(OF_TOOL)
    for tool in wanting:
        while places.room_for(*tool):
            places.take(*tool)
    return places


def test_a_tool_that_is_alone_holds_as_many_as_one_tool_may():
    assert filled(("acme", "SLOW")).held == OF_TOOL


def test_a_tenants_tools_hold_no_more_than_twice_as_many_and_one_each():
    many = [("acme", f"SLOW_{n}") for n in range(100)]

    assert filled(*many).held == 3 * OF_TOOL


@pytest.mark.parametrize("tool", [("acme", "SHORT"), ("beta", "SLOW"), ("beta", "SHORT")])
def test_beside_a_slow_tool_others_find_half_of_what_it_leaves(tool):
    places = filled(("acme", "SLOW"))

    assert places.room_for(*tool) >= OF_TOOL // 2


def test_beside_slow_tools_of_many_tenants_each_tool_of_another_begins_at_once():
    places = filled(*((f"t-{n}", f"SLOW_{k}") for n in range(6) for k in range(3)))

    assert [places.room_for("quiet", name) > 0 for name in ("A", "B")] == [True, True]
    places.take("quiet", "A")
    assert places.room_for("quiet", "B") > 0


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(["A", "B", "C"])), max_size=120))
def test_whoever_holds_nothing_begins_one_call_as_long_as_the_worker_can(wanting):
    places = Places(2)
    for tool in wanting:
        if places.room_for(*tool):
            places.take(*tool)

    assert places.held <= places.most
    assert places.room_for("new", "A") > 0 or places.held == places.most


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["A", "B"])), max_size=40))
def test_what_is_given_back_can_be_taken_again(wanting):
    places, fresh = Places(4), Places(4)
    taken = [tool for tool in wanting if places.room_for(*tool) and (places.take(*tool) or True)]
    for tool in taken:
        places.give_back(*tool)

    assert places.held == 0
    assert places.room_for("a", "A") == fresh.room_for("a", "A")


def test_a_copy_is_filled_without_its_original():
    places = Places(1)
    places.copy().take("acme", "SLOW")

    assert (places.held, places.room_for("acme", "SLOW")) == (0, 1)
