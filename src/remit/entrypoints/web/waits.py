"""Waiting in an event loop for what another thread tells, in shares, so that nobody takes all places."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.exceptions import HTTPException

from remit.core.identity.principal import Principal
from remit.entrypoints.web.shares import Share, SharedPlaces, admitted


class Wakening:
    """Wakes one who waits in an event loop, from whatever thread; `over` for good."""

    def __init__(self) -> None:
        self._loop, self._event = asyncio.get_running_loop(), asyncio.Event()
        self.over = False

    def wake(self) -> None:
        self._loop.call_soon_threadsafe(self._event.set)

    def end(self) -> None:
        """Called in its own event loop."""
        self.over = True
        self._event.set()

    def rest(self) -> None:
        """Listen: what wakes it from here on is news."""
        self._event.clear()

    async def wait(self, seconds: float) -> bool:
        """True if something woke it."""
        try:
            return await asyncio.wait_for(self._event.wait(), seconds)
        except TimeoutError:
            return False


class Waits:
    """Callers that wait for an answer, in shares by tenant and credential. To be used from one event loop."""

    def __init__(self, share: Share) -> None:
        self._places = SharedPlaces(share)
        self._waiting: set[Wakening] = set()
        self._closing = False

    @contextmanager
    def enter(self, caller: Principal) -> Iterator[Wakening]:
        """
        Raises 429 for whoever holds a share already and 503 where all are taken, with `Retry-After`. Who has to make
        room for another tenant's is answered as it stands.
        """
        if self._closing:
            raise HTTPException(503, "this process is ending; try again in a moment")
        wakening = Wakening()
        place = admitted(self._places, caller, wakening.end, of="waits", instead="ask without wait_s, now and then")
        self._waiting.add(wakening)
        try:
            yield wakening
        finally:
            self._waiting.discard(wakening)
            self._places.give_back(place)

    def close(self) -> None:
        """Everybody is answered as it stands; called in the event loop that serves them."""
        self._closing = True
        for wakening in self._waiting:
            wakening.end()
