"""Differences of texts and lists: right, and in time that grows with their size."""

import random
import re
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.core.gate.bounds import BoundsInForce
from remit.core.gate.bounds_checks import parse_bounds
from remit.core.gate.bounds_diff import describe_changes
from remit.core.gate.text_diff import MOST_LINES, lines_of, text_diff

texts = st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=12).map("\n".join)


def applied(before, diff):
    """What the hunks make of a text, each taken where it says that it stands."""
    after, place = [], 0
    for line in diff:
        if head := re.match(r"@@ -(\d+)(,0)?", line):
            start = int(head[1]) - (0 if head[2] else 1)
            after += before[place:start]
            place = start
        elif line[0] in " -":
            assert before[place] == line[1:]
            after += [line[1:]] if line[0] == " " else []
            place += 1
        elif line[0] == "+":
            after.append(line[1:])
    return after + before[place:]


@given(texts, texts, st.integers(0, 3))
def test_a_difference_makes_one_text_of_the_other(before, after, context):
    diff = list(text_diff(before, after, context=context))

    assert applied(lines_of(before), diff) == lines_of(after)
    assert (diff == []) == (before == after)


def test_a_small_change_in_a_long_text_is_shown_as_one():
    before = [f"line {number}" for number in range(10 * MOST_LINES)]
    after = [*before[:7000], "new", *before[7001:]]

    assert list(text_diff("\n".join(before), "\n".join(after), context=1)) == [
        "@@ -7000,3 +7000,3 @@",
        " line 6999",
        "-line 7000",
        "+new",
        " line 7001",
    ]


@pytest.mark.parametrize("sign", ["\r", "\u2028", "\u2029", "\x85", "\f", "\v", "\x1c"])
def test_another_sign_in_the_place_of_a_line_s_end_is_a_change(sign):
    assert list(text_diff(f"// a{sign}b\n", "// a\nb\n", context=1)) != []


def shuffled(lines, seed):
    return "\n".join(random.Random(seed).sample(lines, len(lines)))


@pytest.mark.parametrize(
    "lines",
    [
        ["//"] * 11_000 + ["x", "y"] * 500,
        [f"// {number % 50}" for number in range(8000)],
        [f"// {number}" for number in range(20_000)],
    ],
    ids=["one comment again and again", "fifty comments", "all different"],
)
def test_texts_that_were_written_to_be_slow_are_compared_at_once(lines):
    began = process_time()

    diff = list(text_diff(shuffled(lines, 1), shuffled(lines, 2), context=1))

    assert diff and process_time() - began < 1


def in_force(**more):
    return BoundsInForce(config_sequence=1, bounds=parse_bounds({"tenant": "acme", **more}), type_versions={})


def test_lists_of_many_thousands_are_compared_at_once():
    before, after = ([f"{letter}{number}" for number in range(100_000)] for letter in "AB")
    began = process_time()

    told = describe_changes(in_force(allowlist=before), in_force(allowlist=after))

    assert (len(told), told[0], told[-1]) == (200_000, "- allowlist: A0", "+ allowlist: B99999")
    assert process_time() - began < 5


def test_items_of_a_list_that_python_takes_for_equal_are_told_apart():
    def tool(*items):
        spec = {"risk_tier": "LOW", "tool": {"connector": "http", "body": list(items)}}
        return in_force(action_types={"A": spec})

    told = describe_changes(tool(1, {"b": 1, "a": 2}, 0), tool(True, {"a": 2, "b": 1}))

    assert told == [
        "- action_types.A.tool.body: 1",
        "- action_types.A.tool.body: 0",
        "+ action_types.A.tool.body: true",
    ]
