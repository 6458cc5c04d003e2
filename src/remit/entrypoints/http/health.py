"""Is this process alive, can it answer, and what has it counted."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.security import HTTPAuthorizationCredentials
from prometheus_client import CONTENT_TYPE_LATEST

from remit.core.values import PLATFORM
from remit.entrypoints.http.metrics import Metrics
from remit.entrypoints.web.callers import CurrentRemit, bearer, principal_of

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def healthz() -> Any:
    """This process lives."""
    return {"status": "ok"}


@router.get("/readyz")
def readyz(remit: CurrentRemit) -> Any:
    """The store answers; 503 if it does not."""
    remit.check_ready()
    return {"status": "ok"}


async def _shown_tenant(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
) -> str | None:
    """The tenant whose numbers the caller may see; `None` for everybody's."""
    if request.app.state.metrics_open:
        return None
    caller = await principal_of(request, credentials)
    caller.require("read_metrics")
    return None if caller.tenant_id == PLATFORM else caller.tenant_id


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def metrics(request: Request, remit: CurrentRemit, tenant_id: Annotated[str | None, Depends(_shown_tenant)]) -> Any:
    """For Prometheus: everything with a platform key, a tenant's own with its operator's."""
    counted: Metrics = request.app.state.metrics
    return Response(counted.page(remit.measure(tenant_id), tenant_id), media_type=CONTENT_TYPE_LATEST)
