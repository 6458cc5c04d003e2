"""
The version that every item carries: when it was written, and by which write.

A version is later than every version its writer had seen, whatever the clocks say (a hybrid logical
clock). So "everything written up to this moment" holds, for each write, all that it built upon.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterable

_DIGITS = 16
FIRST = "0" * _DIGITS


class Versions:
    """Gives out versions for one process. Safe to share between threads. `clock` answers microseconds since 1970."""

    def __init__(self, clock: Callable[[], int] = lambda: time.time_ns() // 1000) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._last_us = 0

    def next(self, seen: Iterable[str | None]) -> str:
        """A version of its own, later than all of `seen` and than every one given out or seen before."""
        latest = max((moment_of(version) for version in seen if version), default=FIRST)
        with self._lock:
            self._last_us = max(self._clock(), self._last_us + 1, int(latest) + 1)
            return f"{self._last_us:0{_DIGITS}d}.{secrets.token_hex(6)}"

    def now(self) -> str:
        """A moment that nothing written from here on is part of."""
        with self._lock:
            self._last_us = max(self._clock(), self._last_us + 1)
            return f"{self._last_us:0{_DIGITS}d}"

    def before_s(self, seconds: float) -> str:
        """The moment so long ago."""
        return moment_after(f"{self._clock():0{_DIGITS}d}", -seconds)


def moment_after(moment: str, seconds: float) -> str:
    return f"{max(int(moment) + int(seconds * 1_000_000), 0):0{_DIGITS}d}"


def moment_of(version: str) -> str:
    return version[:_DIGITS]
