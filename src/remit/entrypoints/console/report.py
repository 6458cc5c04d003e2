"""Report: a time on paper, and as lines for a spreadsheet."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool

from remit.core.errors import NotFound
from remit.core.ledger.verification import Report
from remit.entrypoints.console.auth import FormRoute, VerifierVisitor, Visitor
from remit.entrypoints.console.dashboard import last_days
from remit.entrypoints.console.render import page
from remit.entrypoints.report_files import as_csv, as_html, body
from remit.entrypoints.web.callers import CurrentRemit
from remit.entrypoints.web.ledger_reads import WholeLedgers
from remit.wiring import Remit

router = APIRouter(route_class=FormRoute)
Day = Annotated[str | None, Query(max_length=40)]
Form = Literal["page", "html", "csv", "json"]


@router.get("/report")
async def report(
    request: Request,
    remit: CurrentRemit,
    visitor: VerifierVisitor,
    reads: WholeLedgers,
    first: Annotated[Day, Query(alias="from")] = None,
    last: Annotated[Day, Query(alias="to")] = None,
    form: Annotated[Form, Query(alias="as")] = "page",
) -> Response:
    """What happened from one day up to and with another."""
    if not first or not last:
        begin, today = await run_in_threadpool(_this_month, remit, visitor)
        return page(request, "report.html", told=None, first=begin, last=today)
    verified = await _verified(remit, visitor, reads)
    told = await run_in_threadpool(_told, remit, visitor, first, last, verified)
    name = f"report-{visitor.tenant_id}-{first}-{last}".replace(":", "-")
    if form == "csv":
        return Response(as_csv(told), media_type="text/csv; charset=utf-8", headers=_file(f"{name}.csv"))
    if form == "json":
        return JSONResponse(told, headers=_file(f"{name}.json"))
    if form == "html":
        return Response(as_html(told), media_type="text/html", headers=_file(f"{name}.html"))
    return page(request, "report.html", told=body(told), first=first, last=last)


def _told(remit: Remit, visitor: Visitor, first: str, last: str, verified: Report | None) -> dict[str, Any]:
    begin = remit.moment_of(visitor.tenant_id, "from", first)
    # A day that is named as the last one belongs to the time.
    until = remit.moment_of(visitor.tenant_id, "to", _day_after(last) if _is_day(last) else last)
    return remit.report(visitor.tenant_id, begin, until, verified=verified)


def _day_after(text: str) -> str:
    try:
        return str(date.fromisoformat(text) + timedelta(days=1))
    except (ValueError, OverflowError):
        return text


def _is_day(text: str) -> bool:
    return len(text) <= len("2026-10-01")


async def _verified(remit: Remit, visitor: Visitor, reads: WholeLedgers) -> Report | None:
    try:
        return await reads.verify(remit, visitor.principal)
    except NotFound:
        return None


def _this_month(remit: Remit, visitor: Visitor) -> tuple[str, str]:
    today = date.fromisoformat(last_days(remit, visitor.tenant_id, 1)["today"])
    return str(today.replace(day=1)), str(today)


def _file(name: str) -> dict[str, str]:
    return {"content-disposition": f'attachment; filename="{name}"'}
