"""
JSON values in a stream that is no JSON lines: a list of them, or objects over several lines.

A value is found by its brackets and strings alone, as it arrives, and read as any other line is: what is wrong with one
says so, and holds no other back.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from msgspec import Struct, field

from remit.entrypoints.cli.json_line import JsonLine

_MARK = re.compile(rb'\\[\s\S]|["\[\]{},]')
_UNFINISHED = (b",", b"{", b"[", b":")


def is_document(first_line: bytes) -> bool:
    """Does a stream that begins so hold a list, or an object over several lines? No JSON line ends as these do."""
    return first_line.startswith(b"[") or (first_line.startswith(b"{") and first_line.endswith(_UNFINISHED))


def values(chunks: Iterable[bytes | None], longest_bytes: int) -> Iterator[JsonLine | None]:
    """Each value with the line on which it begins; `None` where the next one would have to be waited for."""
    scanner = _Scanner(longest_bytes)
    for chunk in chunks:
        if chunk is None:
            yield None
        else:
            yield from scanner.feed(chunk)
    yield from scanner.end()
    yield None


class _Scanner(Struct):
    longest_bytes: int
    held: bytes = b""
    """Of the value at hand, and what was not looked at yet."""
    looked_at: int = 0
    line: int = 1
    """Of the first byte that is held."""
    dropped: int = 0
    """Bytes of the value at hand that are not held: it is too long."""
    depth: int = 0
    quoted: bool = False
    in_list: bool = False
    list_line: int = 1
    after_comma: bool = False
    found: list[JsonLine] = field(default_factory=list)

    def feed(self, chunk: bytes) -> list[JsonLine]:
        """The values that end in it."""
        self.held += chunk
        begins = 0
        for mark in _MARK.finditer(self.held, self.looked_at):
            begins = self._after(mark[0], mark.start(), mark.end(), begins)
            self.looked_at = mark.end()
        self._let_go(begins)
        if len(self.held) > self.longest_bytes and (self.depth or self.quoted):
            self.dropped += self.looked_at
            self._let_go(self.looked_at)
        found, self.found = self.found, []
        return found

    def end(self) -> list[JsonLine]:
        """The rest: a value, or a list, without its end."""
        if self.held.strip() or self.dropped:
            self._take(0, len(self.held))
        if self.in_list:
            self.found.append(JsonLine(self.list_line, 1, b"["))
        return self.found

    def _after(self, mark: bytes, start: int, end: int, begins: int) -> int:
        """The place where the value at hand begins once this mark was seen."""
        if mark == b'"':
            self.quoted = not self.quoted
        elif self.quoted or mark.startswith(b"\\"):
            return begins
        elif mark in b"[{":
            return self._opened(mark, start, end, begins)
        elif mark == b",":
            return self._after_item(begins, start, end) if self.in_list and self.depth == 1 else begins
        else:
            return self._closed(start, end, begins)
        return begins

    def _opened(self, mark: bytes, start: int, end: int, begins: int) -> int:
        self.depth += 1
        if self.depth > 1:
            return begins
        if self.held[begins:start].strip():
            self._take(begins, start)
            begins = start
        self.in_list = mark == b"["
        self.list_line = self.line + self.held.count(b"\n", 0, start)
        return end if self.in_list else begins

    def _closed(self, start: int, end: int, begins: int) -> int:
        self.depth = max(self.depth - 1, 0)
        if self.depth:
            return begins
        if not self.in_list:
            self._take(begins, end)
        elif self.after_comma or self.held[begins:start].strip() or self.dropped:
            self._take(begins, start)
        self.in_list = self.after_comma = False
        return end

    def _after_item(self, begins: int, start: int, end: int) -> int:
        self._take(begins, start)
        self.after_comma = True
        return end

    def _take(self, begins: int, end: int) -> None:
        """One value; where there is none between two commas, the comma, which is none."""
        text = self.held[begins:end]
        blank = len(text) - len(text.lstrip())
        number = self.line + self.held.count(b"\n", 0, begins + blank)
        size = self.dropped + len(text)
        too_long = self.dropped or len(text) > self.longest_bytes
        self.found.append(JsonLine(number, size, None if too_long else text.strip() or b","))
        self.dropped = 0

    def _let_go(self, begins: int) -> None:
        self.line += self.held.count(b"\n", 0, begins)
        self.held = self.held[begins:]
        self.looked_at = max(self.looked_at - begins, 0)
