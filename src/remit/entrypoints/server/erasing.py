"""Beside a worker's executions, in a thread of its own: results whose time is over are erased."""

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
"""How often it is asked for; how often it looks, it knows itself (`Results.erase_over`)."""
_OF_ITS_TIME = 3
"""So many times as long as it took the store is left to other writers."""


@contextmanager
def erasing(remit: Remit, *, to_the_end: bool) -> Iterator[None]:
    """Erase as long as the context; `to_the_end`, also whatever is left when it ends."""
    stop = threading.Event()
    thread = threading.Thread(target=_until, args=(remit, stop), name="remit-erasing", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        while to_the_end and _round(remit):
            pass


def _until(remit: Remit, stop: threading.Event) -> None:
    pause = 0.0
    while not stop.wait(pause):
        began = time.monotonic()
        erased = _round(remit)
        pause = _OF_ITS_TIME * (time.monotonic() - began) if erased else LOOK_S


def _round(remit: Remit) -> int:
    try:
        return remit.results.erase_over()
    except (TryLater, OutcomeUnknown) as error:
        log.warning("results whose time is over are erased in a moment: %s", error)
    except Exception:
        # Whatever it was, they are over for readers already, and the next look finds them.
        log.exception("erasing results whose time is over failed and is tried again")
    return 0
