"""Subscriptions: set, listed, removed, tried out; and what became of what they were sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_args

from remit.core.errors import Conflict, InvalidInput, NotFound
from remit.core.identity.credential import Credential
from remit.core.ledger.position import LedgerConsumer
from remit.core.notifications.notice import Notice, NotificationState
from remit.core.notifications.outbox import Delivery, DeliveryStatus, Outbox
from remit.core.notifications.subscription import (
    CARD,
    MOST_SUBSCRIPTIONS,
    TEST,
    NewSubscription,
    NoticeKind,
    Subscription,
    check_escalation,
    subscription_data,
)
from remit.core.records import (
    DELIVERY,
    NOTIFICATION_STATE,
    OUTBOX,
    SUBSCRIPTION,
    THE_ONE,
    Key,
    card_key,
    delivery_key,
    outbox_key,
    start_key,
)
from remit.flow.context import Context, TenantLedgerWriter, chain_head_key
from remit.ports import Snapshot, UnitOfWork, Writes, answer_of

PAGE = 50
LARGEST_PAGE = 500
FORGOTTEN_AT_ONCE = 50


def set_(
    context: Context,
    tenant_id: str,
    subscription_id: str,
    asked: NewSubscription,
    *,
    by: str,
    credential: Credential,
    now: datetime,
) -> Subscription:
    """Make it or replace it; one that was told before goes on being told. Raises `InvalidInput`."""
    notifier = context.notifiers.get(asked.channel)
    if notifier is None:
        raise InvalidInput("channel", f"{asked.channel!r} is not set up here", f"use {' or '.join(context.notifiers)}")
    notifier.check(asked)
    stored = context.store.scan(SUBSCRIPTION, tenant_id)
    check_escalation(stored, subscription_id, asked.escalation)
    others = {each.subscription_id for each in stored} - {subscription_id}
    if len(others) >= MOST_SUBSCRIPTIONS:
        raise InvalidInput("subscription_id", f"would be number {len(others) + 1}", "remove one first")
    subscription_at, state_at = (
        Key(SUBSCRIPTION, tenant_id, subscription_id),
        Key(NOTIFICATION_STATE, tenant_id, THE_ONE),
    )
    start_at = start_key(tenant_id, subscription_id)
    start = LedgerConsumer(position=context.store.ledger_position(tenant_id))

    def change(snapshot: Snapshot) -> Writes[Subscription]:
        before = snapshot.get(subscription_at)
        goes_on = before is not None and before.enabled
        made = Subscription(
            subscription_id=subscription_id,
            tenant_id=tenant_id,
            set_by=by,
            set_at=now,
            set_through=credential,
            told_from=before.told_from if before is not None and goes_on else now,
            **dict(asked),
        )
        writer = TenantLedgerWriter(context, snapshot, tenant_id, now)
        data = subscription_data("CHANGED" if before else "CREATED", made, by=by, credential=credential)
        writer.append("SUBSCRIPTION_CHANGED", data, actor=by)
        writes = writer.writes(made)
        writes.put(subscription_at, made)
        # A worker looks at it next, though nothing has happened.
        writes.put(state_at, (snapshot.get(state_at) or NotificationState()).changed(due_at=now))
        if not goes_on:
            writes.put(start_at, start)
        return writes

    unit = UnitOfWork(reads=[subscription_at, state_at, start_at, chain_head_key(tenant_id)], decide=change)
    return answer_of(context.store.transact([unit]))


def listed(context: Context, tenant_id: str) -> Sequence[Subscription]:
    """By their names."""
    return context.store.scan(SUBSCRIPTION, tenant_id)


def remove(
    context: Context, tenant_id: str, subscription_id: str, *, by: str, credential: Credential, now: datetime
) -> Subscription:
    """It is told nothing more, and what it was told is forgotten. Raises `NotFound`."""
    subscription_at = Key(SUBSCRIPTION, tenant_id, subscription_id)
    start_at, outboxes_at = start_key(tenant_id, subscription_id), _outbox_keys(tenant_id, subscription_id)

    def change(snapshot: Snapshot) -> Writes[Subscription]:
        stored = _required(snapshot, subscription_at)
        writer = TenantLedgerWriter(context, snapshot, tenant_id, now)
        data = subscription_data("REMOVED", stored, by=by, credential=credential)
        writer.append("SUBSCRIPTION_CHANGED", data, actor=by)
        writes = writer.writes(stored)
        beside: list[Key[Any]] = [start_at, *outboxes_at]
        writes.deletes += [subscription_at, *(key for key in beside if snapshot.get(key) is not None)]
        return writes

    unit = UnitOfWork(reads=[subscription_at, start_at, *outboxes_at, chain_head_key(tenant_id)], decide=change)
    removed = answer_of(context.store.transact([unit]))
    _forget(context, tenant_id, subscription_id)
    return removed


def _forget(context: Context, tenant_id: str, subscription_id: str) -> None:
    """Forget its deliveries and its cards, which stay as they are where they stand."""
    # More than a write may hold. What is left by a process that ends here goes when one of that name is removed.
    finished = context.store.scan(DELIVERY, tenant_id, f"{subscription_id}|")
    boxes = context.store.scan(OUTBOX, tenant_id, f"{subscription_id}|{CARD}|")
    cards = [card_key(tenant_id, subscription_id, box.card.action_intent_id) for box in boxes if box.card]
    keys: list[Key[Any]] = [*(delivery_key(tenant_id, each) for each in finished), *cards]
    for start in range(0, len(keys), FORGOTTEN_AT_ONCE):
        context.store.transact([_forgetting(keys[start : start + FORGOTTEN_AT_ONCE])])


def _forgetting(keys: Sequence[Key[Any]]) -> UnitOfWork[None]:
    return UnitOfWork(reads=keys, decide=lambda _: Writes(answer=None, deletes=list(keys)))


def test(context: Context, tenant_id: str, subscription_id: str, *, by: str, now: datetime) -> Delivery:
    """Send it a test at once. Raises `NotFound`, or `Conflict` for one that is not enabled."""
    subscription_at, outbox_at = (
        Key(SUBSCRIPTION, tenant_id, subscription_id),
        outbox_key(tenant_id, subscription_id, TEST),
    )
    notice = Notice(notice=TEST, at=now, text=f"{by} tries out the subscription {subscription_id}")

    def change(snapshot: Snapshot) -> Writes[Delivery]:
        if not _required(snapshot, subscription_at).enabled:
            raise Conflict(f"subscription {subscription_id!r} is not enabled; enable it first")
        before = snapshot.get(outbox_at) or Outbox(subscription_id=subscription_id, notice=TEST)
        outbox = before.gather([notice], delivery_id=context.new_id(), now=now)
        assert outbox.gathering is not None
        return Writes(answer=outbox.gathering, puts=[(outbox_at, outbox)])

    return answer_of(context.store.transact([UnitOfWork(reads=[subscription_at, outbox_at], decide=change)]))


def _required(snapshot: Snapshot, subscription_at: Key[Subscription]) -> Subscription:
    stored = snapshot.get(subscription_at)
    if stored is None:
        raise NotFound("subscription", subscription_at.id, subscription_at.tenant_id)
    return stored


def _outbox_keys(tenant_id: str, subscription_id: str) -> list[Key[Outbox]]:
    return [outbox_key(tenant_id, subscription_id, notice) for notice in get_args(NoticeKind)]


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """A choice of deliveries; what is `None` does not matter."""

    subscription_id: str | None = None
    status: str | None = None


def deliveries(context: Context, tenant_id: str, which: DeliveryFilter, limit: int) -> list[dict[str, Any]]:
    """Deliveries, done and under way, the newest first, each with its last result. Raises `InvalidInput`."""
    if not 1 <= limit <= LARGEST_PAGE:
        raise InvalidInput("limit", f"is {limit}", f"ask for 1 to {LARGEST_PAGE}")
    if which.status is not None and which.status not in get_args(DeliveryStatus):
        raise InvalidInput("status", f"is {which.status!r}", f"ask for {', '.join(get_args(DeliveryStatus))}")
    prefix = f"{which.subscription_id}|" if which.subscription_id else ""
    found = [*context.store.scan(DELIVERY, tenant_id, prefix), *_pending(context, tenant_id, prefix)]
    wanted = [each for each in found if which.status in (None, each.status)]
    newest = sorted(wanted, key=lambda each: (each.created_at, each.delivery_id), reverse=True)
    return [each.shown() for each in newest[:limit]]


def _pending(context: Context, tenant_id: str, prefix: str) -> list[Delivery]:
    outboxes = context.store.scan(OUTBOX, tenant_id, prefix)
    return [each for outbox in outboxes for each in (outbox.trying, outbox.gathering) if each is not None]
