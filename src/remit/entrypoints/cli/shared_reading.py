"""
A large export, read by several processes: each takes parts of the file, and their words are put together here.

Starting them takes half a second, so smaller files are read as one.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from remit.core.errors import TryLater
from remit.core.ledger.verification import (
    Part,
    PartReader,
    Report,
    is_of_intent,
    may_begin_part,
    sound_entry,
    verify_parts,
)
from remit.entrypoints.cli import output
from remit.entrypoints.cli.export_line import LONGEST_ENTRY_BYTES, entry_of
from remit.entrypoints.cli.lines import lines_between

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor

SHARED_FROM_BYTES = 64 * 1024 * 1024
"""Smaller files are read sooner than processes start."""
PART_BYTES = 16 * 1024 * 1024
"""About how long a part is: short enough that nobody waits long for the last one."""
MOST_PROCESSES = 4

_CHUNK_BYTES = 256 * 1024
_SELDOM = 20_000

Place = tuple[int, int]
"""From which byte of the file on, and how many."""


def processes_for(file_bytes: int) -> int:
    """The number of processes that are to read a file; one is the caller's own."""
    return min(os.cpu_count() or 1, MOST_PROCESSES) if file_bytes >= SHARED_FROM_BYTES else 1


def verified_by_several(name: str, processes: int, part_bytes: int) -> Report | None:
    """
    The report about an exported file; `None` for a file that has to be read as one.

    Raises `TryLater` if a process ended before it had read its part: then nothing is known of the file.
    """
    # Imported here: most files are read by this process alone.
    from concurrent.futures.process import BrokenProcessPool

    own, places = _taken_apart(name, part_bytes)
    pool = _pool(processes) if own and len(places) > 1 else None
    if pool is None:
        return None
    with output.progress("reading", sum(size for _, size in places)) as advance:
        try:
            return verify_parts(_parts(pool, name, own, places, advance), own_chain=_entries_at(name, own))
        except BrokenProcessPool:
            problem = f"a process that read a part of {name} was ended before it was through, so nothing is known of it"
            raise TryLater(problem) from None
        finally:
            pool.shutdown(cancel_futures=True)


def _parts(
    pool: ProcessPoolExecutor, name: str, own: tuple[Place, ...], places: Sequence[Place], advance: output.Advance
) -> Iterator[Part]:
    read = partial(_read, name, own)
    lines = entries = 0
    for place, told in zip(places, pool.map(read, places), strict=True):
        if told.part.strays and lines:
            # Its findings name lines of the file by their numbers, which were not known yet.
            told = pool.submit(read, place, lines, entries).result()
        yield told.part
        lines, entries = lines + told.lines, entries + told.part.report.entries
        advance(place[1])


def _pool(processes: int) -> ProcessPoolExecutor | None:
    try:
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context

        # A fork would take the threads' locks along as they are.
        return ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=_begin)
    # Some systems have no shared memory to talk through.
    except (OSError, ImportError, NotImplementedError):
        return None


def _taken_apart(name: str, part_bytes: int) -> tuple[tuple[Place, ...], list[Place]]:
    """
    The entries of the tenant's own chain at its end, and the parts: cut where a chain ends and an intent's begins.

    A file in which neither is plain to see is one part.
    """
    with Path(name).open("rb") as stream:
        total = os.fstat(stream.fileno()).st_size
        starts = [0]
        if _sound(stream.readline(LONGEST_ENTRY_BYTES)) is not None:
            while (start := _next_start(stream, starts[-1] + part_bytes)) is not None:
                starts.append(start)
        places = [(start, end - start) for start, end in zip(starts, [*starts[1:], total], strict=True)]
        return tuple(reversed([*_own_from_the_end(stream, total)])), places


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


def _own_from_the_end(stream: BinaryIO, end: int) -> Iterator[Place]:
    """The last first."""
    for start, line in _lines_from_the_end(stream, end):
        entry = _sound(line)
        if entry is None or is_of_intent(entry):
            return
        yield start, len(line)


def _lines_from_the_end(stream: BinaryIO, end: int) -> Iterator[tuple[int, bytes]]:
    """Each with its first byte's place; nothing more where one is longer than any entry may be."""
    held = b""
    while end > 0 and len(held) <= LONGEST_ENTRY_BYTES:
        start = max(end - _CHUNK_BYTES, 0)
        stream.seek(start)
        held, end = stream.read(end - start) + held, start
        # What ends the line before it ends with the line's first byte.
        while (before := held.rfind(b"\n", 0, -1)) >= 0:
            yield start + before + 1, held[before + 1 :]
            held = held[: before + 1]
    if held and not end:
        yield 0, held


def _sound(line: bytes) -> Any:
    return sound_entry(line.removesuffix(b"\n")) if line.endswith(b"\n") else None


def _begin() -> None:
    """Look for garbage less often than is usual: nearly all that a chain is read into goes without being looked for."""
    gc.freeze()
    gc.set_threshold(_SELDOM)


class _Told(NamedTuple):
    part: Part
    lines: int
    """How many it has; blank ones too."""


def _read(name: str, own: tuple[Place, ...], place: Place, lines_before: int = 0, entries_before: int = 0) -> _Told:
    """One part, read in a process of its own."""
    start, size = place
    count = 0

    def entries() -> Iterator[dict[str, Any]]:
        nonlocal count
        for line in lines_between(name, start, start + size, longest_bytes=LONGEST_ENTRY_BYTES):
            count = line.number
            if (entry := entry_of(line, lines_before)) is not None:
                yield entry

    part = _reader(name, own).read(entries(), entries_before=entries_before)
    return _Told(part, count)


@lru_cache(maxsize=1)
def _reader(name: str, own: tuple[Place, ...]) -> PartReader:
    return PartReader(_entries_at(name, own))


def _entries_at(name: str, places: Sequence[Place]) -> Iterator[dict[str, Any]]:
    with Path(name).open("rb") as stream:
        for start, size in places:
            stream.seek(start)
            yield _sound(stream.read(size))
