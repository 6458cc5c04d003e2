"""A message that is ready to leave, and to whom."""

from __future__ import annotations

from typing import Any

from remit.core.notifications.notice import Notice
from remit.core.notifications.outbox import GATHER, Outbox, cloud_event, subject
from remit.core.notifications.subscription import Subscription, parse_subscription
from remit.ports import NotificationBatch, OutgoingNotification

from ..core.make import NOW

URL = "https://remit.example.com/console/intents/i-1"


def subscription(**asked: Any) -> Subscription:
    names = {"subscription_id": "ops", "tenant_id": "acme", "set_by": "ann", "set_at": NOW, "told_from": NOW}
    return Subscription(**names, **dict(parse_subscription(asked)))


def letter(
    text: str = "A person is asked about CALL", *, recipient: Any = None, count: int = 1
) -> OutgoingNotification:
    items = [Notice(notice="NEEDS_INPUT", at=NOW, text=text, account_id="north", action_intent_id="i-1")] * count
    box = Outbox(subscription_id="ops", notice="NEEDS_INPUT").gather(items, delivery_id="d-1", now=NOW)
    message = box.gathering
    assert message is not None and message.next_at == NOW + GATHER
    event = cloud_event(message, tenant_id="acme", source="remit", urls=[URL] * len(message.items))
    return OutgoingNotification("d-1", recipient, subject(message, "acme"), [(text, URL)] * len(message.items), event)


def mailing(to: Subscription, *letters: OutgoingNotification, allowed: Any = (), now: Any = NOW) -> NotificationBatch:
    return NotificationBatch(to, letters or [letter()], list(allowed), now)
