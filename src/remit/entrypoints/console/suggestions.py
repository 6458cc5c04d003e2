"""Suggestions: how people answered by shape of action, and the changes of bounds that this speaks for."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from remit.core.gate.bounds_diff import Difference
from remit.entrypoints.console.auth import BoundsSetterVisitor, FormRoute
from remit.entrypoints.console.render import page
from remit.entrypoints.web.callers import CurrentRemit
from remit.entrypoints.web.ledger_reads import WholeLedgers
from remit.lab.suggestions import AT_MOST, QUICK_S, TOO_OFTEN

if TYPE_CHECKING:
    from remit.core.views import ChangeAnswer, EvidenceAnswer

router = APIRouter(route_class=FormRoute)
MOST_SHOWN = 50
LITTLE_EVIDENCE = 0.5
"""The share of answers within so few seconds that it is said beside them."""


@router.get("/suggestions")
async def suggestions(
    request: Request, remit: CurrentRemit, visitor: BoundsSetterVisitor, reads: WholeLedgers
) -> Response:
    """Each shape that people were asked about; those with a suggestion first."""
    told = await reads.within_time(visitor.principal, partial(remit.suggestions, visitor.tenant_id))
    shapes = sorted(map(_shown, told["items"]), key=lambda shape: shape["suggestion"] is None)
    return await run_in_threadpool(
        page,
        request,
        "suggestions.html",
        shapes=shapes[:MOST_SHOWN],
        left_out=len(shapes[MOST_SHOWN:]),
        sequence=told["config_sequence"],
        at_most=AT_MOST,
        too_often=TOO_OFTEN,
        quick_s=QUICK_S,
    )


def _shown(shape: EvidenceAnswer) -> dict[str, Any]:
    suggested = shape["suggestion"]
    return {
        **shape,
        "quick": (shape["share_under_3_s"] or 0) > LITTLE_EVIDENCE,
        "lines": _lines(suggested["changes"]) if suggested else [],
        "wanted": orjson.dumps(suggested["bounds"]).decode() if suggested else "",
    }


def _lines(changes: Iterable[ChangeAnswer]) -> list[str]:
    return [line for change in changes for line in Difference(**change).lines()]
