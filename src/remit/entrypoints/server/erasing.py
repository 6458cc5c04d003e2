"""Beside a worker's executions, in a thread of its own: results whose time is over are erased."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from remit.core.errors import OutcomeUnknown, TryLater
from remit.entrypoints.server.ending import until_nothing_is_left
from remit.wiring import Remit

log = logging.getLogger(__name__)

LOOK_S = 1.0
"""How often it is asked for; how often it looks, it knows itself (`Results.erase_over`)."""
_OF_ITS_TIME = 3
"""So many times as long as it took the store is left to other writers."""


@contextmanager
def erasing(remit: Remit, *, to_the_end: bool) -> Iterator[None]:
    """Erase as long as the context; `to_the_end`, also whatever is over when it ends."""
    stop = threading.Event()
    thread = threading.Thread(target=_until, args=(remit, stop), name="remit-erasing", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        if to_the_end:
            # Whenever the last look was: what has come to its end since is over too.
            until_nothing_is_left(lambda: _round(remit, at_once=True))


def _until(remit: Remit, stop: threading.Event) -> None:
    pause = 0.0
    while not stop.wait(pause):
        began = time.monotonic()
        erased = _round(remit, at_once=False)
        pause = _OF_ITS_TIME * (time.monotonic() - began) if erased else LOOK_S


def _round(remit: Remit, *, at_once: bool) -> bool | None:
    """Has it erased any? `None` where that is put off."""
    try:
        return remit.results.erase_over(at_once=at_once) > 0
    except (TryLater, OutcomeUnknown) as error:
        log.warning("results whose time is over are erased in a moment: %s", error)
        return None
    except Exception:
        # Whatever it was, they are over for readers already, and the next look finds them.
        log.exception("erasing results whose time is over failed and is tried again")
    return False
