"""
Waiting for a state, never for a time: a test goes on as soon as what it waits for is so.

The limits are there for what never comes to be. They are far longer than anything takes on a busy machine, so that
only a fault reaches them.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from typing import Protocol, TypeVar

PATIENCE_S = 120.0
_LOOK_AGAIN_S = 0.01

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Queue(Protocol[T_co]):
    """A queue of threads or of processes."""

    def get(self, block: bool = True, timeout: float | None = None) -> T_co: ...


def until(state: Callable[[], T], *, what: str, within_s: float = PATIENCE_S) -> T:
    """The first true answer of `state`. Fails with `what` was waited for."""
    over = time.monotonic() + within_s
    while not (answer := state()):
        assert time.monotonic() < over, f"not within {within_s:.0f} s: {what}"
        time.sleep(_LOOK_AGAIN_S)
    return answer


async def until_in_loop(state: Callable[[], T], *, what: str, within_s: float = PATIENCE_S) -> T:
    """As `until`, while the event loop goes on."""
    over = time.monotonic() + within_s
    while not (answer := state()):
        assert time.monotonic() < over, f"not within {within_s:.0f} s: {what}"
        await asyncio.sleep(0)
    return answer


def received(source: Queue[T], *, what: str, within_s: float = PATIENCE_S) -> T:
    """The next thing in a queue."""
    try:
        return source.get(timeout=within_s)
    except queue.Empty:
        raise AssertionError(f"not within {within_s:.0f} s: {what}") from None


def happened(event: threading.Event, *, what: str, within_s: float = PATIENCE_S) -> None:
    """Return once `event` is set."""
    assert event.wait(within_s), f"not within {within_s:.0f} s: {what}"


def ended(thread: threading.Thread, *, within_s: float = PATIENCE_S) -> None:
    """Return once `thread` has ended."""
    thread.join(within_s)
    assert not thread.is_alive(), f"not within {within_s:.0f} s: the end of {thread.name}"
