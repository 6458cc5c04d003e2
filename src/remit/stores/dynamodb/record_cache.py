"""
The cache of what this process last saw of a few kinds of record: a hint which keys will be needed, and a first guess
for units that write everything they read. Never what a decision rests on: a write is conditioned on it, or it is read.

Stops alone are decided upon as they were a moment ago, by units that say so: see `UnitOfWork.may_lag`.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar, cast

from msgspec import Struct

from remit.core.ledger.history import IntentHistory
from remit.core.records import BOUNDS, CASE, STOPS, Key
from remit.core.values import Stored
from remit.stores.units import RecordId

R = TypeVar("R", bound=Stored | IntentHistory)

MOST_REMEMBERED = 4096
RECENT_S = 0.9
"""So long what was seen may be decided upon where a second is allowed; the rest of that is for deciding."""
_KINDS = (BOUNDS.name, CASE.name, STOPS.name)


class Versioned(Struct, frozen=True):
    """
    A record as it was read or written, with its version; both are `None` for what was not there.

    `segments` are of a case: where the segments of its chain begin.
    """

    record: Stored | None
    version: str | None
    segments: tuple[int, ...] = ()


NOTHING = Versioned(None, None)


class RecordCache:
    """Safe to share between threads. `clock` answers seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.now = clock
        self._lock = threading.Lock()
        self._seen: OrderedDict[RecordId, tuple[Versioned, float]] = OrderedDict()

    def remember(self, place: RecordId, seen: Versioned, at: float) -> None:
        """`at` is before it was asked for, or before its writing was."""
        if place[0] not in _KINDS:
            return
        with self._lock:
            self._seen[place] = seen, at
            self._seen.move_to_end(place)
            if len(self._seen) > MOST_REMEMBERED:
                self._seen.popitem(last=False)

    def recall(self, place: RecordId) -> Versioned | None:
        """`None` if it was not seen lately."""
        with self._lock:
            seen, _ = self._seen.get(place, (None, 0.0))
        return seen

    def recall_recent(self, place: RecordId) -> Versioned | None:
        """`None` if it was not seen a moment ago."""
        with self._lock:
            seen, at = self._seen.get(place, (None, 0.0))
        return seen if self.now() - at < RECENT_S else None


class CachedBounds:
    """A `Snapshot` of what bounds were last seen to be, and nothing else, for asking which keys may be needed."""

    def __init__(self, cache: RecordCache) -> None:
        self._cache = cache

    def get(self, key: Key[R]) -> R | None:
        seen = self._cache.recall((key.kind.name, key.tenant_id, key.id)) if key.kind is BOUNDS else None
        return cast("R | None", seen.record) if seen else None
