"""
Rows laid out for a width: a table where every column has room for its longest word, else a card for each row.

No word is broken for the sake of a column; one that is longer than the whole line has to be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

GAP = 2
KEPT_TOGETHER = 24
"""A value of up to so many characters, a time or a status, stays on one line."""
Row = Sequence[Text]


def laid_out(columns: Sequence[str], rows: Sequence[Row], width: int, *, title: str | None = None) -> RenderableType:
    """A table, or cards, in `width` characters, without columns that are empty in every row."""
    columns, rows = _filled(columns, rows)
    widths = _widths(columns, rows, width)
    if widths is None:
        return Group(*([Text(title, style="italic")] if title else []), *_cards(columns, rows))
    table = Table(
        title=title, title_justify="left", box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold"
    )
    for name, its in zip(columns, widths, strict=True):
        table.add_column(name, overflow="fold", width=its)
    for row in rows:
        table.add_row(*row)
    return table


def fields(named: Mapping[str, Text]) -> Table:
    """Names and values below each other."""
    grid = Table.grid(padding=(0, GAP, 0, 0))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in named.items():
        grid.add_row(name, value)
    return grid


def _filled(columns: Sequence[str], rows: Sequence[Row]) -> tuple[Sequence[str], Sequence[Row]]:
    if not rows:
        return columns, rows
    places = [place for place in range(len(columns)) if not all(map(_is_empty, (row[place] for row in rows)))]
    return [columns[place] for place in places], [[row[place] for place in places] for row in rows]


def _is_empty(cell: Text) -> bool:
    return cell.plain in ("", "-")


def _cards(columns: Sequence[str], rows: Sequence[Row]) -> list[RenderableType]:
    cards: list[RenderableType] = []
    for row in rows:
        known = {name: value for name, value in zip(columns, row, strict=True) if not _is_empty(value)}
        cards += [*([Text("")] if cards else []), fields(known)]
    return cards


def _widths(columns: Sequence[str], rows: Sequence[Row], width: int) -> list[int] | None:
    """
    The width that each column gets: all that it wants if there is room, else its least and a share; `None` if not that.
    """
    cells = [[Text(name), *(row[place] for row in rows)] for place, name in enumerate(columns)]
    wanted = [max(cell.cell_len for cell in column) for column in cells]
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


def _least(cell: Text) -> int:
    if cell.cell_len <= KEPT_TOGETHER:
        return cell.cell_len
    return max((Text(word).cell_len for word in cell.plain.split()), default=0)
