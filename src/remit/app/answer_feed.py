"""
Waking those who wait for intents: one reader of all tenants' ledgers, however many wait.

While nobody waits, nothing is read. While somebody does, one look tells which tenants' ledgers grew, and only those
that somebody waits for are read on; whoever waits for what an entry is about is woken, and looks for itself.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable

from msgspec import Struct, field

from remit.core.errors import OutcomeUnknown, TryLater
from remit.core.execution.outcome import OUTCOME_EVENT
from remit.core.ledger.entries import EventType
from remit.core.values import PLATFORM
from remit.ports import Store

log = logging.getLogger(__name__)

LOOK_S, IDLE_S = 0.1, 0.5
"""How often it looks: soon after somebody began to wait or was woken, and when nothing has happened for a while."""
LIVELY_S = 10.0
"""How long after that it looks often."""
MOST_ENTRIES = 2000
WAKING: tuple[EventType, ...] = (
    *OUTCOME_EVENT.values(),
    "OUTCOME_RESOLVED",
    "ACTION_APPROVED",
    "ACTION_REJECTED",
    "INTENT_EXPIRED",
    "INTENT_SUPERSEDED",
    "INTENT_WITHDRAWN",
    "QUESTION_ASKED",
)
"""The events that may end somebody's waiting."""

Wake = Callable[[], None]


class Waiter:
    """Somebody who waits for intents of one tenant, until it leaves."""

    def __init__(self, feed: AnswerFeed, tenant_id: str, wake: Wake) -> None:
        self._feed, self.tenant_id, self.wake = feed, tenant_id, wake
        self.follows: set[str] = set()

    def follow(self, action_intent_id: str) -> bool:
        """From here on, whatever happens to that intent wakes it. True if that is new: look at it afterwards."""
        return self._feed.follow(self, action_intent_id)

    def leave(self) -> None:
        self._feed.leave(self)


class _OfTenant(Struct):
    """The waiters of one tenant by what they follow, and the position up to which its ledger was read for them."""

    position: str
    count: int = 0
    waiters: dict[str, set[Waiter]] = field(default_factory=dict)


class AnswerFeed:
    """One process's. Safe to share between threads."""

    def __init__(self, store: Callable[[], Store]) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._tenants: dict[str, _OfTenant] = {}
        self._changed: set[str] = set()
        self._reader: threading.Thread | None = None
        self._stirred = threading.Event()
        self._history = 0

    def enter(self, tenant_id: str, wake: Wake) -> Waiter:
        """`wake` is called from another thread, and may be called for nothing: whoever is woken looks."""
        position, history = "", None
        while not self._entered(tenant_id, position, history):
            history = self._history
            # Before anything is read of what is waited for: whatever happens then is behind it.
            position = self._store().ledger_position(tenant_id)
        self._stirred.set()
        return Waiter(self, tenant_id, wake)

    def _entered(self, tenant_id: str, position: str, history: int | None) -> bool:
        with self._lock:
            if tenant_id not in self._tenants:
                # The position may be of a database that was restored since: it is asked for once more.
                if history != self._history:
                    return False
                self._tenants[tenant_id] = _OfTenant(position)
                # What was written since may have been passed over already.
                self._changed.add(tenant_id)
            self._tenants[tenant_id].count += 1
            if self._reader is None:
                self._reader = threading.Thread(target=self._read, name="remit-answers", daemon=True)
                self._reader.start()
            return True

    def follow(self, waiter: Waiter, action_intent_id: str) -> bool:
        with self._lock:
            self._tenants[waiter.tenant_id].waiters.setdefault(action_intent_id, set()).add(waiter)
        new = action_intent_id not in waiter.follows
        waiter.follows.add(action_intent_id)
        return new

    def leave(self, waiter: Waiter) -> None:
        with self._lock:
            of_tenant = self._tenants[waiter.tenant_id]
            for name in waiter.follows:
                of_tenant.waiters[name].discard(waiter)
                if not of_tenant.waiters[name]:
                    del of_tenant.waiters[name]
            of_tenant.count -= 1
            if not of_tenant.count:
                del self._tenants[waiter.tenant_id]

    def _read(self) -> None:
        position, lively_until = "", 0.0
        while self._somebody_waits():
            stirred, began = self._stirred.is_set(), time.monotonic()
            self._stirred.clear()
            try:
                position = position or self._store().ledger_position(PLATFORM)
                position, woken = self._look(position)
            except (TryLater, OutcomeUnknown) as error:
                log.warning("looking for answers again in a moment: %s", error)
                woken = False
            except Exception:
                log.exception("looking for answers failed and is tried again")
                woken = False
            now = time.monotonic()
            lively_until = now + LIVELY_S if stirred or woken else lively_until
            # At most a quarter of the time is spent on looking.
            time.sleep(max(LOOK_S if now < lively_until else IDLE_S, 3 * (now - began)))

    def _somebody_waits(self) -> bool:
        with self._lock:
            if not self._tenants:
                self._reader = None
            return bool(self._tenants)

    def _look(self, position: str) -> tuple[str, bool]:
        """The position up to which the ledgers of all were looked at, and whether anybody was woken."""
        more, woken = True, False
        while more:
            found = self._store().tenants_after(position, MOST_ENTRIES)
            position, more = found.position, found.more
            if found.history != self._history:
                position, more, woken = self._begin_anew(found.history), True, True
            self._note(found.tenants)
        while (tenant_id := self._next_changed()) is not None:
            try:
                woken = self._wake(tenant_id) or woken
            except Exception:
                # What could not be read is read by the next look.
                self._note([tenant_id])
                raise
        return position, woken

    def _begin_anew(self, history: int) -> str:
        """In a database that was restored: everybody looks, and is told what happens from now on."""
        position = self._store().ledger_position(PLATFORM)
        with self._lock:
            self._history = history
            waiting = list(self._tenants.values())
            for of_tenant in waiting:
                of_tenant.position = position
            waiters = {waiter for each in waiting for those in each.waiters.values() for waiter in those}
        for waiter in waiters:
            waiter.wake()
        return position

    def _note(self, tenants: Iterable[str]) -> None:
        with self._lock:
            self._changed |= self._tenants.keys() & set(tenants)

    def _next_changed(self) -> str | None:
        with self._lock:
            return self._changed.pop() if self._changed else None

    def _wake(self, tenant_id: str) -> bool:
        """Read a tenant's ledger on, if anybody waits for it. True if somebody was woken."""
        more, woken = True, False
        while more:
            with self._lock:
                of_tenant = self._tenants.get(tenant_id)
            if of_tenant is None:
                return woken
            page = self._store().ledger_after(tenant_id, WAKING, of_tenant.position, MOST_ENTRIES)
            of_tenant.position, more = page.position, page.more
            for waiter in self._about(of_tenant, {entry.action_intent_id for entry, _ in page.entries}):
                waiter.wake()
                woken = True
        return woken

    def _about(self, of_tenant: _OfTenant, names: set[str | None]) -> set[Waiter]:
        with self._lock:
            return {waiter for name in names if name for waiter in of_tenant.waiters.get(name, ())}
