"""Rows on a terminal: a table that breaks no word, or cards."""

from __future__ import annotations

import io
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.entrypoints.cli import output
from remit.entrypoints.cli.layout import Cell, fields, laid_out

COLUMNS = ["intent", "what", "status", "expires"]
ROW = ["r-1", "Refund · 12.50 EUR · order o-17", "AWAITING_APPROVAL", "2026-12-03 09:16:33 UTC"]
words = st.text(st.sampled_from("abcdef_"), min_size=1, max_size=40)


def shown(columns, rows, width):
    return "".join(f"{line}\n" for line in laid_out(columns, [[Cell(cell) for cell in row] for row in rows], width))


@given(st.lists(st.lists(words, min_size=1, max_size=6).map(" ".join), min_size=4, max_size=4), st.integers(60, 120))
def test_no_word_is_broken_and_no_line_is_wider_than_the_terminal(row, width):
    text = shown(COLUMNS, [row, ROW], width)

    assert all(len(line) <= width for line in text.splitlines())
    missing = {word for cell in row for word in cell.split()} - set(text.split())
    assert not missing


def test_a_table_that_fits_is_a_table():
    assert shown(COLUMNS, [ROW], 120).splitlines()[0].split() == COLUMNS


@pytest.mark.parametrize(("columns", "width"), [(1, 40), (3, 80)])
def test_a_table_that_does_not_fit_is_a_card_for_each_row(columns, width):
    names = [*COLUMNS, *("also", "and", "too")[: columns - 1]]
    rows = [[*row, *["AWAITING_APPROVAL"] * (columns - 1)] for row in (ROW, ["r-2", "-", "FAILED", "-"])]

    text = shown(names, rows, width)

    cards = [
        [line.split(maxsplit=1)[0] for line in card.splitlines() if line[:1].strip()] for card in text.split("\n\n")
    ]
    empty = {"what", "expires"}
    assert cards == [names, [name for name in names if name not in empty]]


def test_a_short_value_stays_on_its_line_while_a_long_one_is_folded():
    row = ["r-1", "a long explanation of why this one has to wait for a person", *ROW[2:]]

    lines = shown(COLUMNS, [row], 80).splitlines()

    assert lines[0].split() == COLUMNS
    assert "2026-12-03 09:16:33 UTC" in lines[1]


def test_columns_that_are_empty_in_every_row_are_left_out():
    text = shown(["intent", "votes"], [["r-1", "-"], ["r-2", "-"]], 80)

    assert "votes" not in text
    assert "votes" in shown(["intent", "votes"], [["r-1", "-"], ["r-2", "1 of 2"]], 80)
    assert "votes" in shown(["intent", "votes"], [], 80)


def test_values_stand_below_each_other_and_are_folded_beside_their_names():
    named = {"intent": Cell("r-1"), "explanation": Cell("it is about more than 500 EUR\nask ann")}

    lines = [line.rstrip() for line in fields(named, 30)]

    assert lines == [
        "intent       r-1",
        "explanation  it is about more",
        "             than 500 EUR",
        "             ask ann",
    ]


def test_a_word_that_is_wider_than_its_line_is_broken_and_wide_characters_count_as_two():
    lines = [line.rstrip() for line in fields({"": Cell("to 漢字漢字 now")}, 8)]

    assert lines == ["  to", "  漢字漢", "  字 now"]


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("stream", "environment", "line"),
    [
        (Terminal, {}, "\x1b[1mstatus\x1b[0m  \x1b[32mSUCCEEDED\x1b[0m"),
        (Terminal, {"NO_COLOR": "1"}, "\x1b[1mstatus\x1b[0m  SUCCEEDED"),
        (Terminal, {"TERM": "dumb"}, "status  SUCCEEDED"),
        (io.StringIO, {}, "status  SUCCEEDED"),
        (io.StringIO, {"FORCE_COLOR": "1"}, "\x1b[1mstatus\x1b[0m  \x1b[32mSUCCEEDED\x1b[0m"),
    ],
)
def test_a_terminal_is_told_colours_unless_nobody_wants_them(stream, environment, line, monkeypatch):
    for name in ("FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"TERM": "xterm", **environment}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", stream())

    output.print_fields({"status": output.coloured("SUCCEEDED"), "left out": None})

    assert sys.stdout.getvalue() == f"{line}\n"
