"""Telling people: who is told what outside, and what became of it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from remit.core.mirrors import view_of
from remit.core.notifications.outbox import DeliveryStatus
from remit.core.notifications.subscription import NewSubscription
from remit.core.values import Identifier
from remit.core.views import DeliveriesAnswer, DeliveryAnswer, SubscriptionAnswer, SubscriptionsAnswer
from remit.entrypoints.http.paging import LimitQuery
from remit.entrypoints.web.bodies import SubscriptionId
from remit.entrypoints.web.callers import CurrentRemit, ReaderCaller, SubscriberCaller
from remit.entrypoints.web.reading_bodies import JsonRoute

router = APIRouter(tags=["telling"], route_class=JsonRoute)


@router.get("/v1/subscriptions")
def subscriptions(remit: CurrentRemit, caller: ReaderCaller) -> SubscriptionsAnswer:
    """Subscriptions. Secrets are references to the environment, and shown as such."""
    return {"items": [view_of(each) for each in remit.subscriptions(caller.tenant_id)]}


@router.put("/v1/subscriptions/{subscription_id}")
def set_subscription(
    remit: CurrentRemit, caller: SubscriberCaller, subscription_id: SubscriptionId, body: NewSubscription
) -> SubscriptionAnswer:
    """Make a subscription, or replace the one of that name. It is told what happens from now on."""
    made = remit.set_subscription(
        caller.tenant_id, subscription_id, body.model_dump(), by=caller.name, credential=caller.credential
    )
    return view_of(made)


@router.delete("/v1/subscriptions/{subscription_id}")
def remove_subscription(
    remit: CurrentRemit, caller: SubscriberCaller, subscription_id: SubscriptionId
) -> SubscriptionAnswer:
    """Tell it nothing more, and forget what it was told. Answers it as it was."""
    removed = remit.remove_subscription(caller.tenant_id, subscription_id, by=caller.name, credential=caller.credential)
    return view_of(removed)


@router.post("/v1/subscriptions/{subscription_id}/test", status_code=202)
def test_subscription(remit: CurrentRemit, caller: SubscriberCaller, subscription_id: SubscriptionId) -> DeliveryAnswer:
    """Have a worker send it a test. What came of it stands in `/v1/deliveries` a moment later."""
    return remit.test_subscription(caller.tenant_id, subscription_id, by=caller.name).shown()


@router.get("/v1/deliveries")
def deliveries(
    remit: CurrentRemit,
    caller: ReaderCaller,
    subscription_id: Annotated[Identifier | None, Query(description="only to this one")] = None,
    status: Annotated[DeliveryStatus | None, Query()] = None,
    limit: LimitQuery = 50,
) -> DeliveriesAnswer:
    """Deliveries, done and under way, the newest first, each with its last result."""
    found = remit.deliveries(caller.tenant_id, subscription_id=subscription_id, status=status, limit=limit)
    return {"items": found}
