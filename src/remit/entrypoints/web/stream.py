"""The timeline as it happens: server-sent events that go on where a reader was cut off."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Header, Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from remit.core.errors import OutcomeUnknown, RemitError, TryLater
from remit.core.identity.principal import Principal
from remit.entrypoints.web.callers import Credentials, CurrentRemit, ReaderCaller
from remit.entrypoints.web.shares import Place, Share, SharedPlaces, admitted
from remit.entrypoints.web.turns import Turns
from remit.flow.reading.timeline import StreamCursor
from remit.wiring import Remit

router = APIRouter(tags=["reading"])

LOOK_S = 0.5
"""How often a stream looks for something new; less often where looking takes long."""
HEARTBEAT_S = 15.0
"""How often a quiet stream says that it is there, and every stream asks whether its reader still may read."""


COME_AGAIN_MS = 10_000
"""When the reader of a stream that ends by itself is to come again: it looks now and then, at little cost."""


class OpenStream:
    """One stream, until it is told to end: for another's sake, or with all of them."""

    def __init__(self) -> None:
        self._ended = asyncio.Event()

    def close(self) -> None:
        self._ended.set()

    async def wait(self, seconds: float) -> bool:
        """False as soon as it is to end."""
        if self._ended.is_set():
            return False
        try:
            await asyncio.wait_for(self._ended.wait(), seconds)
        except TimeoutError:
            return True
        return False


class Streams:
    """Which streams are open, in shares by tenant and credential, and whether they are to end."""

    def __init__(self, share: Share, for_s: float | None = None) -> None:
        """Each of them ends after `for_s` seconds at most; its reader comes again and misses nothing."""
        self.for_s = for_s
        self._places = SharedPlaces(share)
        self._open: dict[OpenStream, Place] = {}
        self._closing = False

    def enter(self, principal: Principal) -> OpenStream:
        """Raises 429 for whoever holds a share already and 503 where all are taken, with `Retry-After`."""
        if self._closing:
            raise HTTPException(503, "this process is ending; try again in a moment")
        stream = OpenStream()
        told = "end one, or ask for the timeline now and then"
        self._open[stream] = admitted(self._places, principal, stream.close, of="streams", instead=told)
        return stream

    def leave(self, stream: OpenStream) -> None:
        self._places.give_back(self._open.pop(stream))

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
    pause = 0.0
    while await opened.wait(pause) and not await request.is_disconnected():
        started = time.monotonic()
        try:
            async with turns.of(caller.tenant_id):
                followed = await run_in_threadpool(remit.since, caller.tenant_id, cursor)
        except (TryLater, OutcomeUnknown):
            if _over(began, for_s):
                return
            pause = LOOK_S
            continue
        cursor = followed.cursor
        for place, told in followed.told:
            yield b"id: %s\nevent: timeline\ndata: %s\n\n" % (place.encode(), orjson.dumps(told))
        if not followed.more and _over(began, for_s):
            return
        now = time.monotonic()
        if now - beat >= HEARTBEAT_S:
            if not await run_in_threadpool(still_may):
                return
            yield _position(cursor)
            beat = now
        # At most a quarter of the time is spent on looking.
        pause = 0.0 if followed.more else max(LOOK_S, 3 * (now - started))


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
