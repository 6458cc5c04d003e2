"""Past events put in the order of their times, in memory of a fixed size: what is more goes to temporary files."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from heapq import merge
from tempfile import TemporaryFile
from typing import IO

import msgspec

from remit.lab.history import PastEvent

IN_MEMORY_BYTES = 32 * 1024 * 1024
"""How much is sorted at once."""
_HEAD = struct.Struct("<qHI")
"""Its time, and the lengths of its entry's id and of itself."""
_Sortable = tuple[int, str, bytes]
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(PastEvent).decode


@contextmanager
def sorted_events(events: Iterable[PastEvent], in_memory_bytes: int = IN_MEMORY_BYTES) -> Iterator[Iterator[PastEvent]]:
    """The events by time, then entry id; they can be read until the context ends."""
    with ExitStack() as stack:
        runs: list[Iterator[_Sortable]] = []
        run: list[_Sortable] = []
        size = 0
        for event in events:
            line = _encode(event)
            run.append((event.at, event.entry_id, line))
            size += len(line)
            if size >= in_memory_bytes:
                runs.append(_read(_written(sorted(run), stack)))
                run, size = [], 0
        runs.append(iter(sorted(run)))
        yield (_decode(line) for _, _, line in merge(*runs))


def _written(run: list[_Sortable], stack: ExitStack) -> IO[bytes]:
    # Read until the stack is closed, which closes it.
    file = stack.enter_context(TemporaryFile())  # noqa: SIM115
    for at, entry_id, line in run:
        name = entry_id.encode()
        file.write(_HEAD.pack(at, len(name), len(line)) + name + line)
    file.seek(0)
    return file


def _read(file: IO[bytes]) -> Iterator[_Sortable]:
    while head := file.read(_HEAD.size):
        at, of_name, of_line = _HEAD.unpack(head)
        yield at, file.read(of_name).decode(), file.read(of_line)
