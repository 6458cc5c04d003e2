"""Connections for reading, each borrowed for as long as one look takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from typing import Any, TypeVar

from remit.core.errors import TryLater
from remit.stores.sql.dialect import Dialect, DriverFault, raise_ours
from remit.stores.sql.pool import ConnectionPool

T = TypeVar("T")

_TRIES = 3


class Readers:
    """Safe to share between threads."""

    def __init__(self, pool: ConnectionPool, dialect: Dialect) -> None:
        self._pool, self._dialect = pool, dialect

    def borrow(self, look: Callable[[Any], T]) -> T:
        """
        Answer of `look`, which is given a driver's connection, sees one moment, and may be asked again.

        Raises `TryLater` if the database cannot be read, or no connection becomes free.
        """
        for attempt in range(_TRIES):
            try:
                with closing(self._pool.raw_connection()) as connection:
                    return look(connection.driver_connection)
            except Exception as error:
                fault = self._dialect.fault(error)
                if fault is None or fault is DriverFault.REFUSED:
                    raise_ours(error, self._dialect)
                last = error
            # The pool may hold more connections to a server that has gone.
            self._pool.dispose()
            time.sleep(0.05 * attempt)
        raise TryLater(f"{self._dialect.name} cannot be read: {last}")

    def close(self) -> None:
        self._pool.dispose()
