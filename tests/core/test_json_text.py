"""JSON from callers: what is read, and everything that two readers could take for two things."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies

from remit.core.errors import InvalidInput
from remit.core.json_text import MOST_DEPTH, MOST_PARTS, NotJson, read_json


@pytest.mark.parametrize(
    "value",
    [None, True, 0, -1.5, 1e300, "", "é\u2028😀", [], {}, [[]], {"a": [{"b": None}]}, {"": {"": 1}}],
)
def test_what_any_reader_takes_alike_is_read(value):
    for ascii_only in (True, False):
        text = json.dumps(value, ensure_ascii=ascii_only)

        assert read_json(text) == value
        assert read_json(text.encode()) == value
        assert read_json(b"\xef\xbb\xbf" + text.encode()) == value


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('{"a": 1, "a": 1}', "a"),
        ('{"a": 1, "b": 2, "\\u0061": 3}', "a"),
        ('[1, {"x": {"deep": [{"n": 1, "m": 2, "n": 3}]}}]', "n"),
        ('{"": 1, "": 2}', ""),
        ('{"a" : 1, "b": ":", "a":2}', "a"),
        ('{"a"\\n:1,"b":" :","a":2}'.replace("\\n", "\n"), "a"),
        ('{"' + "k" * 500 + '": 1, "' + "k" * 500 + '": 2}', "k" * 100),
    ],
)
def test_a_name_that_stands_twice_in_one_object_is_refused_by_that_name(text, name):
    for sent in (text, text.encode()):
        with pytest.raises(InvalidInput, match="stands twice") as refused:
            read_json(sent)

        assert refused.value.field == name


def test_one_name_in_two_objects_is_not_twice():
    for text in ('[{"a": 1}, {"a": {"a": 2}}]', b'[{"a": 1}, {"a": {"a": 2}}]'):
        assert read_json(text) == [{"a": 1}, {"a": {"a": 2}}]


@given(
    strategies.recursive(
        strategies.none()
        | strategies.integers()
        | strategies.floats(allow_nan=False, allow_infinity=False)
        | strategies.text(':" ,a\\é'),
        lambda inner: (
            strategies.lists(inner, max_size=3)
            | strategies.dictionaries(strategies.text(':"a', max_size=2), inner, max_size=3)
        ),
    ),
    strategies.sampled_from([(",", ":"), (", ", ": "), (" ,\n", "\t: ")]),
)
def test_a_short_text_in_bytes_is_read_as_any_other(value, separators):
    text = json.dumps(value, separators=separators, ensure_ascii=False)

    assert repr(read_json(text.encode())) == repr(read_json(text))


@pytest.mark.parametrize("text", ["NaN", "1e400", '{"a": -1e400}', "[1,]", "{}{}", "1" * 5000, '"\t"', "01", ""])
def test_a_short_text_in_bytes_is_refused_as_any_other(text):
    said = []
    for sent in (text, text.encode()):
        with pytest.raises(InvalidInput) as refused:
            read_json(sent)
        said.append(str(refused.value))

    assert said[0] == said[1]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "{} {}",
        "[1,]",
        "{'a': 1}",
        "NaN",
        '{"a": [Infinity]}',
        "-Infinity",
        "1e400",
        "[-1e999]",
        "1" * 5000,
        '"\\ud800"',
        '{"\\udfff": 1}',
        '["\\ude00\\ud83d"]',
        b'"\xff"',
        b'"\xed\xa0\x80"',
        '"a"'.encode("utf-16"),
    ],
)
def test_what_is_no_json_in_utf_8_is_refused(text):
    with pytest.raises(NotJson):
        read_json(text)


def test_a_whole_surrogate_pair_and_an_escaped_backslash_are_text():
    assert read_json('["\\ud83d\\ude00", "\\\\ud83d"]') == ["😀", "\\ud83d"]


@pytest.mark.parametrize(("start", "end"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
def test_nesting_has_an_end(start, end):
    levels = MOST_DEPTH // (1 + len(end) // 2)

    read_json(start * levels + "1" + end * levels)

    for more in (levels + 1, 100_000):
        with pytest.raises(InvalidInput, match="nested"):
            read_json(start * more + "1" + end * more)


def test_more_values_than_anybody_needs_are_refused_before_they_are_made():
    with pytest.raises(InvalidInput, match="values"):
        read_json("[" + "0," * MOST_PARTS + "0]")

    assert len(read_json("[" + "0," * MOST_PARTS + "0]", most_parts=None)) == MOST_PARTS + 1
