"""
Connections of a server, with limits: how many there are, how much a head may hold, and how long each part may take.

uvicorn keeps whatever arrives until a request's head has ended, however much and however slowly it comes. Here a head
has a size and a time, a body and an answer have a time, and where all places are taken, a new connection takes that of
one on which no request is being answered.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from remit.entrypoints.web.limits import network_of
from remit.entrypoints.web.problems import answer, refusal

MOST_PIPELINED = 16
"""Requests that may wait on one connection behind the one that is being answered."""
LINGER_S = 5.0
"""How long the rest of a body may go on arriving that was answered already."""


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """
    Of one process. A head is a request's line and headers; `stalled_s` is how long a client may take nothing of its
    answer, `idle_s` how long a connection waits for its next request.
    """

    most: int = 1000
    most_of_address: int = 250
    largest_head_bytes: int = 32 * 1024
    largest_line_bytes: int = 16 * 1024
    most_headers: int = 100
    head_s: float = 10.0
    body_s: float = 60.0
    stalled_s: float = 60.0
    idle_s: float = 75.0


class Phase(Enum):
    """The phase of a connection: between requests, within a head, within a body, or before the end of an answer."""

    IDLE = "idle"
    HEAD = "head"
    BODY = "body"
    ANSWER = "answer"


class Connections:
    """
    The open connections of one process.

    `unlimited` are addresses that speak for many: those of a trusted proxy.
    """

    def __init__(self, limits: ConnectionLimits, unlimited: Collection[str] = ()) -> None:
        self.limits, self._unlimited = limits, frozenset(map(network_of, unlimited))
        # In the order in which they came.
        self._open: dict[LimitedProtocol, str] = {}
        self._of: Counter[str] = Counter()

    def add(self, connection: LimitedProtocol, address: str) -> bool:
        """False if there is no room, and none can be made."""
        network = network_of(address)
        if not self._has_room(network):
            return False
        self._open[connection] = network
        self._of[network] += 1
        return True

    def discard(self, connection: LimitedProtocol) -> None:
        network = self._open.pop(connection, None)
        if network is not None:
            self._of[network] -= 1
            # Counts of nobody would stay for good.
            if not self._of[network]:
                del self._of[network]

    def _has_room(self, network: str) -> bool:
        if self._of[network] >= self.limits.most_of_address and network not in self._unlimited:
            return self._make_room({network})
        if len(self._open) < self.limits.most:
            return True
        # Whoever holds the most makes room first.
        return self._make_room({self._of.most_common(1)[0][0]}) or self._make_room(set(self._of))

    def _make_room(self, networks: Collection[str]) -> bool:
        """End the connection that has waited longest for its request's head, or else for any request."""
        waiting = [one for one, network in self._open.items() if network in networks and one.is_waiting()]
        if not waiting:
            return False
        longest = min(waiting, key=lambda one: (one.phase is Phase.IDLE, one.since))
        self.discard(longest)
        longest.drop()
        return True


class LimitedProtocol(HttpToolsProtocol):
    """One connection. `within(connections)` makes the class that belongs to them."""

    among: ClassVar[Connections]

    @classmethod
    def within(cls, connections: Connections) -> type[LimitedProtocol]:
        return type("LimitedProtocol", (cls,), {"among": connections})

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.limits = self.among.limits
        self.phase, self.since = Phase.HEAD, time.monotonic()
        self._heads = self._head_bytes = self._kept_bytes = 0
        self._refusal: tuple[int, str] | None = None
        self._until: float | None = None
        """The time at which its phase is over (of `time.monotonic`)."""
        self._arriving: asyncio.TimerHandle | None = None
        self._looks_at = math.inf
        """The time at which `_arriving` looks whether it is."""
        self._leaving: asyncio.TimerHandle | None = None

    # --- from its first moment to its last ---

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if not self.among.add(self, self.client[0] if self.client else ""):
            self._say(503, "all connections of this server are in use; try again in a moment")
            return
        self._enter(Phase.HEAD, self.limits.head_s)

    def connection_lost(self, exc: Exception | None) -> None:
        self.among.discard(self)
        for timer in (self._arriving, self._leaving):
            if timer:
                timer.cancel()
        super().connection_lost(exc)

    def is_waiting(self) -> bool:
        """No request is being received or answered on it."""
        return self.phase in (Phase.IDLE, Phase.HEAD) and not self._is_answering()

    def drop(self) -> None:
        """End it at once, whatever is on the way."""
        self.transport.abort()

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _enter(self, phase: Phase, within_s: float | None) -> None:
        self.phase, self.since = phase, time.monotonic()
        self._until = None if within_s is None else self.since + within_s
        # A timer that is set anew for each phase costs more than one that looks too early now and then.
        if self._until is not None and self._until < self._looks_at:
            self._look_at(self._until)

    def _look_at(self, until: float) -> None:
        if self._arriving:
            self._arriving.cancel()
        self._looks_at = until
        self._arriving = self.loop.call_later(max(until - time.monotonic(), 0), self._look)

    def _look(self) -> None:
        self._arriving, self._looks_at = None, math.inf
        if self._until is None:
            return
        if time.monotonic() < self._until:
            self._look_at(self._until)
        else:
            self._too_slow()

    def _too_slow(self) -> None:
        # What this server does not read at the moment is not its sender's delay.
        if self.flow.read_paused:
            self._enter(self.phase, self.limits.body_s)
        elif self.phase is Phase.IDLE:
            self.timeout_keep_alive_handler()
        elif self.phase is Phase.HEAD and not self._is_answering():
            self._say(408, "the head of the request did not arrive in time")
        else:
            self.drop()

    # --- what arrives ---

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if self.phase is Phase.IDLE:
            self._begin_head()
        heads, was_in_head = self._heads, self.phase is Phase.HEAD
        super().data_received(data)
        # Counted as it comes: the parser keeps the beginning of a header until it has all of it.
        if was_in_head and self.phase is Phase.HEAD and heads == self._heads:
            self._head_bytes += len(data)
            if self._head_bytes > self.limits.largest_head_bytes and not self.transport.is_closing():
                self._say(431, self._too_large())

    def _begin_head(self) -> None:
        self._heads += 1
        self._head_bytes = 0
        self._enter(Phase.HEAD, self.limits.head_s)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self.phase is not Phase.HEAD:
            self._begin_head()
        self._kept_bytes = 0

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._kept_bytes += len(url)
        if len(self.url) > self.limits.largest_line_bytes:
            self._refuse(414, f"the request's line is longer than {self.limits.largest_line_bytes} bytes")

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        limits = self.limits
        self._kept_bytes += len(name) + len(value)
        if self._kept_bytes > limits.largest_head_bytes:
            self._refuse(431, self._too_large())
        if len(self.headers) > limits.most_headers:
            self._refuse(431, f"the request has more than {limits.most_headers} headers")

    def on_headers_complete(self) -> None:
        if len(self.pipeline) >= MOST_PIPELINED:
            self._refuse(429, "too many requests wait on this connection")
        self._enter(Phase.BODY, self.limits.body_s)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        if self._is_answering():
            self._enter(Phase.ANSWER, None)
        else:
            self._enter(Phase.IDLE, self.limits.idle_s)

    def _too_large(self) -> str:
        return f"the head of the request is larger than {self.limits.largest_head_bytes} bytes"

    def _refuse(self, status: int, told: str) -> None:
        """From within the parser, which then asks for `send_400_response`."""
        self._refusal = status, told
        raise ValueError(told)

    def send_400_response(self, msg: str) -> None:
        self._say(*(self._refusal or (400, msg)))

    # --- what leaves ---

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._expect_progress()
        elif self.phase is Phase.BODY:
            self._enter(Phase.BODY, LINGER_S)
        elif self.phase is Phase.ANSWER and not self._is_answering():
            self._enter(Phase.IDLE, self.limits.idle_s)

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._expect_progress()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._expect_progress()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._leaving and not self.transport.is_closing():
            self._leaving.cancel()

    def _expect_progress(self) -> None:
        """End it if what was written does not leave: also one that is closed waits for that."""
        if self._leaving:
            self._leaving.cancel()
        self._leaving = self.loop.call_later(self.limits.stalled_s, self.drop)

    def _say(self, status: int, told: str) -> None:
        """One problem, as of any route, and the end; nothing but the end within another answer."""
        if self._is_answering():
            self.drop()
            return
        answered = answer(refusal(status, told))
        answered.headers["connection"] = "close"
        head = b"".join(b"%b: %b\r\n" % header for header in answered.raw_headers)
        self.transport.write(STATUS_LINE[status] + head + b"\r\n" + bytes(answered.body))
        self.transport.close()
        self._expect_progress()
