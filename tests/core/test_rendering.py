"""Values and text as people see them: nothing invisible, nothing that passes for another, nothing cut in silence."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.core import rendering
from remit.core.rendering import END_OF_ISOLATE, ISOLATE, name, path_of, quoted, rows, sentence, value_text, visible

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


# --- values ---


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (True, "true"),
        ("true", '"true"'),
        (100, "100"),
        ("100", '"100"'),
        (None, "null"),
        ("null", '"null"'),
        ("", '""'),
        (" ", '" "'),
        (1299.0, "1299"),
        (1e-05, "0.00001"),
        (1e21, "1e+21"),
        (-0.0, "0"),
        ([], "[]"),
        ({}, "{}"),
        (["1", 1, None, {"b": 1.50, "a": "x\ny"}], '["1",1,null,{"a":"x\\ny","b":1.5}]'),
    ],
)
def test_a_value_shows_its_type_and_the_number_that_is_sent(value, shown):
    assert value_text(value) == shown


@given(JSON, JSON)
def test_two_values_that_differ_look_different(one, other):
    if rendering.json_text(one) != rendering.json_text(other):
        assert value_text(one) != value_text(other)


# --- characters ---


@pytest.mark.parametrize(
    "odd",
    ["\u202e", "\u2066", "\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u00a0", "\u2003", "\u3000", "\u2028",
     "\u2029", "\u0085", "\x1b", "\x00", "\t", "\r", "\x7f", "\u2800", "\u3164", "\u115f", "\u034f", "\ue000",
     "\U000e0041", "\U000e0100", "\ufe00", "\u180e", "\ufff9"],
)  # fmt: skip
def test_what_does_not_show_stands_as_its_number(odd):
    shown = visible(f"pay{odd}ann", lines=True)

    assert shown == f"pay⟨U+{ord(odd):04X}⟩ann"
    assert not rendering.is_plain(f"pay{odd}ann")


@pytest.mark.parametrize("text", ["Größe «東京» 👍 ❤\ufe0f 1\ufe0f\u20e3", "e\u0301té", "ที่นี่", "שָׁלוֹם", "नमस्ते", "עברית"])
def test_text_of_every_alphabet_stands_as_it_is(text):
    assert visible(text) == text


def test_marks_that_pile_up_over_the_lines_above_are_counted_instead():
    assert visible("e" + "\u0301" * 50) == "e" + "\u0301" * rendering.MOST_COMBINING + "⟨U+0301 ×46⟩"


@pytest.mark.parametrize("text", ["\u0301x", ' "\u0338', "\u200b\u0301"])
def test_a_mark_never_stands_on_what_is_not_the_agents(text):
    assert "\u0301" not in visible(text) and "\u0338" not in visible(text)


def test_a_text_cannot_imitate_a_mark():
    assert visible("⟨U+202E⟩") != visible("\u202e")
    assert sentence(visible("\u202e")) == visible("\u202e")


@given(st.text())
def test_what_is_shown_holds_nothing_that_does_not_show(text):
    for shown in (visible(text), quoted(text), sentence(text), value_text(text)):
        plain = shown.replace(ISOLATE, "").replace(END_OF_ISOLATE, "")
        assert plain.isprintable()
        assert shown.count(ISOLATE) == shown.count(END_OF_ISOLATE)


@given(st.text(), st.text())
def test_two_texts_that_differ_look_different(one, other):
    assert (visible(one) == visible(other)) == (one == other)


@given(st.text())
def test_a_line_of_ours_is_the_same_however_often_it_is_made_ready(text):
    said = f"ann rejected {quoted(text)}"

    assert sentence(said) == said
    assert sentence(sentence(text)) == sentence(text)


def test_text_from_the_right_is_isolated_and_cannot_open_an_isolate():
    assert quoted("שלום") == f'{ISOLATE}"שלום"{END_OF_ISOLATE}'
    assert sentence(f"x {ISOLATE} y") == "x ⟨U+2068⟩ y"
    assert sentence(f"x {END_OF_ISOLATE} y {ISOLATE}") == "x ⟨U+2069⟩ y ⟨U+2068⟩"


# --- sentences ---


def test_what_somebody_said_is_one_line_in_quotation_marks():
    assert quoted('it was "done"\n\nSign in') == '"it was \\"done\\"\\n\\nSign in"'


@pytest.mark.parametrize("text", ["x" * 500, "\u200b\u200c" * 250, "\n" * 500, "東" * 500])
def test_of_a_long_text_it_says_how_much_more_there_is(text):
    shown, _, more = quoted(text).partition("… ")

    assert len(shown) <= rendering.MOST_QUOTED + 2
    taken = json.loads(shown.replace("⟨U+200B⟩", "\u200b").replace("⟨U+200C⟩", "\u200c"))
    assert text.startswith(taken) and more == f"{500 - len(taken):,} more characters"


@pytest.mark.parametrize("plain", ["c-17", "acme/asked", "ann@example.com", "1.5", "a"])
def test_a_plain_name_stands_as_it_is(plain):
    assert name(plain) == plain


@pytest.mark.parametrize("odd", ["", "two words", "https://evil.example", "x:", "x.", "a//b", "größe", "a\n"])
def test_any_other_name_is_quoted(odd):
    assert name(odd) == quoted(odd)


# --- paths ---


def test_no_two_values_have_one_path():
    record = {"account.iban": 1, "account": {"iban": 2, "": 3, "a b": 4, "a\u202e": 5}, "e": {}, '["account': 6}

    assert {row.path: row.value for row in rows(record)} == {
        '["account.iban"]': 1,
        "account.iban": 2,
        'account[""]': 3,
        'account["a b"]': 4,
        'account["a\\u202e"]': 5,
        "e": {},
        '["[\\"account"]': 6,
    }


@given(st.lists(st.lists(st.text(), min_size=1, max_size=3), min_size=2, max_size=2))
def test_two_places_have_two_paths_and_both_show(places):
    one, other = places

    assert (path_of(one) == path_of(other)) == (one == other)
    assert path_of(one).isprintable()
