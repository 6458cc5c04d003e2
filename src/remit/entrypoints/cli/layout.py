"""
Rows laid out for a width: a table where every column has room for its longest word, else a card for each row.

No word is broken for the sake of a column; one that is longer than the whole line has to be.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import NamedTuple

from rich.cells import cell_len, chop_cells

GAP = 2
KEPT_TOGETHER = 24
"""A value of up to so many characters, a time or a status, stays on one line."""
BOLD = "bold"
_WORD = re.compile(r"\s*\S+\s*")


class Cell(NamedTuple):
    """A value as it is shown, in a colour if one is meant."""

    text: str
    style: str = ""


Row = Sequence[Cell]
Paint = Callable[[Cell], str]


def unpainted(cell: Cell) -> str:
    return cell.text


def laid_out(columns: Sequence[str], rows: Sequence[Row], width: int, paint: Paint = unpainted) -> Iterator[str]:
    """The lines of a table, or of cards, in `width` characters, without columns that are empty in every row."""
    columns, rows = _filled(columns, rows)
    widths = _widths(columns, rows, width)
    if widths is None:
        yield from _cards(columns, rows, width, paint)
        return
    for row in ([Cell(name, BOLD) for name in columns], *rows):
        yield from _lines(row, widths, paint)


def fields(named: Mapping[str, Cell], width: int, paint: Paint = unpainted) -> Iterator[str]:
    """The lines of names and values below each other."""
    names = max(map(cell_len, named), default=0)
    values = max((cell_len(line) for value in named.values() for line in value.text.split("\n")), default=0)
    widths = [names, max(min(values, width - GAP - names), 1)]
    for name, value in named.items():
        yield from _lines([Cell(name, BOLD), value], widths, paint)


def folded(text: str, width: int) -> Iterator[str]:
    """The lines of a text in `width` characters, between its words where there is room for each."""
    for line in text.split("\n"):
        begun = ""
        for word in _WORD.findall(line):
            if cell_len(begun) + cell_len(word.rstrip()) <= width:
                begun += word
                continue
            if begun:
                yield begun.rstrip()
            # One that is wider than the line begins a new one all the same.
            *whole, begun = [word] if cell_len(word.rstrip()) <= width else chop_cells(word, width)
            yield from whole
        yield begun.rstrip()


def _lines(row: Row, widths: Sequence[int], paint: Paint) -> Iterator[str]:
    parts = [folded(cell.text, width) for cell, width in zip(row, widths, strict=True)]
    for line in zip_longest(*parts, fillvalue=""):
        yield (" " * GAP).join(
            paint(Cell(part, cell.style)) + " " * (width - cell_len(part))
            for part, cell, width in zip(line, row, widths, strict=True)
        )


def _filled(columns: Sequence[str], rows: Sequence[Row]) -> tuple[Sequence[str], Sequence[Row]]:
    if not rows:
        return columns, rows
    places = [place for place in range(len(columns)) if not all(map(_is_empty, (row[place] for row in rows)))]
    return [columns[place] for place in places], [[row[place] for place in places] for row in rows]


def _is_empty(cell: Cell) -> bool:
    return cell.text in ("", "-")


def _cards(columns: Sequence[str], rows: Sequence[Row], width: int, paint: Paint) -> Iterator[str]:
    for number, row in enumerate(rows):
        if number:
            yield ""
        known = {name: value for name, value in zip(columns, row, strict=True) if not _is_empty(value)}
        yield from fields(known, width, paint)


def _widths(columns: Sequence[str], rows: Sequence[Row], width: int) -> list[int] | None:
    """
    The width that each column gets: all that it wants if there is room, else its least and a share; `None` if not that.
    """
    cells = [[name, *(row[place].text for row in rows)] for place, name in enumerate(columns)]
    wanted = [max(map(cell_len, column)) for column in cells]
    least = [max(map(_least, column)) for column in cells]
    room = width - GAP * max(len(columns) - 1, 0)
    if sum(wanted) <= room:
        return wanted
    spare = room - sum(least)
    if spare < 0:
        return None
    return _shared(least, wanted, spare)


def _shared(least: list[int], wanted: list[int], spare: int) -> list[int]:
    """The narrowest wishes first, so that only the widest columns are folded."""
    given = [*least]
    for left, place in enumerate(sorted(range(len(least)), key=lambda at: wanted[at] - least[at])):
        more = min(wanted[place] - least[place], spare // (len(least) - left))
        given[place] += more
        spare -= more
    return given


def _least(text: str) -> int:
    return cell_len(text) if cell_len(text) <= KEPT_TOGETHER else max(map(cell_len, text.split()), default=0)
