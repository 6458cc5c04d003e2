"""
Following what changed: which tenants have something to count or to tell, and each of them in its turn.

Nobody goes through all tenants for that. The ledgers of all together are looked at from the position up to which every
tenant was followed, and what is to be told at a time, though nothing happens, is found by that time. Only where no such
position is stored, in a new database and in one that an earlier release wrote, every tenant is followed once.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from remit.core.errors import OutcomeUnknown, TryLater
from remit.core.ledger.position import LedgerConsumer
from remit.core.records import CONSUMER, NOTIFICATION_STATE, Key
from remit.core.values import PLATFORM, shifted
from remit.flow.consumer import Progress
from remit.flow.context import Context, one
from remit.flow.notifications import call_back, cards, collect, deliver
from remit.flow.notifications.count import Counting
from remit.ports import Snapshot, UnitOfWork, Writes, answer_of

log = logging.getLogger(__name__)

FOLLOWED_TO = Key(CONSUMER, PLATFORM, "tenants")
"""The position up to which the ledgers of all tenants were followed."""
MOST_ENTRIES, MOST_LOOKS = 5000, 20
"""How much of the ledgers is looked at for tenants, at once and in one round."""
MOST_TENANTS = 200
"""How many tenants are followed in one round; the others come first in the next."""
NOTED_EVERY = timedelta(seconds=10)
"""How often the position is noted: who begins anew looks at what happened since then once more."""
_RETRIED_AFTER = timedelta(seconds=30)
"""After an error that no later look may clear away, such as a record that nobody can read."""
_HELD_UP_FOR = timedelta(seconds=5)
"""Before it is looked whether what was told has been delivered."""


class LedgerFollower:
    """One process's. Safe to share between threads: one of them follows at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._position = ""
        self._moved = False
        self._noted_at: datetime | None = None
        self._changed: dict[str, None] = {}
        self._failed: dict[str, datetime] = {}
        self._broken: dict[str, datetime] = {}
        """Those whose error no look has to do with: until then they rest, whatever happens to them."""
        self._counting = Counting()
        self._history = 0
        self._noted = ""
        self._of_before = ""
        """Noted by this process, and maybe of the database that was there before, though it stands in this one."""

    def follow(self, context: Context, clock: Callable[[], datetime]) -> bool:
        """One bounded round. True if there may be more already."""
        with self._lock:
            more = self._look(context, clock())
            moved = [self._follow(context, name, clock()) for name in list(self._changed)[:MOST_TENANTS]]
            self._note(context, clock())
            return more or any(moved) or len(self._changed) > len(moved)

    def _look(self, context: Context, now: datetime) -> bool:
        """Find the tenants whose turn it is. True if not all was looked at."""
        if not self._position:
            self._begin(context)
        more = True
        for _ in range(MOST_LOOKS):
            found = context.store.tenants_after(self._position, MOST_ENTRIES)
            if found.history != self._history:
                self._begin_in(found.history)
                self._begin(context)
                continue
            self._add(found.tenants)
            if PLATFORM in found.tenants:
                self._add(_told_of_stops(context, now))
            self._position, more = found.position, found.more
            if not more:
                break
        # What is due of those that rest stays due, and is not to stand before all others'.
        due = context.store.due_records(NOTIFICATION_STATE, now, MOST_TENANTS + len(self._broken))
        self._add([tenant_id for tenant_id, _ in due])
        self._add([name for name, at in self._failed.items() if at <= now])
        rested = [name for name, at in self._broken.items() if at <= now]
        for name in rested:
            del self._broken[name]
        self._add(rested)
        return more

    def _begin_in(self, history: int) -> None:
        """Forget what is known of a database that was restored since."""
        self._history, self._position, self._noted_at, self._counting = history, "", None, Counting()
        # Between the look that found it and its note the database may have become another one.
        self._of_before = self._noted

    def _begin(self, context: Context) -> None:
        noted = one(context, FOLLOWED_TO)
        if noted is not None and noted.position != self._of_before:
            self._position = noted.position
            return
        # First: whatever is written while tenants are listed comes behind it.
        position = context.store.ledger_position(PLATFORM)
        tenants = context.store.tenants()
        for name in tenants:
            deliver.keep_times(context, name)
        self._add(tenants)
        self._position, self._moved = position, True

    def _add(self, tenants: Iterable[str]) -> None:
        self._changed |= dict.fromkeys(name for name in tenants if name != PLATFORM and name not in self._broken)

    def _follow(self, context: Context, tenant_id: str, now: datetime) -> bool:
        """True if there may be more; it is this tenant's turn again when all others had theirs."""
        del self._changed[tenant_id]
        self._failed.pop(tenant_id, None)
        try:
            counted = self._counting.count(context, tenant_id, now)
            told = collect.collect(context, tenant_id, now, counted=not counted.more)
            called = call_back.call_back(context, tenant_id, now)
            shown = cards.follow_cards(context, tenant_id, now)
        except (TryLater, OutcomeUnknown) as error:
            # One tenant's trouble is not the others'; what was not written is found again.
            log.warning("following tenant %s again in a moment: %s", tenant_id, error)
            self._failed[tenant_id] = now
            return False
        except Exception:
            log.exception("following tenant %s failed and is tried again", tenant_id)
            self._broken[tenant_id] = now + _RETRIED_AFTER
            return False
        return self._followed(tenant_id, [counted, told, called, shown], now)

    def _followed(self, tenant_id: str, progress: Sequence[Progress], now: datetime) -> bool:
        self._moved = self._moved or any(each.moved for each in progress)
        if any(each.held_up for each in progress):
            self._failed[tenant_id] = now + _HELD_UP_FOR
        more = any(each.more for each in progress)
        if more:
            self._changed[tenant_id] = None
        return more

    def _note(self, context: Context, now: datetime) -> None:
        """Once every tenant has been followed that far; by whom does not matter."""
        rested = self._noted_at is None or abs(now - self._noted_at) >= NOTED_EVERY
        if self._changed or self._failed or self._broken or not (rested and self._moved):
            return
        # Kept first: what is asked to be written may have been, whatever is answered.
        self._noted = self._position
        answer_of(context.store.transact([NotePosition(self._position, self._of_before).unit()]))
        self._noted_at, self._moved = now, False


class NotePosition(Struct, frozen=True):
    """Write down how far every tenant was followed, unless it is known to be further; `of_before` does not count."""

    position: str
    of_before: str = ""

    def unit(self) -> UnitOfWork[None]:
        return UnitOfWork([FOLLOWED_TO], self.decide)

    def decide(self, snapshot: Snapshot) -> Writes[None]:
        before = snapshot.get(FOLLOWED_TO)
        if before is not None and before.position >= self.position and before.position != self.of_before:
            return Writes(answer=None)
        return Writes(answer=None, puts=[(FOLLOWED_TO, LedgerConsumer(position=self.position))])


def _told_of_stops(context: Context, now: datetime) -> list[str]:
    """Everybody who wants to be told anything: each is looked at within a day."""
    everybody = context.store.due_records(NOTIFICATION_STATE, shifted(now, 2 * collect.LONGEST_REST), _EVERY)
    return [tenant_id for tenant_id, _ in everybody]


_EVERY = 1_000_000
