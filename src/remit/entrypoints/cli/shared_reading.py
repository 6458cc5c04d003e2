"""
A large export, read by several processes: each takes parts of the file, and their words are put together here.

Starting them takes half a second, so smaller files are read as one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any, BinaryIO

from remit.core.errors import TryLater
from remit.core.ledger.verification import (
    Part,
    PartReader,
    Report,
    UnreadableLine,
    is_of_intent,
    may_be_own,
    may_begin_part,
    sound_entry,
    verify_parts,
)
from remit.entrypoints.cli import output
from remit.entrypoints.cli.export_line import LONGEST_ENTRY_BYTES, entry_of
from remit.entrypoints.cli.json_line import JsonLine
from remit.entrypoints.cli.lines import lines_between

SHARED_FROM_BYTES = 64 * 1024 * 1024
"""Smaller files are read sooner than processes start."""
PART_BYTES = 16 * 1024 * 1024
"""About how long a part is: short enough that nobody waits long for the last one."""
MOST_PROCESSES = 4

Place = tuple[int, int]
"""From which byte of the file on, and how many."""


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of a part: how many are not blank, how many there are, and where the tenant's own chain stands."""

    count: int
    every: int
    own: list[Place]


def processes_for(file_bytes: int) -> int:
    """The number of processes that are to read a file; one is the caller's own."""
    return min(os.cpu_count() or 1, MOST_PROCESSES) if file_bytes >= SHARED_FROM_BYTES else 1


def verified_by_several(name: str, processes: int, part_bytes: int) -> Report | None:
    """
    The report about an exported file; `None` for a file that has to be read as one.

    Raises `TryLater` if a process ended before it had read its part: then nothing is known of the file.
    """
    places = _parts(name, part_bytes)
    pool = _pool(processes) if len(places) > 1 else None
    if pool is None:
        return None
    with pool, output.progress("reading", sum(size for _, size in places)) as advance:

        def parts() -> Iterator[Part]:
            told = pool.map(_read, *zip(*tasks, strict=True))
            for (_, size), part in zip(places, told, strict=True):
                yield part
                advance(size)

        try:
            lines = list(pool.map(_look_through, [name] * len(places), places))
            own = tuple(place for each in lines for place in each.own)
            tasks = [(name, place, before, own) for place, before in zip(places, _counts_before(lines), strict=True)]
            return verify_parts(parts(), own_chain=_entries_at(name, own))
        except BrokenProcessPool:
            problem = f"a process that read a part of {name} was ended before it was through, so nothing is known of it"
            raise TryLater(problem) from None
        finally:
            pool.shutdown(cancel_futures=True)


def _pool(processes: int) -> ProcessPoolExecutor | None:
    try:
        # A fork would take the threads' locks along as they are.
        return ProcessPoolExecutor(processes, mp_context=get_context("spawn"))
    # Some systems have no shared memory to talk through.
    except (OSError, ImportError, NotImplementedError):
        return None


def _counts_before(lines: Sequence[Lines]) -> Iterator[Lines]:
    count = every = 0
    for each in lines:
        yield Lines(count, every, [])
        count, every = count + each.count, every + each.every


def _parts(name: str, part_bytes: int) -> list[Place]:
    """The file cut where a chain ends and an intent's begins; one part where that is not plain."""
    with Path(name).open("rb") as stream:
        total = os.fstat(stream.fileno()).st_size
        starts = [0]
        if _sound(stream.readline(LONGEST_ENTRY_BYTES)) is not None:
            while (start := _next_start(stream, starts[-1] + part_bytes)) is not None:
                starts.append(start)
    return [(start, end - start) for start, end in zip(starts, [*starts[1:], total], strict=True)]


def _next_start(stream: BinaryIO, place: int) -> int | None:
    stream.seek(place)
    stream.readline()
    before = None
    while True:
        start = stream.tell()
        line = stream.readline(LONGEST_ENTRY_BYTES)
        if not line:
            return None
        entry = _sound(line)
        if may_begin_part(entry, before):
            return start
        before = entry


def _sound(line: bytes) -> Any:
    return sound_entry(line.removesuffix(b"\n")) if line.endswith(b"\n") else None


def _look_through(name: str, place: Place) -> Lines:
    """The lines of a part, counted in a process of its own."""
    count, every, own, start = 0, 0, list[Place](), place[0]
    for line in _lines(name, place):
        count, every = count + (not line.is_blank), every + 1
        if line.text is not None and may_be_own(line.text) and _is_own(entry_of(line)):
            own.append((start, line.size))
        start += line.size
    return Lines(count, every, own)


def _is_own(entry: dict[str, Any]) -> bool:
    # What is no entry at all is of no chain.
    return type(entry) is not UnreadableLine and not is_of_intent(entry)


def _lines(name: str, place: Place) -> Iterator[JsonLine]:
    start, size = place
    return lines_between(name, start, start + size, longest_bytes=LONGEST_ENTRY_BYTES)


def _read(name: str, place: Place, before: Lines, own: tuple[Place, ...]) -> Part:
    """One part, read in a process of its own."""
    entries = (entry_of(line, before.every) for line in _lines(name, place) if not line.is_blank)
    return _reader(name, own).read(entries, entries_before=before.count)


@lru_cache(maxsize=1)
def _reader(name: str, own: tuple[Place, ...]) -> PartReader:
    return PartReader(_entries_at(name, own))


def _entries_at(name: str, places: Sequence[Place]) -> Iterator[dict[str, Any]]:
    with Path(name).open("rb") as stream:
        for start, size in places:
            stream.seek(start)
            yield entry_of(JsonLine(0, size, stream.read(size).removesuffix(b"\n")))
