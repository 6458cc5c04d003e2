"""The timeline as it happens: server-sent events that go on where a reader was cut off."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any
from weakref import WeakValueDictionary

import orjson
from fastapi import APIRouter, Header, Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from remit.core.errors import OutcomeUnknown, RemitError, TryLater
from remit.core.identity.principal import Principal
from remit.entrypoints.web.callers import Credentials, CurrentRemit, ReaderCaller
from remit.entrypoints.web.reading_bodies import JsonRoute
from remit.entrypoints.web.shares import Place, Share, SharedPlaces, admitted
from remit.entrypoints.web.turns import Turns
from remit.flow.reading.timeline import StreamCursor
from remit.hooks import StepEvent
from remit.wiring import Remit

router = APIRouter(tags=["reading"], route_class=JsonRoute)

LOOK_S = 0.5
"""How often a stream looks for what others did; less often where looking takes long."""
HEARTBEAT_S = 15.0
"""How often a quiet stream says that it is there, and every stream asks whether its reader still may read."""


COME_AGAIN_MS = 10_000
"""When the reader of a stream that ends by itself is to come again: it looks now and then, at little cost."""


class OpenStream:
    """One stream, until it is told to end: for another's sake, or with all of them."""

    def __init__(self) -> None:
        self._woken = asyncio.Event()
        self._ended = False

    def close(self) -> None:
        self._ended = True
        self._woken.set()

    def wake(self) -> None:
        """Something happened: it is to look now."""
        self._woken.set()

    async def wait(self, seconds: float) -> bool:
        """So long, or until it is woken. False as soon as it is to end."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), seconds)
        if not self._ended:
            self._woken.clear()
        return not self._ended


@dataclass(frozen=True, slots=True)
class _Seen:
    """Everything behind a place: the events, as they are sent, and where to go on."""

    events: bytes
    cursor: StreamCursor
    more: bool


class SharedLooks:
    """
    Looks at tenants' timelines, one for all streams that ask what is behind the same place.

    A tenant's come one after the other, with rests between them, so that however many streams it has, however far
    behind, they take at most a quarter of one thread's time.
    """

    def __init__(self) -> None:
        self._under_way: dict[tuple[str, str], asyncio.Task[_Seen]] = {}
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def look(self, remit: Remit, turns: Turns, tenant_id: str, cursor: StreamCursor) -> _Seen:
        """Raises what the store raises."""
        if cursor.met is not None:
            # What it has met is its own.
            return await self._look(remit, turns, tenant_id, cursor)
        place = (tenant_id, cursor.position)
        if place not in self._under_way:
            look = self._under_way[place] = asyncio.create_task(self._look(remit, turns, tenant_id, cursor))
            look.add_done_callback(lambda done: self._done(place, done))
        # Whoever leaves ends nobody else's look.
        return await asyncio.shield(self._under_way[place])

    def _done(self, place: tuple[str, str], look: asyncio.Task[_Seen]) -> None:
        del self._under_way[place]
        if not look.cancelled():
            # Asked for, because everybody who waited for it may have left.
            look.exception()

    async def _look(self, remit: Remit, turns: Turns, tenant_id: str, cursor: StreamCursor) -> _Seen:
        turn = self._turns.setdefault(tenant_id, asyncio.Lock())
        await turn.acquire()
        began = time.monotonic()
        try:
            async with turns.of(tenant_id):
                return await run_in_threadpool(_see, remit, tenant_id, cursor)
        finally:
            asyncio.get_running_loop().call_later(3 * (time.monotonic() - began), turn.release)


def _see(remit: Remit, tenant_id: str, cursor: StreamCursor) -> _Seen:
    followed = remit.since(tenant_id, cursor)
    events = b"".join(
        b"id: %s\nevent: timeline\ndata: %s\n\n" % (place.encode(), orjson.dumps(told)) for place, told in followed.told
    )
    return _Seen(events, followed.cursor, followed.more)


class Streams:
    """The open streams, in shares by tenant and credential, and whether they are to end."""

    def __init__(self, share: Share, for_s: float | None = None) -> None:
        """Each of them ends after `for_s` seconds at most; its reader comes again and misses nothing."""
        self.for_s = for_s
        self.looks = SharedLooks()
        self._places = SharedPlaces(share)
        self._open: dict[OpenStream, Place] = {}
        self._closing = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waking: set[str] = set()

    def enter(self, principal: Principal) -> OpenStream:
        """Raises 429 for whoever holds a share already and 503 where all are taken, with `Retry-After`."""
        if self._closing:
            raise HTTPException(503, "this process is ending; try again in a moment")
        stream = OpenStream()
        self._loop = asyncio.get_running_loop()
        told = "end one, or ask for the timeline now and then"
        self._open[stream] = admitted(self._places, principal, stream.close, of="streams", instead=told)
        return stream

    def leave(self, stream: OpenStream) -> None:
        self._places.give_back(self._open.pop(stream))

    def happened(self, event: StepEvent) -> None:
        """A hook, from any thread: what this process did itself, its tenant's streams see at once."""
        if self._loop is None or event.tenant_id in self._waking:
            return
        self._waking.add(event.tenant_id)
        # The loop may have ended since.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._wake, event.tenant_id)

    def _wake(self, tenant_id: str) -> None:
        self._waking.discard(tenant_id)
        for stream, place in self._open.items():
            if place.tenant_id == tenant_id:
                stream.wake()

    def close(self) -> None:
        """Every stream ends now; called in the event loop that serves them."""
        self._closing = True
        for stream in self._open:
            stream.close()


class EventStream(StreamingResponse):
    media_type = "text/event-stream"

    def __init__(self, events: AsyncIterator[bytes], streams: Streams, stream: OpenStream) -> None:
        # The last is for proxies that would otherwise collect events before they pass them on.
        super().__init__(events, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._streams, self._stream = streams, stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._streams.leave(self._stream)


@router.get(
    "/v1/stream",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def stream(
    request: Request,
    remit: CurrentRemit,
    caller: ReaderCaller,
    last_event_id: Annotated[
        str | None, Header(max_length=8192, description="The last `id` that arrived: go on after it.")
    ] = None,
) -> Any:
    """
    The tenant's timeline from now on as server-sent events, each with the JSON that `/v1/timeline` shows.

    Events come in the order in which they were committed. Sent again with `Last-Event-ID`, as browsers do by
    themselves, nothing is lost and nothing repeated, whatever any clock says.
    """
    streams: Streams = request.app.state.streams
    opened = streams.enter(caller)
    try:
        cursor = await run_in_threadpool(remit.stream_cursor, caller.tenant_id, last_event_id or None)
    except BaseException:
        streams.leave(opened)
        raise
    told = events(request, remit, caller, cursor, opened, lambda: _still_may(request, caller), streams.for_s)
    return EventStream(told, streams, opened)


async def events(
    request: Request,
    remit: Remit,
    caller: Principal,
    cursor: StreamCursor,
    opened: OpenStream,
    still_may: Callable[[], bool],
    for_s: float | None = None,
) -> AsyncIterator[bytes]:
    """
    A tenant's timeline as it happens; `still_may` is asked now and then whether its reader still may read.

    With `for_s` it ends after so long, or after one look, and says when to come again.
    """
    yield b"retry: %d\n\n" % (1000 if for_s is None else COME_AGAIN_MS)
    # Known to the reader before anything happens: cut off now, it misses nothing.
    yield _position(cursor)
    beat = began = time.monotonic()
    turns: Turns = request.app.state.turns
    looks: SharedLooks = request.app.state.streams.looks
    pause = 0.0
    while await opened.wait(pause) and not await request.is_disconnected():
        try:
            seen = await looks.look(remit, turns, caller.tenant_id, cursor)
        except (TryLater, OutcomeUnknown):
            if _over(began, for_s):
                return
            pause = LOOK_S
            continue
        cursor = seen.cursor
        if seen.events:
            yield seen.events
        if not seen.more and _over(began, for_s):
            return
        now = time.monotonic()
        if now - beat >= HEARTBEAT_S:
            if not await run_in_threadpool(still_may):
                return
            yield _position(cursor)
            beat = now
        # All streams of this process look at the same moments, to share what they see.
        pause = 0.0 if seen.more else LOOK_S - now % LOOK_S


def _over(began: float, for_s: float | None) -> bool:
    return for_s is not None and time.monotonic() - began >= for_s


def _position(cursor: StreamCursor) -> bytes:
    return b": still here\nid: %s\n\n" % cursor.text().encode()


def _still_may(request: Request, caller: Principal) -> bool:
    credentials: Credentials = request.app.state.credentials
    try:
        again = credentials.check(request.headers.get("authorization", "").partition(" ")[2])
    except (TryLater, OutcomeUnknown):
        return True
    except RemitError:
        return False
    return again.tenant_id == caller.tenant_id and again.may("read")
