"""
The unified difference of two texts, in time that grows with their size.

`difflib` alone compares every line with every equal one, again for every block: seconds for a text of 20 kB that
repeats itself. So what both begin and end with is set aside first, and of a middle that is still too much for it all
goes and all comes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import unified_diff

MOST_LINES = 1000
"""How many lines of a middle are compared one by one."""
MOST_PAIRS = 5000
"""How many pairs of equal lines they may make."""

_HUNK = re.compile(r"@@ -(\d+)(,\d+)? \+(\d+)(,\d+)? @@")


def lines_of(text: str) -> list[str]:
    """Only LF ends a line: a change of any other sign that looks like an end is a change."""
    lines = text.split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def text_diff(before: str, after: str, *, context: int) -> Iterator[str]:
    """The hunks of a unified diff, without the names of files, with so many lines around each change."""
    old, new = lines_of(before), lines_of(after)
    if old == new and before != after:
        yield "\\ No newline at end of file" if before.endswith("\n") else "\\ Newline at end of file"
        return
    first, last = _alike(old, new)
    start, end = max(first - context, 0), max(last - context, 0)
    middles = old[start : len(old) - end], new[start : len(new) - end]
    for line in _compared(*middles, context):
        yield _moved(line, start) if line.startswith("@@") else line


def _alike(old: Sequence[str], new: Sequence[str]) -> tuple[int, int]:
    """The number of lines that both begin with, and how many more they end with."""
    shorter = min(len(old), len(new))
    first = next((place for place in range(shorter) if old[place] != new[place]), shorter)
    rest = shorter - first
    return first, next((place for place in range(rest) if old[-1 - place] != new[-1 - place]), rest)


def _compared(old: list[str], new: list[str], context: int) -> Iterator[str]:
    if len(old) + len(new) <= MOST_LINES and _pairs(old, new) <= MOST_PAIRS:
        for line in unified_diff(old, new, n=context, lineterm=""):
            if line not in ("--- ", "+++ "):
                yield line
        return
    yield f"@@ -1,{len(old)} +1,{len(new)} @@"
    yield from (f"-{line}" for line in old)
    yield from (f"+{line}" for line in new)


def _pairs(old: Sequence[str], new: Sequence[str]) -> int:
    other = Counter(new)
    return sum(count * other[line] for line, count in Counter(old).items())


def _moved(hunk: str, by: int) -> str:
    """The head of a hunk of the middle as one of the whole."""
    found = _HUNK.match(hunk)
    if found is None or not by:
        return hunk
    return f"@@ -{int(found[1]) + by}{found[2] or ''} +{int(found[3]) + by}{found[4] or ''} @@"
