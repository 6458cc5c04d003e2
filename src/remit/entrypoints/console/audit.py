"""Audit: the sealed export, and verification in words."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from remit.core.errors import NotFound
from remit.core.ledger.verification import INVARIANTS
from remit.entrypoints.console.auth import ExporterVisitor, FormRoute, VerifierVisitor
from remit.entrypoints.console.render import page
from remit.entrypoints.web.callers import CurrentRemit

router = APIRouter(route_class=FormRoute)
MOST_FINDINGS = 50


@router.get("/audit")
def audit(request: Request, visitor: VerifierVisitor) -> Response:
    del visitor
    return page(request, "audit.html", report=None, invariants=INVARIANTS, broken=set())


@router.post("/audit/verify")
def verify(request: Request, remit: CurrentRemit, visitor: VerifierVisitor) -> Response:
    """The invariants over the live store."""
    try:
        report = remit.verify(visitor.tenant_id).wire()
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
def export(remit: CurrentRemit, visitor: ExporterVisitor) -> Response:
    """Every ledger entry as JSON lines, closed by a seal. A form, because writing the seal changes something."""
    entries = remit.export(visitor.tenant_id, by=visitor.name)
    first = next(entries)

    def lines() -> Iterator[bytes]:
        for entry in chain([first], entries):
            yield orjson.dumps(entry) + b"\n"

    name = f"ledger-{visitor.tenant_id}-{remit.now():%Y%m%dT%H%M%SZ}.jsonl".replace(":", "-")
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(lines(), media_type="application/x-ndjson", headers=headers)
