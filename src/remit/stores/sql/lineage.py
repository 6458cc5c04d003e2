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
        # Who comes later sees a later moment, and so the segment that is noted here.
        with self._lock:
            is_there, self._last = self._order.newest(fetch, self._last)
            self._number += not is_there
            return self._number
