"""
The order in which past events are decided again: by time, then entry id, and within one window by position.

Two decisions of one moment, or of two machines whose clocks differ, may stand in the ledger's times the other way round
than they were written; the positions of their charges tell, and so does the use that a refused one saw. An event whose
windows have not come to where it saw them is held back until they have, for as long as clocks may differ.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from datetime import timedelta

from msgspec import Struct, field

from remit.lab.ends import ByEnd
from remit.lab.history import PastEvent, SeenWindow

CLOCKS_AGREE = timedelta(minutes=5) // timedelta(microseconds=1)
"""By how much the times of two events that came one after the other may be the wrong way round."""
MOST_HELD = 1000


class _Stand(Struct, frozen=True):
    """The state in which the ledger says that a window stands."""

    position: int
    used: int


class _Windows(Struct):
    stands: ByEnd[_Stand] = field(default_factory=ByEnd)

    def allow(self, event: PastEvent) -> bool:
        return all(map(self._allows, event.seen))

    def _allows(self, window: SeenWindow) -> bool:
        stand = self.stands.get(window.window_id)
        if stand is None:
            # Of a window that began before the history, nobody knows where it stood.
            return not window.fresh or (window.position <= 1 and window.used_before == 0)
        if window.position:
            return window.position == stand.position + 1
        return window.used_before == stand.used

    def move(self, event: PastEvent) -> None:
        self.stands.forget_before(event.at - CLOCKS_AGREE)
        for window in event.seen:
            # Older releases do not say when their day ends: it is known already, or does not matter.
            if window.position and (window.ends or self.stands.get(window.window_id)):
                self.stands.put(window.window_id, _Stand(window.position, window.used_after), window.ends)


def in_order(events: Iterable[PastEvent]) -> Iterator[PastEvent]:
    """`events`, which come by time and entry id, in the order in which the ledger says that they happened."""
    windows, held = _Windows(), deque[PastEvent]()
    for event in events:
        while held and (held[0].at < event.at - CLOCKS_AGREE or len(held) > MOST_HELD):
            # What it waits for is not in this history.
            yield from _passed(held.popleft(), windows, held)
        if windows.allow(event):
            yield from _passed(event, windows, held)
        else:
            held.append(event)
    while held:
        yield from _passed(held.popleft(), windows, held)


def _passed(event: PastEvent, windows: _Windows, held: deque[PastEvent]) -> Iterator[PastEvent]:
    """The event, and all that was held back for it, and for those."""
    windows.move(event)
    yield event
    while (following := next((each for each in held if windows.allow(each)), None)) is not None:
        held.remove(following)
        windows.move(following)
        yield following
