"""JSON values out of lists and out of objects over several lines, however they arrive."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.core.errors import InvalidInput
from remit.entrypoints.cli.documents import is_document, values

plain = st.none() | st.booleans() | st.integers(-9, 9) | st.text(st.sampled_from('a"\\{}[],: \n'), max_size=6)
objects = st.dictionaries(st.text(max_size=3), plain | st.lists(plain, max_size=3), max_size=4)


def read(text, *, cut=7, longest=1000):
    content = text.encode()
    chunks = [content[at : at + cut] for at in range(0, len(content), cut)]
    return [line for line in values(chunks, longest) if line is not None]


@given(st.lists(objects, min_size=1, max_size=5), st.integers(1, 40), st.sampled_from([None, 2]))
def test_a_list_is_its_items(items, cut, indent):
    found = read(json.dumps(items, indent=indent), cut=cut)

    assert [line.value() for line in found] == items


@given(st.lists(objects, min_size=1, max_size=5), st.integers(1, 40))
def test_objects_over_several_lines_are_one_each_with_the_line_where_they_begin(items, cut):
    texts = [json.dumps(each, indent=2) for each in items]

    found = read("\n".join(texts), cut=cut)

    assert [line.value() for line in found] == items
    starts = [1 + sum(text.count("\n") + 1 for text in texts[:place]) for place in range(len(texts))]
    assert [line.number for line in found] == starts


@pytest.mark.parametrize(
    ("text", "sound", "wrong"),
    [
        ('[\n {"a": 1},\n {"a": 1 "b"},\n {"a": 3}\n]', [{"a": 1}, {"a": 3}], [3]),
        ('[{"a": 1},\n, {"a": 2}]', [{"a": 1}, {"a": 2}], [2]),
        ('[{"a": 1},\n]', [{"a": 1}], [2]),
        ('\n[{"a": 1}\n', [{"a": 1}], [2]),
        ("[\n", [], [1]),
        ('[{"a": 1}] odd', [{"a": 1}], [1]),
        ('{\n"a": 1\n}\nodd {\n"a": 2}', [{"a": 1}, {"a": 2}], [4]),
        ('{\n"a": {', [], [1]),
        ("[]", [], []),
    ],
)
def test_what_is_wrong_is_told_with_its_line_and_holds_no_other_back(text, sound, wrong):
    found = {"sound": [], "wrong": []}
    for line in read(text):
        try:
            found["sound"].append(line.value())
        except InvalidInput:
            found["wrong"].append(line.number)

    assert found["sound"] == sound
    assert found["wrong"] == wrong


def test_a_value_that_is_too_long_is_not_held():
    long, short = {"a": "x" * 5000}, {"a": 1}

    found = read(json.dumps([long, short], indent=1), longest=500)

    assert [line.text is None for line in found] == [True, False]
    assert found[1].value() == short


@pytest.mark.parametrize(
    ("line", "document"),
    [
        (b"[", True),
        (b'[{"a": 1}]', True),
        (b"{", True),
        (b'{"a": 1,', True),
        (b'{"a": 1}', False),
        (b'{"a": 1', False),
        (b"", False),
        (b"odd,", False),
    ],
)
def test_a_stream_of_json_lines_begins_with_a_whole_value(line, document):
    assert is_document(line) is document
