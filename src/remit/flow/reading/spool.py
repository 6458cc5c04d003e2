"""An export that can be read more than once, though it came as a stream: its lines in a file of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from tempfile import SpooledTemporaryFile
from typing import Any

from remit.core.ledger.verification import is_of_intent, read_line, written_line

IN_MEMORY_BYTES = 8 * 1024 * 1024
"""A stream up to this long stays in memory; a longer one goes to the directory for temporary files."""

_READ_BYTES = 256 * 1024


class SpooledLines:
    """The lines of a stream, to be read again and again, one reader after the other."""

    def __init__(self, file: SpooledTemporaryFile[bytes]) -> None:
        self._file = file

    def __iter__(self) -> Iterator[bytes]:
        self._file.seek(0)
        # Some at a time: one by one is slow where they are in a file that is written, too.
        while lines := self._file.readlines(_READ_BYTES):
            yield from lines


class Spool:
    """The JSON in the lines; of those of the tenant's own chain there are two."""

    def __init__(self, lines: Iterable[bytes], own: Iterable[bytes]) -> None:
        self._lines, self._own = lines, own

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        return map(read_line, self._lines)

    def own_chain(self) -> Iterator[Mapping[str, Any]]:
        """Those of the tenant's own chain, and whatever is no entry at all."""
        return map(read_line, self._own)


@contextmanager
def spooled(entries: Iterable[Any]) -> Iterator[Iterable[Any]]:
    """`entries`, as they are if they can be read twice, else as a `Spool`."""
    if iter(entries) is not entries:
        yield entries
        return
    with SpooledTemporaryFile(max_size=IN_MEMORY_BYTES) as own, spooled_lines(_written(entries, own)) as lines:
        yield Spool(lines, SpooledLines(own))


def _written(entries: Iterable[Any], own: SpooledTemporaryFile[bytes]) -> Iterator[bytes]:
    for entry in entries:
        line = written_line(entry)
        if not is_of_intent(entry):
            own.write(line + b"\n")
        yield line


@contextmanager
def spooled_lines(lines: Iterable[bytes]) -> Iterator[Iterable[bytes]]:
    """`lines`, as they are if they can be read twice, else as `SpooledLines`."""
    if iter(lines) is not lines:
        yield lines
        return
    with SpooledTemporaryFile(max_size=IN_MEMORY_BYTES) as file:
        for line in lines:
            file.write(line.rstrip(b"\n") + b"\n")
        yield SpooledLines(file)
