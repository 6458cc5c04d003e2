"""Now: what ran alone today, what waits, what went wrong, and what is nearly used up, on one screen."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.responses import Response

from remit.entrypoints.console import charts
from remit.entrypoints.console.auth import AnyVisitor, FormRoute
from remit.entrypoints.console.render import page
from remit.entrypoints.web.callers import CurrentRemit
from remit.ports import CaseFilter
from remit.wiring import Remit

if TYPE_CHECKING:
    from remit.core.views import TallyAnswer

router = APIRouter(route_class=FormRoute)
CHART_DAYS = 14
MOST_LINES = 5
NEARLY = 0.8
"""From this share on a budget or a limit is nearly used up."""


@router.get("/")
def now(request: Request, remit: CurrentRemit, visitor: AnyVisitor) -> Response:
    if not visitor.may("read"):
        return page(request, "nothing_to_see.html")
    tenant_id = visitor.tenant_id
    seen = remit.overview(tenant_id, answerer=visitor.name)
    told, _ = remit.timeline(tenant_id, limit=MOST_LINES)
    items, _ = remit.queue(tenant_id, answerer=visitor.name, limit=MOST_LINES)
    unknown, _ = remit.intents(tenant_id, CaseFilter(statuses=["UNKNOWN"]), limit=MOST_LINES)
    days = last_days(remit, tenant_id, CHART_DAYS)["days"]
    return page(
        request,
        "dashboard.html",
        waiting=seen["waiting"]["count"],
        seen=seen,
        today=seen["today"],
        nearly=[each for each in seen["most_used"] if each["share"] >= NEARLY],
        told=told,
        items=items,
        unknown=unknown,
        bars=charts.bars(days),
        by_reason=charts.by_reason(days[-1:], MOST_LINES),
        height=charts.HEIGHT,
        paused=[tool for tool in remit.failing_tools(tenant_id) if tool["paused_since"]],
        is_new=seen["config_sequence"] == 0,
    )


def last_days(remit: Remit, tenant_id: str, days: int) -> TallyAnswer:
    """The tally of so many days that end with the tenant's today."""
    # The day is the tenant's: which one it is, the tally itself says.
    utc_today = remit.now().date()
    today = date.fromisoformat(remit.tally(tenant_id, str(utc_today), str(utc_today))["today"])
    return remit.tally(tenant_id, str(today - timedelta(days=days - 1)), str(today))
