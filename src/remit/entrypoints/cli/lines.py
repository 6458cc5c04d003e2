"""JSON lines as they come, each with its number; nothing is loaded whole."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from remit.core.errors import InvalidInput
from remit.core.json_text import MOST_PARTS, read_json

_CHUNK_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its number from 1, its length with the line's end, and its text; `None` if it was too long."""

    number: int
    size: int
    text: bytes | None

    def value(self, *, most_parts: int | None = MOST_PARTS) -> Any:
        """The JSON in it, as `read_json` reads it. Raises `InvalidInput`."""
        if self.text is None:
            raise InvalidInput("(json)", f"takes {self.size} bytes", "keep what is bulky elsewhere and refer to it")
        return read_json(self.text, most_parts=most_parts)


@contextmanager
def source(name: str) -> Iterator[tuple[BinaryIO, int | None]]:
    """The file by that name, or stdin for `-`; and how many bytes it holds, if that is known."""
    if name == "-":
        yield sys.stdin.buffer, None
        return
    try:
        # Closed below: an error while the lines are worked on is not about opening it.
        stream = Path(name).open("rb")  # noqa: SIM115
    except OSError as error:
        raise InvalidInput("FILE", f"{name} cannot be read: {error.strerror}", "name a file, or - for stdin") from None
    with stream:
        yield stream, os.fstat(stream.fileno()).st_size


def batches(stream: BinaryIO, *, most: int, longest_bytes: int) -> Iterator[list[Line]]:
    """
    Lines that are not blank, at most `most` together.

    A slow writer is not made to wait until a batch is full: what is there goes.
    """
    batch: list[Line] = []
    for line in _lines(stream, longest_bytes):
        if line is not None and (line.text is None or line.text.strip()):
            batch.append(line)
        if batch and (line is None or len(batch) == most):
            yield batch
            batch = []


def _lines(stream: BinaryIO, longest_bytes: int) -> Iterator[Line | None]:
    """`None` where the next line would have to be waited for, and at the end."""
    number, held, dropped = 0, b"", 0
    descriptor = stream.fileno()
    while chunk := os.read(descriptor, _CHUNK_BYTES):
        *ended, rest = (held + chunk).split(b"\n")
        for text in ended:
            number += 1
            yield _line(number, text, dropped, longest_bytes)
            dropped = 0
        # Of a line without end only its length is kept.
        held, dropped = (b"", dropped + len(rest)) if dropped or len(rest) > longest_bytes else (rest, 0)
        if not select.select([descriptor], [], [], 0)[0]:
            yield None
    if held or dropped:
        yield _line(number + 1, held, dropped, longest_bytes)
    yield None


def _line(number: int, text: bytes, dropped: int, longest_bytes: int) -> Line:
    size = len(text) + dropped
    return Line(number, size + 1, None if size > longest_bytes else text)
