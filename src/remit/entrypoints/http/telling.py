"""Telling people: who is told what outside, and what became of it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from remit.answers import DeliveriesAnswer, DeliveryAnswer, SubscriptionAnswer, SubscriptionsAnswer
from remit.core.access import Principal
from remit.core.delivery import DeliveryStatus
from remit.core.subscription import NewSubscription
from remit.core.values import Identifier
from remit.entrypoints.http.callers import Here, permitted
from remit.entrypoints.http.paging import Limit
from remit.entrypoints.http.problems import says
from remit.entrypoints.http.shapes import SubscriptionId

router = APIRouter(tags=["telling"])
Reader = Annotated[Principal, permitted("read")]
Admin = Annotated[Principal, permitted("subscribe")]


@router.get("/v1/subscriptions", responses=says(SubscriptionsAnswer))
def subscriptions(remit: Here, caller: Reader) -> Any:
    """Who is told what outside. Secrets are references to the environment, and shown as such."""
    return {"items": [each.wire() for each in remit.subscriptions(caller.tenant_id)]}


@router.put("/v1/subscriptions/{subscription_id}", responses=says(SubscriptionAnswer))
def set_subscription(remit: Here, caller: Admin, subscription_id: SubscriptionId, body: NewSubscription) -> Any:
    """Make a subscription, or replace the one of that name. It is told what happens from now on."""
    made = remit.set_subscription(caller.tenant_id, subscription_id, body.model_dump(), by=caller.name)
    return made.wire()


@router.delete("/v1/subscriptions/{subscription_id}", responses=says(SubscriptionAnswer))
def remove_subscription(remit: Here, caller: Admin, subscription_id: SubscriptionId) -> Any:
    """Tell it nothing more, and forget what it was told. Answers it as it was."""
    return remit.remove_subscription(caller.tenant_id, subscription_id).wire()


@router.post("/v1/subscriptions/{subscription_id}/test", status_code=202, responses=says(DeliveryAnswer, status=202))
def test_subscription(remit: Here, caller: Admin, subscription_id: SubscriptionId) -> Any:
    """Have a worker send it a test. What came of it stands in `/v1/deliveries` a moment later."""
    return remit.test_subscription(caller.tenant_id, subscription_id, by=caller.name).shown()


@router.get("/v1/deliveries", responses=says(DeliveriesAnswer))
def deliveries(
    remit: Here,
    caller: Reader,
    subscription_id: Annotated[Identifier | None, Query(description="only to this one")] = None,
    status: Annotated[DeliveryStatus | None, Query()] = None,
    limit: Limit = 50,
) -> Any:
    """What was sent and is being sent, the newest first, each with its last result."""
    found = remit.deliveries(caller.tenant_id, subscription_id=subscription_id, status=status, limit=limit)
    return {"items": found}
