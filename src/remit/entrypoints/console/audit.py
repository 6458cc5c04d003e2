"""Audit: the sealed export, and verification in words."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from remit.core.errors import NotFound
from remit.core.ledger.verification import INVARIANTS
from remit.entrypoints.console.auth import ExporterVisitor, FormRoute, VerifierVisitor
from remit.entrypoints.console.periods import Period
from remit.entrypoints.console.render import page
from remit.entrypoints.web.callers import CurrentRemit
from remit.entrypoints.web.ledger_reads import WholeLedgers

router = APIRouter(route_class=FormRoute)
MOST_FINDINGS = 50


@router.get("/audit")
def audit(request: Request, visitor: VerifierVisitor) -> Response:
    del visitor
    return page(request, "audit.html", report=None, invariants=INVARIANTS, broken=set())


@router.post("/audit/verify")
async def verify(request: Request, remit: CurrentRemit, visitor: VerifierVisitor, reads: WholeLedgers) -> Response:
    """The invariants over the live store."""
    try:
        report = (await reads.verify(remit, visitor.principal)).wire()
    except NotFound:
        report = None
    findings = report["findings"] if report else []
    return page(
        request,
        "audit.html",
        report=report,
        invariants=INVARIANTS,
        broken={finding["invariant"] for finding in findings},
        empty=report is None,
        findings=findings[:MOST_FINDINGS],
    )


@router.post("/audit/export")
async def export(
    remit: CurrentRemit,
    visitor: ExporterVisitor,
    reads: WholeLedgers,
    first: Annotated[str, Form(alias="from", max_length=40)] = "",
    last: Annotated[str, Form(alias="to", max_length=40)] = "",
) -> Response:
    """
    Every ledger entry as JSON lines, closed by a seal, or without one those of some days.

    A form, because writing the seal changes something.
    """
    period = Period(first.strip() or None, last.strip() or None)
    begin, end = await run_in_threadpool(period.moments, remit, visitor.tenant_id)
    name = f"ledger-{visitor.tenant_id}-{remit.now():%Y%m%dT%H%M%SZ}.jsonl".replace(":", "-")
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return await reads.export(remit, visitor.principal, headers, first=begin, before=end)
