"""
The outbox in which notices leave: gathered, tried again, and in the end delivered or given up.

Notices of one kind for one subscription share an outbox. In it at most one message is on its way, tried until it
is delivered or given up; what happens meanwhile gathers in one more. So a receiver is never flooded, and one that
is down for a day does not pile up messages: it gets the one, and then a second with everything since.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, cast

from pydantic import Field

from remit.core.gate.action_type import is_none
from remit.core.notifications.card import CardPlace
from remit.core.notifications.notice import Notice
from remit.core.notifications.notice_kind import CARD, ENDED, NOTICES, TEST, NoticeKind
from remit.core.notifications.subscription import Subscription
from remit.core.notifications.timing import QuietHours
from remit.core.rendering import sentence
from remit.core.values import Document, UtcTime, instant

if TYPE_CHECKING:
    from remit.core.views import DeliveryAnswer

GATHER = timedelta(seconds=10)
"""How long a message gathers before it leaves for the first time."""
MOST_ITEMS = 50
"""How many notices a message tells one by one; of more it says how many."""
MOST_TRIES = 12
FIRST_PAUSE = timedelta(seconds=10)
LONGEST_PAUSE = timedelta(hours=4)
"""Pauses grow fourfold from the first to the longest: twelve tries take a little less than a day."""
IN_HAND = timedelta(minutes=2)
"""How long whoever tries a message has it to themselves: longer than any try takes."""
KEPT = 100
"""How many of a subscription's finished deliveries are kept."""
LONGEST_DETAIL = 300


DeliveryStatus = Literal["PENDING", "DELIVERED", "FAILED"]


class Posted(Document):
    """The place of a message that can be changed: its channel, and its own name there."""

    channel: str
    message: str


class SendResult(Document):
    """
    The result of one try: `failed` may be tried again, `refused` is for good. `posted` is where a card stands now;
    `gone` says that there is nobody any more.
    """

    outcome: Literal["delivered", "failed", "refused"]
    detail: str
    retry_after_s: float | None = None
    posted: Posted | None = Field(default=None, exclude_if=is_none)
    gone: bool = False


class LastResult(Document):
    """The result of the last try, and its time."""

    at: UtcTime
    outcome: Literal["delivered", "failed", "refused"]
    detail: str


class Delivery(Document):
    """
    One message of a subscription. However often it is tried, its id stays, so that receivers can ignore repeats.

    `done` holds its parts, by address or intent, that need no further try: `delivered`, or `refused` for good.
    `in_hand` while somebody tries it. `url` is where a callback goes, in place of the subscription's own.
    """

    delivery_id: str
    subscription_id: str
    notice: NoticeKind
    items: list[Notice]
    more: int = 0
    created_at: UtcTime
    status: DeliveryStatus = "PENDING"
    tries: int = 0
    next_at: UtcTime | None
    in_hand: bool = False
    done: dict[str, Literal["delivered", "refused"]] = {}
    last_result: LastResult | None = None
    delivered_at: UtcTime | None = None
    url: str | None = None

    def with_notices(self, notices: Sequence[Notice]) -> Delivery:
        room = max(0, MOST_ITEMS - len(self.items))
        return self.changed(items=[*self.items, *notices[:room]], more=self.more + len(notices[room:]))

    @property
    def count(self) -> int:
        return len(self.items) + self.more

    def shown(self) -> DeliveryAnswer:
        """As people see it."""
        known = {name: value for name, value in self.wire().items() if name not in ("in_hand", "done")}
        return cast("DeliveryAnswer", known)


class Outbox(Document):
    """
    Messages to one subscription about one kind of notice: the one on its way, and the one that gathers; of callbacks,
    to one `url`; of changes to a card, to one `card`, whose place it remembers as long as it may change.
    """

    subscription_id: str
    notice: NoticeKind
    url: str | None = None
    trying: Delivery | None = None
    gathering: Delivery | None = None
    card: CardPlace | None = Field(default=None, exclude_if=is_none)

    def gather(self, notices: Sequence[Notice], *, delivery_id: str, now: datetime) -> Outbox:
        """With these notices; `delivery_id` is used if none is gathering yet."""
        leaves_at = now if self.notice in (TEST, ENDED, CARD) else now + GATHER
        gathering = self.gathering or Delivery(
            delivery_id=delivery_id,
            subscription_id=self.subscription_id,
            notice=self.notice,
            items=[],
            created_at=now,
            next_at=leaves_at,
            url=self.url,
        )
        if gathering.next_at is not None and gathering.next_at > leaves_at:
            # The clock of who began it was ahead.
            gathering = gathering.changed(next_at=leaves_at)
        return self.changed(gathering=gathering.with_notices(notices))

    @property
    def due_at(self) -> datetime | None:
        """The time when the next try is due; `None` with nothing in it."""
        first = self.trying or self.gathering
        return first.next_at if first else None

    def claim(self, now: datetime) -> Outbox | None:
        """With `trying` in the caller's hand; `None` if nothing is due."""
        if self.due_at is None or self.due_at > now:
            return None
        message, behind = (self.trying, self.gathering) if self.trying else (self.gathering, None)
        assert message is not None
        taken = message.changed(tries=message.tries + 1, in_hand=True, next_at=now + IN_HAND)
        return self.changed(trying=taken, gathering=behind)

    def note(self, report: SendResult, by_part: Mapping[str, SendResult], now: datetime) -> tuple[Outbox, Delivery]:
        """Without what was tried if it is done, or with it to be tried again; and it, as it is now."""
        assert self.trying is not None
        noted = _noted(self.trying, report, by_part, now)
        return self.changed(trying=noted if noted.status == "PENDING" else None), noted

    def hasten(self, now: datetime) -> Outbox:
        """Tried now, if it waits for its next try: the receiver is there again."""
        waits = self.trying is not None and not self.trying.in_hand
        return self.changed(trying=self.trying.changed(next_at=now)) if self.trying and waits else self

    def put_off(self, until: datetime) -> Outbox:
        """Not tried before then."""
        name = "trying" if self.trying else "gathering"
        first = self.trying or self.gathering
        return self.changed(**{name: first.changed(next_at=until)}) if first else self

    def goes_to(self, subscription: Subscription) -> bool:
        """Is it still told? A callback is checked again: its subscription may lead elsewhere by now."""
        return subscription.enabled and (self.url is None or subscription.takes_callback_at(self.url))

    def quiet_until(self, hours: QuietHours | None, now: datetime) -> datetime | None:
        """
        The time when what is due may leave, if not now. A test, a callback and a card that changes disturb nobody.
        """
        is_due = self.due_at is not None and self.due_at <= now
        return hours.until(now) if hours is not None and is_due and self.notice in NOTICES else None

    @property
    def is_empty(self) -> bool:
        return self.trying is None and self.gathering is None and self.card is None


def together(parts: Sequence[tuple[str | None, SendResult]], arrived: str) -> SendResult:
    """
    The result of a message that left in parts, each with its name: it is tried again as long as anybody may still get
    it. `arrived` are the words for those that did.
    """
    if len(parts) == 1:
        return parts[0][1]
    outcomes = [result.outcome for _, result in parts]
    details = [f"{name}: {result.detail}" for name, result in parts if result.outcome != "delivered"]
    return SendResult(
        outcome="failed" if "failed" in outcomes else "refused" if "refused" in outcomes else "delivered",
        detail="; ".join([f"{outcomes.count('delivered')} of {len(parts)} {arrived}", *details]),
    )


def is_kept(noted: Delivery) -> bool:
    """Is a delivery remembered? Once it is done; but a card that was changed says so itself."""
    return noted.status != "PENDING" and not (noted.notice == CARD and noted.status == "DELIVERED")


def _noted(message: Delivery, report: SendResult, by_part: Mapping[str, SendResult], now: datetime) -> Delivery:
    result = LastResult(at=now, outcome=report.outcome, detail=report.detail[:LONGEST_DETAIL])
    ended = {part: each.outcome for part, each in by_part.items() if each.outcome != "failed"}
    noted = message.changed(in_hand=False, last_result=result, done={**message.done, **ended})
    if report.outcome == "delivered" and "refused" not in noted.done.values():
        return noted.changed(status="DELIVERED", delivered_at=now, next_at=None)
    # Delivered to the rest, after somebody had refused it for good, it did not reach everybody.
    if report.outcome != "failed" or message.tries >= MOST_TRIES:
        return noted.changed(status="FAILED", next_at=None)
    return noted.changed(next_at=now + pause(message.tries, report.retry_after_s))


def pause(tries: int, asked_for_s: float | None = None) -> timedelta:
    """Before the next try, after so many: as long as the receiver asked for if that is longer, within the longest."""
    own_s = FIRST_PAUSE.total_seconds() * 4 ** min(tries - 1, 10)
    return timedelta(seconds=min(max(own_s, asked_for_s or 0.0), LONGEST_PAUSE.total_seconds()))


_SUBJECTS: dict[NoticeKind, tuple[str, str]] = {
    "NEEDS_INPUT": ("An action needs your input", "{} actions need your input"),
    "EXPIRES_SOON": ("An action is about to expire unanswered", "{} actions are about to expire unanswered"),
    "BUDGET_EXHAUSTED": ("An autonomy budget is used up", "{} autonomy budgets are used up"),
    "STOPPED": ("Autonomy was stopped", "Autonomy was stopped {} times"),
    "RESUMED": ("Autonomy was resumed", "Autonomy was resumed {} times"),
    "OUTCOME_UNKNOWN": ("Nobody knows whether an action happened", "Nobody knows whether {} actions happened"),
    "TO_JUDGE": (
        "Was this right? Automatic actions to judge",
        "Was this right? Automatic actions to judge, in {} lines",
    ),
    "DAILY_DIGEST": ("What Autopilot did", "What Autopilot did on {} days"),
    "TEST": ("A test of this subscription", "{} tests of this subscription"),
    "INTENT_ENDED": ("An action has ended", "{} actions have ended"),
    "CARD_CHANGED": ("An action was answered", "An action was answered"),
}


def subject(message: Delivery, tenant_id: str) -> str:
    """The subject, in one line."""
    one, many = _SUBJECTS[message.notice]
    return f"{one if message.count == 1 else many.format(message.count)} ({tenant_id})"


def cloud_event(message: Delivery, *, tenant_id: str, source: str, urls: Sequence[str | None]) -> dict[str, Any]:
    """
    The message as a CloudEvent 1.0 in structured JSON; the same for every try.

    `urls` lead to the items, in their order; https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
    """
    items = [
        {**item.wire(), "text": sentence(item.line), "url": url} for item, url in zip(message.items, urls, strict=True)
    ]
    only = message.items[0].action_intent_id if message.count == 1 else None
    return {
        "specversion": "1.0",
        "id": message.delivery_id,
        "source": f"/{source}/tenants/{tenant_id}",
        "type": f"remit.{message.notice.lower()}",
        "time": instant(message.created_at),
        **({"subject": only} if only else {}),
        "datacontenttype": "application/json",
        "data": {
            "notice": message.notice,
            "tenant_id": tenant_id,
            "subscription_id": message.subscription_id,
            "summary": subject(message, tenant_id),
            "items": items,
            "more": message.more,
        },
    }
