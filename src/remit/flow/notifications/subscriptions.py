"""Subscriptions: set, listed, removed, tried out; and what became of what they were sent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, get_args

from msgspec import Struct

from remit.core.errors import Conflict, InvalidInput, NotFound
from remit.core.identity.credential import Credential
from remit.core.ledger.position import LedgerConsumer
from remit.core.notifications.notice import Notice, NotificationState
from remit.core.notifications.notice_kind import CARD, TEST, NoticeKind
from remit.core.notifications.outbox import Delivery, DeliveryStatus, Outbox
from remit.core.notifications.subscription import (
    NewSubscription,
    Subscription,
    check_escalation,
    check_room,
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
from remit.flow.context import Context, chain_head_key
from remit.flow.pages import page_size
from remit.flow.writers import TenantLedgerWriter
from remit.ports import Snapshot, UnitOfWork, Writes, answer_of

if TYPE_CHECKING:
    from remit.core.views import DeliveryAnswer

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
    check_room(stored, subscription_id)
    start = LedgerConsumer(position=context.store.ledger_position(tenant_id))
    setting = SetSubscription(context, tenant_id, subscription_id, asked, by, credential, start, now)
    return answer_of(context.store.transact([setting.unit()]))


class SetSubscription(Struct, frozen=True):
    """Store it as it was asked for; `start` is from where on one that was not told before is told."""

    context: Context
    tenant_id: str
    subscription_id: str
    asked: NewSubscription
    by: str
    credential: Credential
    start: LedgerConsumer
    now: datetime

    def unit(self) -> UnitOfWork[Subscription]:
        start_at = start_key(self.tenant_id, self.subscription_id)
        return UnitOfWork([self._at, self._state_at, start_at, chain_head_key(self.tenant_id)], self.decide)

    def decide(self, snapshot: Snapshot) -> Writes[Subscription]:
        before = snapshot.get(self._at)
        made = self._made(before)
        writer = TenantLedgerWriter(self.context, snapshot, self.tenant_id, self.now)
        data = subscription_data("CHANGED" if before else "CREATED", made, by=self.by, credential=self.credential)
        writer.append("SUBSCRIPTION_CHANGED", data, actor=self.by)
        writes = writer.writes(made)
        writes.put(self._at, made)
        # A worker looks at it next, though nothing has happened.
        state = snapshot.get(self._state_at) or NotificationState()
        writes.put(self._state_at, state.changed(due_at=self.now))
        if not _goes_on(before):
            writes.put(start_key(self.tenant_id, self.subscription_id), self.start)
        return writes

    def _made(self, before: Subscription | None) -> Subscription:
        return Subscription(
            subscription_id=self.subscription_id,
            tenant_id=self.tenant_id,
            set_by=self.by,
            set_at=self.now,
            set_through=self.credential,
            told_from=before.told_from if before is not None and _goes_on(before) else self.now,
            **dict(self.asked),
        )

    @property
    def _at(self) -> Key[Subscription]:
        return Key(SUBSCRIPTION, self.tenant_id, self.subscription_id)

    @property
    def _state_at(self) -> Key[NotificationState]:
        return Key(NOTIFICATION_STATE, self.tenant_id, THE_ONE)


def _goes_on(before: Subscription | None) -> bool:
    return before is not None and before.enabled


def listed(context: Context, tenant_id: str) -> Sequence[Subscription]:
    """By their names."""
    return context.store.scan(SUBSCRIPTION, tenant_id)


def remove(
    context: Context, tenant_id: str, subscription_id: str, *, by: str, credential: Credential, now: datetime
) -> Subscription:
    """It is told nothing more, and what it was told is forgotten. Raises `NotFound`."""
    removing = RemoveSubscription(context, tenant_id, subscription_id, by, credential, now)
    removed = answer_of(context.store.transact([removing.unit()]))
    _forget(context, tenant_id, subscription_id)
    return removed


class RemoveSubscription(Struct, frozen=True):
    """Drop it with what is on its way to it. Answers what it was. Raises `NotFound`."""

    context: Context
    tenant_id: str
    subscription_id: str
    by: str
    credential: Credential
    now: datetime

    def unit(self) -> UnitOfWork[Subscription]:
        return UnitOfWork([self._at, *self._beside(), chain_head_key(self.tenant_id)], self.decide)

    def decide(self, snapshot: Snapshot) -> Writes[Subscription]:
        stored = _required(snapshot, self._at)
        writer = TenantLedgerWriter(self.context, snapshot, self.tenant_id, self.now)
        data = subscription_data("REMOVED", stored, by=self.by, credential=self.credential)
        writer.append("SUBSCRIPTION_CHANGED", data, actor=self.by)
        writes = writer.writes(stored)
        writes.deletes += [self._at, *(key for key in self._beside() if snapshot.get(key) is not None)]
        return writes

    @property
    def _at(self) -> Key[Subscription]:
        return Key(SUBSCRIPTION, self.tenant_id, self.subscription_id)

    def _beside(self) -> list[Key[Any]]:
        names = self.tenant_id, self.subscription_id
        return [start_key(*names), *(outbox_key(*names, notice) for notice in get_args(NoticeKind))]


def _forget(context: Context, tenant_id: str, subscription_id: str) -> None:
    """Forget its deliveries and its cards, which stay as they are where they stand."""
    # More than a write may hold. What is left by a process that ends here goes when one of that name is removed.
    finished = context.store.scan(DELIVERY, tenant_id, f"{subscription_id}|")
    boxes = context.store.scan(OUTBOX, tenant_id, f"{subscription_id}|{CARD}|")
    cards = [card_key(tenant_id, subscription_id, box.card.action_intent_id) for box in boxes if box.card]
    keys: list[Key[Any]] = [*(delivery_key(tenant_id, each) for each in finished), *cards]
    for start in range(0, len(keys), FORGOTTEN_AT_ONCE):
        context.store.transact([ForgetRecords(keys[start : start + FORGOTTEN_AT_ONCE]).unit()])


class ForgetRecords(Struct, frozen=True):
    """Drop records that nobody needs any more."""

    keys: Sequence[Key[Any]]

    def unit(self) -> UnitOfWork[None]:
        return UnitOfWork(self.keys, self.decide)

    def decide(self, _: Snapshot) -> Writes[None]:
        return Writes(answer=None, deletes=[*self.keys])


def test(context: Context, tenant_id: str, subscription_id: str, *, by: str, now: datetime) -> Delivery:
    """Send it a test at once. Raises `NotFound`, or `Conflict` for one that is not enabled."""
    return answer_of(context.store.transact([SendTest(context, tenant_id, subscription_id, by, now).unit()]))


class SendTest(Struct, frozen=True):
    """Put a test into its outbox. Answers the delivery that carries it."""

    context: Context
    tenant_id: str
    subscription_id: str
    by: str
    now: datetime

    def unit(self) -> UnitOfWork[Delivery]:
        return UnitOfWork([self._at, self._outbox_at], self.decide)

    def decide(self, snapshot: Snapshot) -> Writes[Delivery]:
        if not _required(snapshot, self._at).enabled:
            raise Conflict(f"subscription {self.subscription_id!r} is not enabled; enable it first")
        text = f"{self.by} tries out the subscription {self.subscription_id}"
        notice = Notice(notice=TEST, at=self.now, text=text)
        before = snapshot.get(self._outbox_at) or Outbox(subscription_id=self.subscription_id, notice=TEST)
        outbox = before.gather([notice], delivery_id=self.context.new_id(), now=self.now)
        assert outbox.gathering is not None
        return Writes(answer=outbox.gathering, puts=[(self._outbox_at, outbox)])

    @property
    def _at(self) -> Key[Subscription]:
        return Key(SUBSCRIPTION, self.tenant_id, self.subscription_id)

    @property
    def _outbox_at(self) -> Key[Outbox]:
        return outbox_key(self.tenant_id, self.subscription_id, TEST)


def _required(snapshot: Snapshot, subscription_at: Key[Subscription]) -> Subscription:
    stored = snapshot.get(subscription_at)
    if stored is None:
        raise NotFound("subscription", subscription_at.id, subscription_at.tenant_id)
    return stored


class DeliveryFilter(Struct, frozen=True):
    """A choice of deliveries; what is `None` does not matter."""

    subscription_id: str | None = None
    status: str | None = None


def deliveries(context: Context, tenant_id: str, which: DeliveryFilter, limit: int) -> list[DeliveryAnswer]:
    """Deliveries, done and under way, the newest first, each with its last result. Raises `InvalidInput`."""
    most = page_size(limit)
    if which.status is not None and which.status not in get_args(DeliveryStatus):
        raise InvalidInput("status", f"is {which.status!r}", f"ask for {', '.join(get_args(DeliveryStatus))}")
    prefix = f"{which.subscription_id}|" if which.subscription_id else ""
    found = [*context.store.scan(DELIVERY, tenant_id, prefix), *_pending(context, tenant_id, prefix)]
    wanted = [each for each in found if which.status in (None, each.status)]
    newest = sorted(wanted, key=lambda each: (each.created_at, each.delivery_id), reverse=True)
    return [each.shown() for each in newest[:most]]


def _pending(context: Context, tenant_id: str, prefix: str) -> list[Delivery]:
    outboxes = context.store.scan(OUTBOX, tenant_id, prefix)
    return [each for outbox in outboxes for each in (outbox.trying, outbox.gathering) if each is not None]
