"""Autopilot did: the timeline with its charts, and the list of all intents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from remit.core.gate.policy import WITHIN_BOUNDS
from remit.core.ledger.entries import EventType
from remit.core.lifecycle import Status
from remit.core.values import ApprovalSource
from remit.entrypoints.console import charts
from remit.entrypoints.console.auth import FormRoute, ReaderVisitor
from remit.entrypoints.console.dashboard import last_days
from remit.entrypoints.console.periods import AskedPeriod
from remit.entrypoints.console.render import page
from remit.entrypoints.web.callers import CurrentRemit
from remit.ports import CaseFilter

router = APIRouter(route_class=FormRoute)
EventGroup = Literal["done", "asked", "answered", "judged", "bounds"]
EVENTS: dict[EventGroup, tuple[EventType, ...]] = {
    "done": ("ACTION_EXECUTED", "ACTION_FAILED", "ACTION_UNKNOWN", "EXECUTION_CANCELLED", "OUTCOME_RESOLVED"),
    "asked": ("GATE_DECIDED",),
    "answered": ("ACTION_APPROVED", "ACTION_REJECTED", "INTENT_SUPERSEDED", "INTENT_EXPIRED", "INTENT_WITHDRAWN"),
    "judged": ("AUTONOMY_SAMPLED",),
    "bounds": ("CONFIG_CHANGED", "AUTONOMY_STOPPED", "AUTONOMY_RESUMED"),
}
CHART_DAYS = 14
PAGE = 30
STATUSES: tuple[Status, ...] = get_args(Status)
AnId = Annotated[str | None, Query(pattern=r"^[A-Za-z0-9._:@-]{0,128}$")]
ACode = Annotated[str | None, Query(pattern=r"^([A-Z][A-Z0-9_]{0,127})?$")]


@router.get("/did")
def did(
    request: Request,
    remit: CurrentRemit,
    visitor: ReaderVisitor,
    period: AskedPeriod,
    account_id: AnId = None,
    which: EventGroup | Literal[""] | None = None,
    approval_source: ApprovalSource | Literal[""] | None = None,
    after: str | None = None,
) -> Response:
    since, before = period.moments(remit, visitor.tenant_id)
    told, following = remit.timeline(
        visitor.tenant_id,
        since=since,
        before=before,
        account_id=account_id or None,
        event_types=EVENTS[which] if which else None,
        approval_source=approval_source or None,
        after=after,
        limit=PAGE,
    )
    days = last_days(remit, visitor.tenant_id, CHART_DAYS)
    chosen = {"account_id": account_id, "which": which, "approval_source": approval_source, **period.chosen}
    return page(
        request,
        "timeline.html",
        told=told,
        next=_further(chosen, following),
        chosen=chosen,
        tally=days,
        bars=charts.bars(days["days"]),
        by_type=charts.by_type(days["days"]),
        by_reason=charts.by_reason(days["days"]),
        size=(charts.WIDTH, charts.HEIGHT),
    )


@router.get("/intents")
def intents(
    request: Request,
    remit: CurrentRemit,
    visitor: ReaderVisitor,
    period: AskedPeriod,
    account_id: AnId = None,
    action_type: ACode = None,
    status: Status | Literal[""] | None = None,
    reason: ACode = None,
    after: str | None = None,
) -> Response:
    created = period.moments(remit, visitor.tenant_id)
    which = CaseFilter([status] if status else None, account_id or None, action_type or None, reason or None, *created)
    lines, following = remit.intents(visitor.tenant_id, which, after=after, describe=True)
    chosen = {"account_id": account_id, "action_type": action_type, "status": status, "reason": reason}
    chosen |= period.chosen
    return page(
        request,
        "intents.html",
        lines=lines,
        next=_further(chosen, following),
        chosen=chosen,
        statuses=STATUSES,
        names=remit.names_in_use(visitor.tenant_id),
        views=_views(last_days(remit, visitor.tenant_id, 1)["today"]),
        here=_query(chosen),
    )


def _views(today: str) -> list[tuple[str, str]]:
    """Views that everybody wants now and then: their names and their queries."""
    views: dict[str, dict[str, str | None]] = {
        "All": {},
        "Ran alone": {"reason": WITHIN_BOUNDS},
        "Failed": {"status": "FAILED"},
        "Nobody knows": {"status": "UNKNOWN"},
        "Rejected": {"status": "REJECTED"},
        "Expired": {"status": "EXPIRED"},
        "Today": {"from": today},
    }
    return [(name, _query(chosen)) for name, chosen in views.items()]


def _further(chosen: Mapping[str, Any], following: str | None) -> str | None:
    """The query of the next page with the same filter."""
    if following is None:
        return None
    return _query({**chosen, "after": following})


def _query(chosen: Mapping[str, Any]) -> str:
    return urlencode({name: value for name, value in chosen.items() if value})
