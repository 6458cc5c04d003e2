"""
This process's stdin and stdout, for a protocol of lines.

The SDK reads and writes them in threads, of which a call waits for three; the event loop itself says when a pipe can be
read, and whether it takes a line at once.
"""

from __future__ import annotations

import asyncio
import os
import select
import stat
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from mcp.server.stdio import stdio_server

_READ_BYTES = 64 * 1024


@asynccontextmanager
async def served() -> AsyncIterator[Any]:
    """
    The streams of messages at stdin and stdout. While they are served, whatever else reads there reads nothing, and
    what it prints goes to stderr.
    """
    if not (_is_open_pipe(0) and _is_open_pipe(1)):
        # A file or a terminal.
        async with stdio_server() as streams:
            yield streams
        return
    with _taken(0, os.devnull, os.O_RDONLY) as stdin, _taken(1, None, os.O_WRONLY) as stdout:
        lines: Any = PipeLines(stdin)
        written: Any = PipeWriter(stdout)
        async with stdio_server(lines, written) as streams:
            yield streams


def _is_open_pipe(fd: int) -> bool:
    """Is it one that an event loop can wait for?"""
    if sys.platform == "win32":
        return False
    try:
        mode = os.fstat(fd).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


@contextmanager
def _taken(fd: int, instead: str | None, how: int) -> Iterator[int]:
    """A descriptor of its own for what stands at `fd`, where `instead` stands meanwhile, or stderr."""
    own = os.dup(fd)
    other = os.open(instead, how) if instead else os.dup(2)
    os.dup2(other, fd)
    os.close(other)
    try:
        yield own
    finally:
        os.dup2(own, fd)
        os.close(own)


class PipeLines:
    """The input, line by line."""

    def __init__(self, fd: int) -> None:
        self._fd, self._kept = fd, bytearray()

    def __aiter__(self) -> PipeLines:
        return self

    async def __anext__(self) -> str:
        looked_at = 0
        while (end := self._kept.find(b"\n", looked_at)) < 0:
            looked_at = len(self._kept)
            came = await self._read()
            if not came and not self._kept:
                raise StopAsyncIteration
            self._kept += came or b"\n"
        line = self._kept[:end].decode("utf-8", "replace")
        del self._kept[: end + 1]
        return line

    async def _read(self) -> bytes:
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_reader(self._fd, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(self._fd)
        return os.read(self._fd, _READ_BYTES)


class PipeWriter:
    """The output: each `flush` writes what came since the last."""

    def __init__(self, fd: int) -> None:
        self._fd, self._kept = fd, bytearray()
        self._is_pipe = stat.S_ISFIFO(os.fstat(fd).st_mode)

    async def write(self, text: str) -> None:
        self._kept += text.encode()

    async def flush(self) -> None:
        kept, self._kept = bytes(self._kept), bytearray()
        if self._takes_at_once(len(kept)):
            os.write(self._fd, kept)
        else:
            await asyncio.to_thread(self._write, kept)

    def _takes_at_once(self, size: int) -> bool:
        """A pipe that is ready takes so much without waiting for its reader (`select.PIPE_BUF`)."""
        if not self._is_pipe or size > select.PIPE_BUF:
            return False
        poll = select.poll()
        poll.register(self._fd, select.POLLOUT)
        return any(event & select.POLLOUT for _, event in poll.poll(0))

    def _write(self, kept: bytes) -> None:
        rest = memoryview(kept)
        while rest:
            rest = rest[os.write(self._fd, rest) :]
