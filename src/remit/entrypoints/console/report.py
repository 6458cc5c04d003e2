"""Report: a time on paper, and as lines for a spreadsheet."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool

from remit.core.errors import InvalidInput, NotFound
from remit.core.ledger.verification import Report
from remit.entrypoints.console.auth import FormRoute, VerifierVisitor, Visitor
from remit.entrypoints.console.dashboard import last_days
from remit.entrypoints.console.periods import AskedPeriod, Period
from remit.entrypoints.console.render import page
from remit.entrypoints.report_files import as_csv, as_html, body
from remit.entrypoints.web.callers import CurrentRemit
from remit.entrypoints.web.ledger_reads import WholeLedgers
from remit.wiring import Remit

if TYPE_CHECKING:
    from remit.core.views.report import PeriodReport

router = APIRouter(route_class=FormRoute)
Form = Literal["page", "html", "csv", "json"]


@router.get("/report")
async def report(
    request: Request,
    remit: CurrentRemit,
    visitor: VerifierVisitor,
    reads: WholeLedgers,
    period: AskedPeriod,
    form: Annotated[Form, Query(alias="as")] = "page",
) -> Response:
    """A report from one day up to and with another."""
    first, last = period.first, period.last
    if bool(first) != bool(last):
        raise InvalidInput("to" if first else "from", "is missing", "name the first day and the last")
    if not first or not last:
        begin, today = await run_in_threadpool(_this_month, remit, visitor)
        return page(request, "report.html", told=None, first=begin, last=today)
    verified = await _verified(remit, visitor, reads)
    told = await run_in_threadpool(_told, remit, visitor, period, verified)
    name = f"report-{visitor.tenant_id}-{first}-{last}".replace(":", "-")
    if form == "csv":
        return Response(as_csv(told), media_type="text/csv; charset=utf-8", headers=_file(f"{name}.csv"))
    if form == "json":
        return JSONResponse(told, headers=_file(f"{name}.json"))
    if form == "html":
        return Response(as_html(told), media_type="text/html", headers=_file(f"{name}.html"))
    return page(request, "report.html", told=body(told), first=first, last=last)


def _told(remit: Remit, visitor: Visitor, asked: Period, verified: Report | None) -> PeriodReport:
    first, before = asked.moments(remit, visitor.tenant_id)
    assert first is not None and before is not None
    return remit.report(visitor.tenant_id, first, before, verified=verified)


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
