"""
Is a database still the one that this process saw, grown since? One that was restored beneath it is not.

The ledger loses no segment: the last one that was there still is, or this is another database, or an earlier state.
"""

from __future__ import annotations

import threading

from remit.stores.sql.ledger_order import Fetch, LedgerOrder
from remit.stores.sql.rows import Row


class Lineage:
    """Safe to share between threads."""

    def __init__(self, order: LedgerOrder) -> None:
        self._order = order
        self._lock = threading.Lock()
        self._last: Row | None = None
        self._number = 0

    def number(self, fetch: Fetch) -> int:
        """
        A number that is another one once the database is not the one that was seen before.

        Asked over a connection before all else: of what is read behind it nothing is of before that.
        """
        # Not while it is asked: of several connections one may hang, and the others go on.
        with self._lock:
            number, known = self._number, self._last
        # Whoever noted what is known had its answer before this is asked, and so this sees no earlier moment.
        is_there, last = self._order.newest(fetch, known)
        with self._lock:
            if self._number != number:
                # Another one found that out meanwhile. On which side of it this looks nobody knows: on the safe one.
                return number
            if not is_there:
                self._number, self._last = number + 1, last
            elif _is_later(last, self._last):
                self._last = last
            return self._number


def _is_later(last: Row | None, known: Row | None) -> bool:
    return last is not None and (known is None or last[0] > known[0])
