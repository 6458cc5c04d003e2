"""One path syntax: every value has a path of its own, and no path means two values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.core.errors import InvalidInput
from remit.core.paths import AmbiguousPath, NotThere, below, drop, find, parse_path, put, split_assignment

names = st.text(st.sampled_from("ab.[]\"'\\0 =é\n"), max_size=4) | st.sampled_from(["count", "0", "12", ""])
values = st.recursive(
    st.integers(0, 9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)


def leaves(value, path=""):
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, below(path, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(inner, below(path, index))
    else:
        yield path, value


@given(st.dictionaries(names, values, max_size=4))
def test_every_value_is_found_at_its_path_and_no_two_share_one(data):
    found = list(leaves(data))

    assert len({path for path, _ in found}) == len(found)
    for path, value in found:
        try:
            assert find(parse_path(path), data, lengths=True) == value
        except AmbiguousPath:
            # Its plain path could be read as a name with dots that is there as well.
            assert "." in path


@pytest.mark.parametrize(
    "text",
    [
        *["", ".", "a.", ".a", "a..b", "a[", "a]", "a[]", "a[b]", "[0", "a[-1]", "a['b]", "a['b\"]", "a['b']c"],
        *["a" * 1001, "a" + ".a" * 32, r'["\x"]', '["\ud800"'],
    ],
    ids=ascii,
)
def test_what_is_no_path_is_refused(text):
    with pytest.raises(InvalidInput):
        parse_path(text)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a.b", ["a", "b"]),
        ('a["b.c"].d', ["a", "b.c", "d"]),
        ("['a.b'][0]", ["a.b", "0"]),
        (r"['it\'s']", ["it's"]),
        (r"['say \"x\"']", ['say "x"']),
        ("['say \"x\"']", ['say "x"']),
        (r'["\u007b"]', ["{"]),
        ('[""]', [""]),
        ("it's", ["it's"]),
        ("e-mail address.0", ["e-mail address", "0"]),
    ],
)
def test_a_path_is_names_by_dots_and_brackets(text, names):
    assert [step.name for step in parse_path(text).steps] == names


def test_what_is_not_there_is_said_with_what_is():
    with pytest.raises(NotThere, match=r'nothing is called .x.; there is: a, \["b.c"\]'):
        find(parse_path("x"), {"a": 1, "b.c": 2})


@pytest.mark.parametrize("path", ["account.iban", "account.iban.x", "account.iban.0"])
def test_setting_beside_a_name_with_a_dot_in_it_is_refused_and_changes_nothing(path):
    data = {"account.iban": "DE1"}

    with pytest.raises(AmbiguousPath, match=r'write \["account.iban"\]'):
        put(parse_path(path), data, "DE2")

    assert data == {"account.iban": "DE1"}


@pytest.mark.parametrize(
    ("path", "after"),
    [
        ('["a.b"]', {"a.b": 9, "l": [1, {"x": 2}]}),
        ("new.deep", {"a.b": 1, "l": [1, {"x": 2}], "new": {"deep": 9}}),
        ("l.0", {"a.b": 1, "l": [9, {"x": 2}]}),
        ("l[1].x", {"a.b": 1, "l": [1, {"x": 9}]}),
        ("['']", {"a.b": 1, "l": [1, {"x": 2}], "": 9}),
    ],
)
def test_a_value_is_set_at_its_path(path, after):
    data = {"a.b": 1, "l": [1, {"x": 2}]}
    put(parse_path(path), data, 9)

    assert data == after


@pytest.mark.parametrize("path", ["l.2", "l.count", "l.0.x", "n.x", "l['0']", "[0]"])
def test_a_value_has_no_place_in_what_holds_none(path):
    with pytest.raises(InvalidInput):
        put(parse_path(path), {"l": [1, 2], "n": None}, 9)


def test_a_name_is_dropped_and_an_item_or_what_is_not_there_is_not():
    data = {"a.b": 1, "l": [1], "c": {"d": 1}}
    drop(parse_path("['a.b']"), data)
    drop(parse_path("c.d"), data)

    assert data == {"l": [1], "c": {}}
    for path in ("l.0", "x", "c.d"):
        with pytest.raises(InvalidInput):
            drop(parse_path(path), data)


@pytest.mark.parametrize(
    ("text", "apart"),
    [
        ("parameters.a=b=c", ("parameters.a", "b=c")),
        ('parameters["a=b"]=c', ('parameters["a=b"]', "c")),
        ("parameters.a=", ("parameters.a", "")),
        ("parameters.a", None),
        ("=x", ("", "x")),
    ],
)
def test_an_assignment_is_split_at_the_end_of_its_path(text, apart):
    assert split_assignment(text) == apart
