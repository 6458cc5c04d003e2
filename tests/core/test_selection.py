"""Parts of a JSON value by their paths: only these, or all but these."""

import pytest

from remit.core.errors import InvalidInput
from remit.core.paths import parse_path
from remit.core.selection import only, without

ORDER = {
    "id": "o-1",
    "customer": {"name": "Ann", "email": "ann@example.com"},
    "items": [{"sku": "a", "price": 1}, {"sku": "b", "price": 2}],
}


def paths(*texts):
    return [parse_path(text) for text in texts]


@pytest.mark.parametrize(
    ("kept", "left"),
    [
        (["id"], {"id": "o-1"}),
        (["customer.name"], {"customer": {"name": "Ann"}}),
        (["items.*.sku"], {"items": [{"sku": "a"}, {"sku": "b"}]}),
        (["items[1]", "id"], {"id": "o-1", "items": [{"sku": "b", "price": 2}]}),
        (["customer", "customer.name"], {"customer": {"name": "Ann", "email": "ann@example.com"}}),
        (["nothing.here"], {}),
        (["id.further"], {}),
        (["*.name"], {"customer": {"name": "Ann"}, "items": []}),
    ],
)
def test_only_what_the_paths_name_is_left(kept, left):
    assert only(paths(*kept), ORDER) == left


@pytest.mark.parametrize(
    ("dropped", "gone"),
    [
        (["customer.email"], {**ORDER, "customer": {"name": "Ann"}}),
        (["items.*.price", "nothing"], {**ORDER, "items": [{"sku": "a"}, {"sku": "b"}]}),
        (["items[0]"], {**ORDER, "items": [None, {"sku": "b", "price": 2}]}),
        (["*"], {}),
    ],
)
def test_what_the_paths_name_goes_and_all_else_stays(dropped, gone):
    assert without(paths(*dropped), ORDER) == gone


def test_the_value_itself_is_not_changed():
    before = {"a": {"b": 1, "c": 2}}

    without(paths("a.b"), before)
    only(paths("a.c"), before)

    assert before == {"a": {"b": 1, "c": 2}}


@pytest.mark.parametrize("part", [only, without])
def test_a_path_that_could_mean_a_name_with_a_dot_in_it_is_refused(part):
    with pytest.raises(InvalidInput, match="could mean"):
        part(paths("a.b"), {"a.b": "one", "a": {"b": "another"}})


def test_a_name_that_is_a_star_stands_in_quotes():
    assert without(paths('["*"]'), {"*": 1, "a": 2}) == {"a": 2}


@pytest.mark.parametrize("value", ["text", 7, None, True])
def test_a_value_without_names_has_no_parts(value):
    assert without(paths("a"), value) == value
    assert only(paths("a"), value) is None
