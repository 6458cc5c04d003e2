"""
Measurements of all tenants: what was read of each is remembered by one process, and read again when it has changed.

Nobody goes through all tenants for that. One look tells whose ledgers grew since the last one.
"""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from msgspec.structs import replace

from remit.core.values import PLATFORM
from remit.flow.context import Context
from remit.flow.reading.measure import Measured, OfTenant, as_of, out_since, read_tenant

MOST_TENANTS = 200
"""Of the first by name so many are measured; `left_out` says how many more there are."""
MOST_ENTRIES = 2000
"""Where the ledgers grew by more since the last look, everything is read again: that is quicker."""
LISTED_EVERY = timedelta(minutes=10)
"""How often it is asked which tenants there are, where not all that happened was looked at."""


class TenantMeasures:
    """One process's. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._position = ""
        self._names: set[str] = set()
        self._listed_at: datetime | None = None
        self._missed = True
        self._known: dict[str, OfTenant] = {}
        self._most_accounts = 0
        self._history = 0

    def measure(self, context: Context, now: datetime, most_accounts: int) -> Measured:
        """As `measure`, of the first `MOST_TENANTS` by name."""
        with self._lock:
            if most_accounts != self._most_accounts:
                self._known, self._most_accounts = {}, most_accounts
            self._follow(context, now)
            shown = sorted(self._names)[:MOST_TENANTS]
            found = {name: self._of(context, name, now) for name in shown}
            left_out = len(self._names) - len(shown)
        measured = as_of(context, found, now, most_accounts)
        measured.left_out += left_out
        return measured

    def _of(self, context: Context, name: str, now: datetime) -> OfTenant:
        known = self._known.get(name)
        if known is None or now >= known.until:
            known = read_tenant(context, name, now, self._most_accounts)
        elif known.out_since is not None:
            known = replace(known, out_since=out_since(context, name))
        self._known[name] = known
        return known

    def _follow(self, context: Context, now: datetime) -> None:
        """Forget what was read of tenants whose ledgers grew, and learn of new ones."""
        # Before anything is read: what is committed meanwhile comes behind it.
        position = self._position or context.store.ledger_position(PLATFORM)
        found = context.store.tenants_after(position, MOST_ENTRIES)
        is_another, self._history = found.history != self._history, found.history
        if found.more or not found.settled or is_another:
            self._known = {}
        if is_another:
            self._names, self._listed_at, self._missed = set(), None, True
        for name in found.tenants:
            self._known.pop(name, None)
        self._names.update(found.tenants)
        new = found.more or is_another
        self._position = context.store.ledger_position(PLATFORM) if new else found.position
        self._missed = self._missed or found.more
        if self._missed and (self._listed_at is None or abs(now - self._listed_at) >= LISTED_EVERY):
            self._names, self._listed_at, self._missed = set(context.store.tenants()), now, False
        self._names.discard(PLATFORM)
