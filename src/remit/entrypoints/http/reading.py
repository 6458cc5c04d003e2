"""Reading: intents, their status, why, their ledger, the timeline, usage, export and verification."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from remit.core.identity.principal import Principal
from remit.core.lifecycle import Status
from remit.core.mirrors import view_of
from remit.core.values import ActionTypeName, WireTime
from remit.core.views import (
    AutoExecStateAnswer,
    ChainAnswer,
    IntentLinesAnswer,
    OverviewAnswer,
    ReportAnswer,
    StatusAnswer,
    TallyAnswer,
    TimelineAnswer,
    UsageAnswer,
    WhyAnswer,
)
from remit.entrypoints.http.paging import AccountQuery, AfterQuery, LimitQuery, page
from remit.entrypoints.web.bodies import IntentId
from remit.entrypoints.web.callers import CurrentRemit, ExporterCaller, OwnReaderCaller, ReaderCaller, VerifierCaller
from remit.entrypoints.web.ledger_reads import WholeLedgers
from remit.entrypoints.web.reading_bodies import JsonRoute
from remit.ports import CaseFilter

T = TypeVar("T")
router = APIRouter(tags=["reading"], route_class=JsonRoute)
_DAY = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"


@router.get("/v1/intents")
def intents(
    remit: CurrentRemit,
    caller: ReaderCaller,
    account_id: AccountQuery = None,
    action_type: Annotated[ActionTypeName | None, Query()] = None,
    status: Annotated[list[Status] | None, Query()] = None,
    reason: Annotated[str | None, Query(pattern="^[A-Z][A-Z0-9_]{0,127}$")] = None,
    created_from: Annotated[WireTime | None, Query(strict=True)] = None,
    created_before: Annotated[WireTime | None, Query(strict=True)] = None,
    describe: Annotated[bool, Query(description="with headline, target, amounts, and why it failed")] = False,
    after: AfterQuery = None,
    limit: LimitQuery = 50,
) -> IntentLinesAnswer:
    """Intents, the newest first."""
    which = CaseFilter(status, account_id, action_type, reason, created_from, created_before)
    return page(remit.intents(caller.tenant_id, which, after=after, limit=limit, describe=describe))


@router.get("/v1/intents/{action_intent_id}")
def status(remit: CurrentRemit, caller: OwnReaderCaller, action_intent_id: IntentId) -> StatusAnswer:
    """One intent as it stands: status, outcome, `approval_source`, `auto_executed`."""
    return _seen(remit, caller, action_intent_id, remit.status(caller.tenant_id, action_intent_id))


@router.get("/v1/intents/{action_intent_id}/why")
def why(remit: CurrentRemit, caller: OwnReaderCaller, action_intent_id: IntentId) -> WhyAnswer:
    """The checks in order, the policy clause and its text, what was known at the time, who approved."""
    return _seen(remit, caller, action_intent_id, remit.why(caller.tenant_id, action_intent_id))


@router.get("/v1/intents/{action_intent_id}/ledger")
def ledger(remit: CurrentRemit, caller: OwnReaderCaller, action_intent_id: IntentId) -> ChainAnswer:
    """The intent's chain of the ledger, as exported."""
    return {"items": _seen(remit, caller, action_intent_id, remit.ledger(caller.tenant_id, action_intent_id))}


@router.get("/v1/intents/{action_intent_id}/auto-exec-state")
def auto_exec_state(remit: CurrentRemit, caller: OwnReaderCaller, action_intent_id: IntentId) -> AutoExecStateAnswer:
    """The publication state of its approval; not found where it was never approved, or once the state is over."""
    intent = remit.intent(caller.tenant_id, action_intent_id)
    caller.require_sight_of(intent.proposed_by, intent.account_id)
    return view_of(remit.auto_exec_state(caller.tenant_id, action_intent_id))


def _seen(remit: CurrentRemit, caller: Principal, action_intent_id: str, shown: T) -> T:
    intent = remit.intent(caller.tenant_id, action_intent_id)
    caller.require_sight_of(intent.proposed_by, intent.account_id)
    return shown


@router.get("/v1/timeline")
def timeline(
    remit: CurrentRemit,
    caller: ReaderCaller,
    account_id: AccountQuery = None,
    since: Annotated[WireTime | None, Query(strict=True, description="not what is older")] = None,
    before: Annotated[WireTime | None, Query(strict=True, description="only what is older")] = None,
    after: AfterQuery = None,
    limit: LimitQuery = 50,
) -> TimelineAnswer:
    """Events, newest first; what policy approved reads "Autopilot did …"."""
    return page(
        remit.timeline(caller.tenant_id, account_id=account_id, since=since, before=before, after=after, limit=limit)
    )


@router.get("/v1/usage")
def usage(remit: CurrentRemit, caller: ReaderCaller, account_id: AccountQuery = None) -> UsageAnswer:
    """Today's budgets: limits, use, what is left, when it resets; and the stops that are pulled."""
    return remit.usage(caller.tenant_id, account_id=account_id)


@router.get("/v1/overview")
def overview(remit: CurrentRemit, caller: ReaderCaller) -> OverviewAnswer:
    """One look: what ran alone today, what waits, what went wrong, what is nearly used up, and what is stopped."""
    return remit.overview(caller.tenant_id)


@router.get("/v1/tally")
def tally(
    remit: CurrentRemit,
    caller: ReaderCaller,
    first_day: Annotated[str, Query(alias="from", pattern=_DAY, description="a day, such as 2026-03-01")],
    last_day: Annotated[str, Query(alias="to", pattern=_DAY, description="a day, at most a year later")],
) -> TallyAnswer:
    """The counts of each day: decisions, outcomes, and what people answered, as far as it is counted."""
    return remit.tally(caller.tenant_id, first_day, last_day)


@router.get(
    "/v1/ledger/export",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/x-ndjson": {"schema": {"type": "string"}}}}},
)
async def export(
    remit: CurrentRemit,
    caller: ExporterCaller,
    reads: WholeLedgers,
    since: Annotated[WireTime | None, Query(strict=True, description="a part, from then on, without a seal")] = None,
    before: Annotated[WireTime | None, Query(strict=True, description="a part, before then, without a seal")] = None,
) -> Any:
    """Every ledger entry as JSON lines, closed by a seal: keep a copy of it elsewhere. Or those of a time."""
    return await reads.export(remit, caller, first=since, before=before)


@router.post("/v1/verify")
async def verify(remit: CurrentRemit, caller: VerifierCaller, reads: WholeLedgers) -> ReportAnswer:
    """The invariants over the live store."""
    return (await reads.verify(remit, caller)).wire()
