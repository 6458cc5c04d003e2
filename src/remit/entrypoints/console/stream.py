"""The timeline as it happens, for the pages that are open."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Request

from remit.core.bookmark import Bookmark
from remit.core.errors import OutcomeUnknown, RemitError, TryLater
from remit.entrypoints.console.visitors import Here, Reader, Visitor
from remit.entrypoints.http.stream import EventStream, Streams, events
from remit.wiring import Remit

router = APIRouter()


@router.get("/stream")
async def stream(
    request: Request,
    remit: Here,
    visitor: Reader,
    last_event_id: Annotated[str | None, Header(max_length=8192)] = None,
) -> Any:
    bookmark = Bookmark.parse(last_event_id) if last_event_id else None
    streams: Streams = request.app.state.streams
    streams.enter()
    told = events(request, remit, visitor.principal, bookmark, lambda: _still_may(remit, visitor))
    return EventStream(told, streams)


def _still_may(remit: Remit, visitor: Visitor) -> bool:
    try:
        return remit.session(visitor.cookie)[0].may("read")
    except (TryLater, OutcomeUnknown):
        return True
    except RemitError:
        return False
