"""
Connections that are used again: what the store asks of a pool, and SQLite's own.

SQLAlchemy's engine is such a pool, PostgreSQL's. A file needs no more than this, and who reads one starts without it.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Generic, Protocol, TypeVar

MOST, KEPT = 15, 5
"""How many connections of a pool are in use at a time, and how many of them are kept for the next."""
FREE_WITHIN_S = 30.0


class PooledConnection(Protocol):
    """A driver's connection, until closed: then it serves whoever comes next."""

    @property
    def driver_connection(self) -> Any: ...

    def rollback(self) -> None: ...

    def close(self) -> None:
        """Give it back, without what was not committed. A second time does nothing."""
        ...

    def invalidate(self) -> None:
        """Give it up: nobody is to use it again."""
        ...


class ConnectionPool(Protocol):
    """Safe to share between threads."""

    def raw_connection(self) -> PooledConnection:
        """Raises what the driver raises where none can be made, or none becomes free."""
        ...

    def dispose(self) -> None:
        """Close what nobody uses; what is in use is closed when it is given back. The pool may be used again."""
        ...


C = TypeVar("C", bound=sqlite3.Connection)


class SqlitePool(Generic[C]):
    """A `ConnectionPool` of connections that `connect` makes, and that are used while they are `current`."""

    def __init__(self, connect: Callable[[], C], current: Callable[[C], bool]) -> None:
        self._connect, self._current = connect, current
        self._free = threading.BoundedSemaphore(MOST)
        self._lock = threading.Lock()
        self._idle: list[C] = []
        self._disposed = 0

    def raw_connection(self) -> PooledConnection:
        if not self._free.acquire(timeout=FREE_WITHIN_S):
            raise sqlite3.OperationalError(f"no connection became free in {FREE_WITHIN_S:g} seconds")
        try:
            driver, disposed = self._take_idle()
            if driver is not None and not self._current(driver):
                driver.close()
                self.dispose()
                driver, disposed = self._take_idle()
            return _Borrowed(self, driver or self._connect(), disposed)
        except BaseException:
            self._free.release()
            raise

    def _take_idle(self) -> tuple[C | None, int]:
        with self._lock:
            return self._idle.pop() if self._idle else None, self._disposed

    def dispose(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
            self._disposed += 1
        for driver in idle:
            driver.close()

    def take_back(self, driver: C, disposed: int, *, is_sound: bool) -> None:
        try:
            with self._lock:
                keep = is_sound and disposed == self._disposed and len(self._idle) < KEPT
                if keep:
                    self._idle.append(driver)
            if not keep:
                driver.close()
        finally:
            self._free.release()


class _Borrowed(Generic[C]):
    """One connection of a `SqlitePool`; `disposed` is how often that had been disposed of when it was borrowed."""

    def __init__(self, pool: SqlitePool[C], driver: C, disposed: int) -> None:
        self._pool, self._disposed = pool, disposed
        self._driver: C | None = driver

    @property
    def driver_connection(self) -> C:
        assert self._driver is not None, "it was given back"
        return self._driver

    def rollback(self) -> None:
        self.driver_connection.rollback()

    def close(self) -> None:
        is_sound = False
        with suppress(sqlite3.Error):
            if self._driver is not None:
                self._driver.rollback()
                is_sound = True
        self._give_back(is_sound=is_sound)

    def invalidate(self) -> None:
        self._give_back(is_sound=False)

    def _give_back(self, *, is_sound: bool) -> None:
        driver, self._driver = self._driver, None
        if driver is not None:
            self._pool.take_back(driver, self._disposed, is_sound=is_sound)
