"""Beside a worker's executions, in a thread of its own: the ledger is followed. Executions never wait for it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from remit.core.errors import OutcomeUnknown, TryLater
from remit.wiring import Remit

log = logging.getLogger(__name__)

LOOK_S = 1.0
"""How often the ledger is looked at; less often where looking takes long."""


@contextmanager
def telling(remit: Remit) -> Iterator[None]:
    """Follow the ledger as long as the context; what happened in it is followed before it ends."""
    stop = threading.Event()
    thread = threading.Thread(target=_follow_until, args=(remit, stop), name="remit-telling", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        _round(remit)


def _follow_until(remit: Remit, stop: threading.Event) -> None:
    pause = 0.0
    while not stop.wait(pause):
        began = time.monotonic()
        more = _round(remit)
        # At most a quarter of the time is spent on looking; at most half while there is much to catch up with.
        spent = time.monotonic() - began
        pause = spent if more else max(LOOK_S, 3 * spent)


def _round(remit: Remit) -> bool:
    try:
        return remit.follow()
    except (TryLater, OutcomeUnknown) as error:
        log.warning("following the ledger again in a moment: %s", error)
    except Exception:
        # Whatever it was, the next look finds what this one left: executions go on beside it.
        log.exception("following the ledger failed and is tried again")
    return False
