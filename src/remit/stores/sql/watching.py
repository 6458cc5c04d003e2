"""Threads that tell a worker what other processes have queued: a hint, beside which it still looks now and then."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

Announcing = AbstractContextManager[Callable[[], None]]
Stopped = Callable[[float], bool]
"""Waits so many seconds; true, and at once, when it is over."""


@contextmanager
def in_thread(name: str, run: Callable[[Stopped], None]) -> Iterator[None]:
    """`run` in a thread, until it is over: it asks `stopped` and ends soon."""
    stop = threading.Event()
    thread = threading.Thread(target=run, args=(stop.wait,), name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


class Announcer:
    """Tells others after a commit, from a thread of its own, so that no commit waits; at most once in `every_s`."""

    def __init__(self, announcing: Callable[[], Announcing | None], every_s: float) -> None:
        self._announcing, self._every_s = announcing, every_s
        self._news, self._over = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    def announce(self) -> None:
        """Not for two threads at once: only who commits has news."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="remit-announcer", daemon=True)
            self._thread.start()
        # What is set already will be told after this commit: setting it again costs every commit 10 us.
        if not self._news.is_set():
            self._news.set()

    def close(self) -> None:
        self._over.set()
        self._news.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        announcing = self._announcing()
        if announcing is None:
            return
        with announcing as tell:
            while self._news.wait() and not self._over.is_set():
                # Cleared first: what is committed from here on is told in the next round.
                self._news.clear()
                tell()
                self._over.wait(self._every_s)
