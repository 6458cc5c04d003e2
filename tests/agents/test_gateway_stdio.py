"""The gateway's stdin and stdout: lines as they come and go, whatever their size and however they are cut."""

import asyncio
import os
import select
import threading
from contextlib import suppress

import pytest

from remit.entrypoints.gateway.stdio import PipeLines, PipeWriter
from tests.waiting import PATIENCE_S


@pytest.fixture
def pipe():
    reader, writer = os.pipe()
    yield reader, writer
    for fd in (reader, writer):
        try:
            os.close(fd)
        except OSError:
            continue


def read_lines(fd):
    async def whole():
        return [line async for line in PipeLines(fd)]

    return asyncio.run(asyncio.wait_for(whole(), PATIENCE_S))


@pytest.mark.parametrize(
    ("pieces", "lines"),
    [
        ([b"one\n"], ["one"]),
        ([b"one\ntwo\n"], ["one", "two"]),
        ([b"o", b"ne\ntw", b"o\n"], ["one", "two"]),
        (["\u00e9\n".encode()[:1], "\u00e9\n".encode()[1:]], ["\u00e9"]),
        ([b"\xff\n"], ["\ufffd"]),
        ([b"one\nand the last"], ["one", "and the last"]),
        ([b""], []),
        ([b"x" * 300_000 + b"\nend\n"], ["x" * 300_000, "end"]),
    ],
    ids=["one", "two at once", "in pieces", "a cut character", "no UTF-8", "without an end", "nothing", "long"],
)
def test_lines_are_read_as_they_come(pipe, pieces, lines):
    reader, writer = pipe

    def write():
        for piece in pieces:
            rest = piece
            while rest:
                rest = rest[os.write(writer, rest) :]
        os.close(writer)

    writing = threading.Thread(target=write)
    writing.start()
    found = read_lines(reader)
    writing.join()

    assert found == lines


@pytest.mark.parametrize("size", [10, select.PIPE_BUF, select.PIPE_BUF + 1, 1_000_000])
def test_what_goes_out_goes_out_whole_and_in_order(pipe, size):
    reader, writer = pipe

    async def whole():
        out = PipeWriter(writer)
        for letter in "ab":
            await out.write(letter * size + "\n")
            await out.flush()
        os.close(writer)

    writing = threading.Thread(target=lambda: asyncio.run(whole()))
    writing.start()
    found = read_lines(reader)
    writing.join()

    assert found == ["a" * size, "b" * size]


def test_a_pipe_that_nobody_empties_holds_up_its_writer_and_no_other_task(pipe):
    reader, writer = pipe
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, b"x" * select.PIPE_BUF)
    except BlockingIOError:
        os.set_blocking(writer, True)

    async def whole():
        out = PipeWriter(writer)
        await out.write("y")
        flushed = asyncio.ensure_future(out.flush())
        await asyncio.sleep(0)
        was_held_up = not flushed.done()
        # All may have been read before the loop hears that the flush is done: a read that waits would wait for ever.
        os.set_blocking(reader, False)
        while not flushed.done():
            with suppress(BlockingIOError):
                os.read(reader, 1 << 20)
            await asyncio.sleep(0)
        return was_held_up

    assert asyncio.run(asyncio.wait_for(whole(), PATIENCE_S))
