"""Subscriptions, and what became of what was sent."""

from __future__ import annotations

from typing import Literal, NotRequired

# pydantic reads `typing.TypedDict` only from Python 3.12 on.
from typing_extensions import TypedDict

from remit.core.lifecycle import Status
from remit.core.notifications.notice_kind import NoticeKind
from remit.core.notifications.outbox import DeliveryStatus
from remit.core.notifications.subscription import Channel, PersonRole
from remit.core.views.keys import CredentialAnswer


class RecipientAnswer(TypedDict):
    name: str
    address: str
    roles: list[PersonRole]
    links: NotRequired[Literal["answer"]]


class QuietHoursAnswer(TypedDict):
    begins: str
    ends: str
    timezone: str


class EscalationAnswer(TypedDict):
    after_min: int
    to: str


class SlackPersonAnswer(TypedDict):
    team: str
    user: str
    name: str
    roles: list[PersonRole]


class AmountAboveAnswer(TypedDict):
    """More than so much of a unit, of the amount called `name` or of any."""

    above: str
    unit: str
    name: str | None


class SubscriptionAnswer(TypedDict):
    """A subscription. Secrets are shown as the references that they are."""

    subscription_id: str
    tenant_id: str
    channel: Channel
    url: str | None
    signing_secret: str | None
    recipients: list[RecipientAnswer]
    notices: list[NoticeKind]
    accounts: list[str] | None
    enabled: bool
    set_by: str
    set_at: str
    told_from: str
    set_through: CredentialAnswer | None
    action_types: NotRequired[list[str]]
    reasons: NotRequired[list[str]]
    amounts: NotRequired[list[AmountAboveAnswer]]
    fields: NotRequired[list[str]]
    slack_channel: NotRequired[str]
    bot_token: NotRequired[str]
    people: NotRequired[list[SlackPersonAnswer]]
    quiet_hours: NotRequired[QuietHoursAnswer]
    escalation: NotRequired[EscalationAnswer]


class SubscriptionsAnswer(TypedDict):
    items: list[SubscriptionAnswer]


class FieldAnswer(TypedDict):
    """One field of an intent as people see it."""

    path: str
    text: str


class NoticeAnswer(TypedDict):
    """
    One thing that people are told. Of `INTENT_ENDED` also its `status`, and `proposed_as` where a person's edit took
    the place of what its agent had proposed; and those `fields` of the intent that the subscription asks for.
    """

    notice: NoticeKind
    at: str
    text: str
    account_id: str | None
    action_intent_id: str | None
    action_type: str | None
    expires_at: str | None
    status: NotRequired[Status]
    proposed_as: NotRequired[str]
    fields: NotRequired[list[FieldAnswer]]


class LastResultAnswer(TypedDict):
    at: str
    outcome: Literal["delivered", "failed", "refused"]
    detail: str


class DeliveryAnswer(TypedDict):
    """
    One message to a subscription. `more` is how many notices it holds beyond its `items`, `url` where a callback goes.
    """

    delivery_id: str
    subscription_id: str
    notice: NoticeKind
    items: list[NoticeAnswer]
    more: int
    created_at: str
    status: DeliveryStatus
    tries: int
    next_at: str | None
    last_result: LastResultAnswer | None
    delivered_at: str | None
    url: str | None


class DeliveriesAnswer(TypedDict):
    items: list[DeliveryAnswer]
