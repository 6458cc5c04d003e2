"""The end of what runs beside a worker's executions: what it does in rounds is done until nothing is left."""

from __future__ import annotations

import time
from collections.abc import Callable

LOOK_S = 1.0
"""How long a store that answers `TryLater` is left alone,"""
MOST_PUT_OFF = 10
"""and how often in a row."""


def until_nothing_is_left(one_round: Callable[[], bool | None]) -> None:
    """`one_round` says whether there may be more; `None` is one that was put off by others who held the store."""
    put_off = 0
    while put_off < MOST_PUT_OFF and (more := one_round()) is not False:
        put_off = put_off + 1 if more is None else 0
        if more is None:
            time.sleep(LOOK_S)
