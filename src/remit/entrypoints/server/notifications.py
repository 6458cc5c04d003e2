"""
Beside a worker's executions, in threads of its own: the ledger is followed, and people outside are told.

Executions never wait for it, and no receiver waits for another: each message has a thread while it is tried, at
most so many at once, and of those at most so many for one tenant.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from remit.core.errors import OutcomeUnknown, TryLater
from remit.entrypoints.server.ending import until_nothing_is_left
from remit.flow.notifications.deliver import DueOutbox
from remit.wiring import Remit

log = logging.getLogger(__name__)

LOOK_S = 1.0
"""How often the ledger and the outboxes are looked at; less often where looking takes long."""
AT_ONCE = 8
"""How many messages are tried at once,"""
AT_ONCE_PER_TENANT = 4
"""and how many of one tenant's."""
FIRST_LOOKED_AT, MOST_LOOKED_AT = 1000, 16_000
"""So many of what is due are looked at, the longest due first; while there is room four times as many, up to this."""


@contextmanager
def notifying(remit: Remit, *, to_the_end: bool = False) -> Iterator[None]:
    """
    Follow and tell as long as the context, and once more when it ends; `to_the_end`, until all that happened in it is
    followed.
    """
    stop = threading.Event()
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="remit-telling") as pool:
        deliveries = DeliveryPool(remit, pool)
        thread = threading.Thread(target=_until, args=(remit, deliveries, stop), name="remit-telling", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
            if to_the_end:
                until_nothing_is_left(lambda: _round(remit, deliveries))
            else:
                _round(remit, deliveries)


def _until(remit: Remit, deliveries: DeliveryPool, stop: threading.Event) -> None:
    pause = 0.0
    while not stop.wait(pause):
        began = time.monotonic()
        more = _round(remit, deliveries)
        # At most a quarter of the time is spent on looking; at most half while there is much to catch up with.
        spent = time.monotonic() - began
        pause = spent if more else max(LOOK_S, 3 * spent)


def _round(remit: Remit, deliveries: DeliveryPool) -> bool | None:
    """True if there may be more to follow already, `None` where that is put off."""
    try:
        more = remit.follow()
        deliveries.take_out()
        return more
    except (TryLater, OutcomeUnknown) as error:
        log.warning("following the ledger again in a moment: %s", error)
        return None
    except Exception:
        # Whatever it was, the next look finds what this one left: executions go on beside it.
        log.exception("following the ledger failed and is tried again")
    return False


class DeliveryPool:
    """Brings what is due to its receivers, and waits for none of them."""

    def __init__(self, remit: Remit, pool: ThreadPoolExecutor) -> None:
        self._remit, self._pool = remit, pool
        self._lock = threading.Lock()
        self._out: set[DueOutbox] = set()

    def take_out(self) -> None:
        """As many as there is room for; the others are due again at the next look."""
        most = FIRST_LOOKED_AT
        while True:
            due = self._remit.due_deliveries(most)
            for which in due:
                if self._enter(which):
                    self._pool.submit(self._deliver, which)
            if len(due) < most or self._is_full() or most >= MOST_LOOKED_AT:
                return
            # One tenant's many stand before what others have waited with for less long.
            most *= 4

    def _is_full(self) -> bool:
        with self._lock:
            return len(self._out) >= AT_ONCE

    def _enter(self, which: DueOutbox) -> bool:
        with self._lock:
            tenants = Counter(out.tenant_id for out in self._out)
            full = len(self._out) >= AT_ONCE or tenants[which.tenant_id] >= AT_ONCE_PER_TENANT
            if full or which in self._out:
                return False
            self._out.add(which)
            return True

    def _deliver(self, which: DueOutbox) -> None:
        try:
            self._remit.deliver(which)
        except (TryLater, OutcomeUnknown) as error:
            log.warning("a message to %s is looked at again in a moment: %s", which.subscription_id, error)
        except Exception:
            log.exception("a message to %s failed and is tried again", which.subscription_id)
        finally:
            with self._lock:
                self._out.discard(which)
