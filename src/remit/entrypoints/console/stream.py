"""The timeline as it happens, for the pages that are open."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request

from remit.core.errors import OutcomeUnknown, RemitError, TryLater
from remit.core.ledger.position import OVERLAP, LedgerCursor
from remit.core.values import WireTime, shifted
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
    seen_at: Annotated[WireTime | None, Query()] = None,
    last_event_id: Annotated[str | None, Header(max_length=8192)] = None,
) -> Any:
    """What happened since the page was made that asks for it, and from then on."""
    # What was committed late may have been missing from the page, though its time is earlier.
    bookmark = LedgerCursor.at(shifted(seen_at, -OVERLAP)) if seen_at else None
    if last_event_id:
        bookmark = LedgerCursor.parse(last_event_id)
    streams: Streams = request.app.state.streams
    opened = streams.enter(visitor.principal)
    told = events(
        request, remit, visitor.principal, bookmark, opened, lambda: _still_may(remit, visitor), streams.for_s
    )
    return EventStream(told, streams, opened)


def _still_may(remit: Remit, visitor: Visitor) -> bool:
    try:
        return remit.session(visitor.cookie)[0].may("read")
    except (TryLater, OutcomeUnknown):
        return True
    except RemitError:
        return False
