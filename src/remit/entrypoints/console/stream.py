"""The timeline as it happens, for the pages that are open."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from starlette.concurrency import run_in_threadpool

from remit.core.errors import OutcomeUnknown, RemitError, TryLater
from remit.entrypoints.console.auth import FormRoute, ReaderVisitor, Visitor
from remit.entrypoints.web.callers import CurrentRemit
from remit.entrypoints.web.stream import EventStream, Streams, events
from remit.wiring import Remit

router = APIRouter(route_class=FormRoute)


@router.get("/stream")
async def stream(
    request: Request,
    remit: CurrentRemit,
    visitor: ReaderVisitor,
    after: Annotated[str | None, Query(max_length=8192)] = None,
    last_event_id: Annotated[str | None, Header(max_length=8192)] = None,
) -> Any:
    """Events since the page was made that asks for them, and from then on."""
    streams: Streams = request.app.state.streams
    opened = streams.enter(visitor.principal)
    try:
        cursor = await run_in_threadpool(remit.stream_cursor, visitor.tenant_id, last_event_id or after)
    except BaseException:
        streams.leave(opened)
        raise
    told = events(request, remit, visitor.principal, cursor, opened, lambda: _still_may(remit, visitor), streams.for_s)
    return EventStream(told, streams, opened)


def _still_may(remit: Remit, visitor: Visitor) -> bool:
    try:
        return remit.session(visitor.cookie)[0].may("read")
    except (TryLater, OutcomeUnknown):
        return True
    except RemitError:
        return False
