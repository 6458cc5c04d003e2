"""Fields that a newer version stored come through a rewriting, wherever in the record they are."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.core.gate.autonomy import Stops
from remit.core.unknown import unknown_in, with_unknown

from .make import stop

A, B, C = {"item_id": "a", "n": 1}, {"item_id": "b", "n": 2}, {"item_id": "c", "n": 3}


def newer(item, by):
    return {**item, "newer": by}


def rewritten(stored, known, now):
    """What is written where `now` takes the place of `known`, which is what was understood of `stored`."""
    return with_unknown({"items": now}, unknown_in({"items": stored}, {"items": known}))["items"]


def test_each_item_of_a_list_keeps_what_was_its_own():
    stored = [newer(A, 1), B, newer(C, 3)]

    assert rewritten(stored, [A, B, C], [A, B, C]) == stored


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        pytest.param([B, C], [newer(B, 2), newer(C, 3)], id="the first is gone"),
        pytest.param([C, A, B], [newer(C, 3), newer(A, 1), newer(B, 2)], id="in another order"),
        pytest.param(
            [A, {"item_id": "d"}, B, C], [newer(A, 1), {"item_id": "d"}, newer(B, 2), newer(C, 3)], id="one more"
        ),
        pytest.param([{**A, "n": 9}, C], [newer({**A, "n": 9}, 1), newer(C, 3)], id="one changed and one gone"),
        pytest.param(
            [{"item_id": "d", "n": 1}, B, C], [{"item_id": "d", "n": 1}, newer(B, 2), newer(C, 3)], id="another"
        ),
        pytest.param([], [], id="all gone"),
    ],
)
def test_an_item_is_known_again_by_what_it_says_or_is_called(now, expected):
    assert rewritten([newer(A, 1), newer(B, 2), newer(C, 3)], [A, B, C], now) == expected


def test_an_item_without_a_name_that_changed_is_known_by_its_place_where_the_list_is_as_long():
    stored, known = [{"n": 1, "newer": 1}, {"n": 2, "newer": 2}], [{"n": 1}, {"n": 2}]

    assert rewritten(stored, known, [{"n": 1}, {"n": 5}]) == [{"n": 1, "newer": 1}, {"n": 5, "newer": 2}]
    assert rewritten(stored, known, [{"n": 5}]) == [{"n": 5}]


def test_of_items_that_say_the_same_each_gets_one():
    stored = [{"n": 1, "newer": 1}, {"n": 1, "newer": 2}]

    assert rewritten(stored, [{"n": 1}, {"n": 1}], [{"n": 1}, {"n": 1}]) == stored


values = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=12,
)


def with_more(value):
    """A field more in every object, however deep."""
    if isinstance(value, list):
        return [with_more(inner) for inner in value]
    return (
        {name: with_more(inner) for name, inner in value.items()} | {"newer": 1} if isinstance(value, dict) else value
    )


@given(st.dictionaries(st.sampled_from("xyz"), values, max_size=3))
def test_what_is_not_changed_is_written_as_it_was_stored(known):
    stored = with_more(known)

    assert with_unknown(known, unknown_in(stored, known)) == stored


def test_a_stop_keeps_it_beside_another_one_that_is_pulled():
    written = json.loads(Stops(stops=[stop()]).to_json())
    written["stops"][0]["newer"] = "kept"
    written["stops"][0]["scope"]["newer"] = "kept too"
    read = Stops.from_json(json.dumps(written)).keeping(
        unknown_in(written, json.loads(Stops(stops=[stop()]).to_json()))
    )
    other = stop(tenant_id="acme", account_id="other")

    stored = json.loads(read.with_stop(other).keeping(read.unknown).to_json())["stops"]

    assert (stored[0]["newer"], stored[0]["scope"]["newer"]) == ("kept", "kept too")
    assert "newer" not in stored[1]
