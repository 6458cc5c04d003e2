"""JSON as it comes, each value with the number of its line; nothing is loaded whole."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from remit.core.errors import InvalidInput
from remit.entrypoints.cli.documents import is_document, values
from remit.entrypoints.cli.json_line import JsonLine

_CHUNK_BYTES = 256 * 1024


@contextmanager
def source(name: str) -> Iterator[tuple[BinaryIO, int | None]]:
    """The file by that name, or stdin for `-`; and how many bytes it holds, if that is known."""
    if name == "-":
        yield sys.stdin.buffer, None
        return
    try:
        # Closed below: an error while the lines are worked on is not about opening it.
        stream = Path(name).open("rb")  # noqa: SIM115
    except (OSError, ValueError) as error:
        raise _unreadable(name, error) from None
    with stream:
        yield stream, os.fstat(stream.fileno()).st_size


def _unreadable(name: str, error: Exception) -> InvalidInput:
    said = getattr(error, "strerror", None) or str(error)
    return InvalidInput("FILE", f"{name!r:.80} cannot be read: {said}", "name a file, or - for stdin")


def batches(stream: BinaryIO, *, most: int, longest_bytes: int) -> Iterator[list[JsonLine]]:
    """
    Values that are not blank, at most `most` together: a line each, or those of a list, or objects over several lines.

    A slow writer is not made to wait until a batch is full: what is there goes.
    """
    batch: list[JsonLine] = []
    for line in _read(stream, longest_bytes):
        if line is not None and not line.is_blank:
            batch.append(line)
        if batch and (line is None or len(batch) == most):
            yield batch
            batch = []


def lines_between(name: str, start: int, end: int, *, longest_bytes: int) -> Iterator[JsonLine]:
    """Every line of a part of a file, which begins with the first byte of a line and ends behind one."""
    number = 0
    with Path(name).open("rb", buffering=_CHUNK_BYTES) as stream:
        stream.seek(start)
        while start < end and (text := stream.readline(longest_bytes + 1)):
            number, size = number + 1, len(text)
            if text.endswith(b"\n"):
                start += size
                yield JsonLine(number, size, text[:-1])
                continue
            # Of a line that is too long only its length is kept.
            while not text.endswith(b"\n") and (more := stream.readline(longest_bytes)):
                text, size = more, size + len(more)
            start += size
            whole = size - text.endswith(b"\n")
            yield JsonLine(number, whole + 1, text if whole <= longest_bytes else None)


def _read(stream: BinaryIO, longest_bytes: int) -> Iterator[JsonLine | None]:
    """`None` where the next one would have to be waited for, and at the end."""
    chunks = _chunks(stream.fileno(), str(stream.name))
    begun = b""
    for chunk in chunks:
        begun += chunk or b""
        if b"\n" in begun.lstrip() or len(begun) > longest_bytes:
            break
    refuse_other_file(begun)
    first_line = begun.lstrip().partition(b"\n")[0].rstrip()
    read = values if is_document(first_line) else _lines
    return read(chain([begun], chunks), longest_bytes)


_OTHERS = {
    b"\x1f\x8b": ("compressed with gzip", "unpack it first: gunzip -k FILE"),
    b"\x28\xb5\x2f\xfd": ("compressed with zstd", "unpack it first: zstd -d FILE"),
    b"BZh": ("compressed with bzip2", "unpack it first: bunzip2 -k FILE"),
    b"\xfd7zXZ\x00": ("compressed with xz", "unpack it first: xz -dk FILE"),
    b"PK\x03\x04": ("a ZIP archive", "unpack it first, and name the file in it"),
    b"SQLite format 3\x00": ("a SQLite database", "read it with --db FILE, or export it first: remit export --db FILE"),
    b"\xff\xfe": ("text in UTF-16", "write it as UTF-8; PowerShell: remit ... | Out-File -Encoding utf8 FILE"),
    b"\xfe\xff": ("text in UTF-16", "write it as UTF-8"),
}
"""Files by what they begin with: none of it can begin JSON in UTF-8."""


def refuse_other_file(begun: bytes) -> None:
    """Raises `InvalidInput` for what begins as a file that has to become lines first."""
    for mark, (what, way_out) in _OTHERS.items():
        if begun.startswith(mark):
            raise InvalidInput("FILE", f"is {what}, and no lines of JSON", way_out)


def _chunks(descriptor: int, name: str) -> Iterator[bytes | None]:
    while chunk := _chunk(descriptor, name):
        yield chunk
        if not select.select([descriptor], [], [], 0)[0]:
            yield None


def _chunk(descriptor: int, name: str) -> bytes:
    try:
        return os.read(descriptor, _CHUNK_BYTES)
    except OSError as error:
        raise _unreadable(name, error) from None


def _lines(chunks: Iterable[bytes | None], longest_bytes: int) -> Iterator[JsonLine | None]:
    number, held, dropped = 0, b"", 0
    for chunk in chunks:
        if chunk is None:
            yield None
            continue
        *ended, rest = (held + chunk).split(b"\n")
        for text in ended:
            number += 1
            size = len(text) + dropped
            yield JsonLine(number, size + 1, None if size > longest_bytes else text)
            dropped = 0
        # Of a line without end only its length is kept.
        held, dropped = (b"", dropped + len(rest)) if dropped or len(rest) > longest_bytes else (rest, 0)
    if held or dropped:
        size = len(held) + dropped
        yield JsonLine(number + 1, size + 1, None if size > longest_bytes else held)
    yield None
