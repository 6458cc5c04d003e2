"""Now: the budgets, what Autopilot did today, what waits, and what nobody knows."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from remit.core.gate.amount import in_units
from remit.entrypoints.console import charts
from remit.entrypoints.console.auth import AnyVisitor, FormRoute
from remit.entrypoints.console.render import page
from remit.entrypoints.web.callers import CurrentRemit
from remit.ports import CaseFilter
from remit.wiring import Remit

router = APIRouter(route_class=FormRoute)
MOST_METERS = 12
MOST_LINES = 8


@router.get("/")
def now(request: Request, remit: CurrentRemit, visitor: AnyVisitor) -> Response:
    if not visitor.may("read"):
        return page(request, "nothing_to_see.html")
    tenant_id = visitor.tenant_id
    usage = remit.usage(tenant_id)
    told, _ = remit.timeline(tenant_id, limit=MOST_LINES)
    waiting, _ = remit.queue(tenant_id, answerer=visitor.name, limit=5)
    unknown, _ = remit.intents(tenant_id, CaseFilter(statuses=["UNKNOWN"]), limit=5)
    today = _today(remit, tenant_id)
    return page(
        request,
        "dashboard.html",
        usage=usage,
        meters=_meters(usage),
        principals=_principals(usage),
        told=told,
        items=waiting,
        unknown=unknown,
        today=today,
        paused=[tool for tool in remit.failing_tools(tenant_id) if tool["paused_since"]],
        is_new=usage["config_sequence"] == 0,
    )


def _today(remit: Remit, tenant_id: str) -> dict[str, int]:
    """What this day came to so far, in the zone in which the tenant's days are counted."""
    day = last_days(remit, tenant_id, 1)["days"][-1]
    autonomous, asked = charts.counted(day)
    outcomes = dict.fromkeys(("SUCCEEDED", "FAILED", "UNKNOWN", "CANCELLED"), 0)
    for line in day["outcomes"]:
        if line["approval_source"] == "POLICY":
            outcomes[line["status"]] += line["count"]
    return {"autonomous": autonomous, "asked": asked, **outcomes}


def last_days(remit: Remit, tenant_id: str, days: int) -> dict[str, Any]:
    """The tally of so many days that end with the tenant's today."""
    # The day is the tenant's: which one it is, the tally itself says.
    utc_today = remit.now().date()
    today = date.fromisoformat(remit.tally(tenant_id, str(utc_today), str(utc_today))["today"])
    return remit.tally(tenant_id, str(today - timedelta(days=days - 1)), str(today))


def _meters(usage: dict[str, Any]) -> list[dict[str, Any]]:
    """The accounts whose budgets and limits are the most used up, first."""
    bounded = [each for each in usage["accounts"] if each["max_autonomous_per_day"] is not None or each["limits"]]
    bounded.sort(key=lambda account: (-_share(account), account["account_id"]))
    return bounded[:MOST_METERS]


def _principals(usage: dict[str, Any]) -> list[dict[str, Any]]:
    """The principals whose limits are the most used up, first."""
    principals = sorted(usage["principals"], key=lambda each: (-_share_of_limits(each), each["principal"]))
    return principals[:MOST_METERS]


def _share(account: dict[str, Any]) -> float:
    limit = account["max_autonomous_per_day"]
    if limit is None:
        return _share_of_limits(account)
    return max(account["used"] / limit if limit else 1.0, _share_of_limits(account))


def _share_of_limits(of: dict[str, Any]) -> float:
    """Of the limit that is the most used up."""
    used = ((in_units(limit["used"]), in_units(limit["limit"])) for limit in of["limits"])
    return max((amount / most if most else 1.0 for amount, most in used), default=0.0)
