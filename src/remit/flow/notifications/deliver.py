"""
Delivering: what is due leaves through a notifier, and what became of it is noted.

Whoever delivers claims a message first; it is another's after `IN_HAND`. So what was sent when its worker died is
sent once more, under the same id, and nothing is ever forgotten.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Self, get_args

from msgspec import Struct

from remit.core.identity.credential import PROCESS
from remit.core.lifecycle import Case
from remit.core.notifications.card import MOST_CARDS
from remit.core.notifications.notice import Notice
from remit.core.notifications.notice_kind import NoticeKind
from remit.core.notifications.outbox import (
    KEPT,
    Delivery,
    Outbox,
    Posted,
    SendResult,
    cloud_event,
    is_kept,
    subject,
    together,
)
from remit.core.notifications.subscription import Recipient, Subscription
from remit.core.records import (
    DELIVERY,
    OUTBOX,
    SUBSCRIPTION,
    Key,
    callback_key,
    card_key,
    case_key,
    delivery_key,
    outbox_key,
)
from remit.core.values import SYSTEM
from remit.flow.context import Context, bounds_now, one
from remit.flow.notifications import browsers, cards
from remit.ports import NotificationBatch, Notifier, OutgoingNotification, Snapshot, UnitOfWork, Writes, answer_of

log = logging.getLogger(__name__)


class Links(Struct, frozen=True):
    """
    Links: a page of the console, and one-use links that sign a recipient in and lead to it, or take their answer to
    one intent. `None` without a console, or for somebody without roles.
    """

    page: Callable[[str], str | None]
    sign_in: Callable[[Subscription, Recipient, str], str | None]
    answer: Callable[[Subscription, Recipient, Case], str | None]


REST = "rest"
"""The part of a message that tells what is beyond its cards."""
QUEUE, SAMPLED = "/console/queue", "/console/sampled"


class DueOutbox(Struct, frozen=True):
    """An outbox in which something is due."""

    tenant_id: str
    subscription_id: str
    notice: NoticeKind
    url: str | None = None
    card_of: str | None = None
    """The intent of the card that changes."""

    @classmethod
    def of(cls, tenant_id: str, box: Outbox) -> Self:
        card_of = box.card.action_intent_id if box.card else None
        return cls(tenant_id, box.subscription_id, box.notice, box.url, card_of)


def due(context: Context, now: datetime, most: int) -> list[DueOutbox]:
    """Of all tenants, the longest due first."""
    found = context.store.due_records(OUTBOX, now, most)
    return [DueOutbox.of(tenant_id, box) for tenant_id, box in found]


def keep_times(context: Context, tenant_id: str) -> None:
    """Write outboxes as they are: an earlier release did not note by when they are looked for."""
    found = context.store.scan(OUTBOX, tenant_id)
    keys = [_outbox_key(DueOutbox.of(tenant_id, box)) for box in found]
    if keys:
        context.store.transact([KeepTime(key).unit() for key in keys])


class KeepTime(Struct, frozen=True):
    """Write an outbox as it is."""

    key: Key[Outbox]

    def unit(self) -> UnitOfWork[None]:
        return UnitOfWork([self.key], self.decide)

    def decide(self, snapshot: Snapshot) -> Writes[None]:
        outbox = snapshot.get(self.key)
        return Writes(answer=None, puts=[(self.key, outbox)] if outbox is not None else [])


def deliver(context: Context, which: DueOutbox, clock: Callable[[], datetime], links: Links) -> Delivery | None:
    """Try what is due once, and answer it as it is afterwards; `None` if nothing was."""
    now = clock()
    claimed = answer_of(context.store.transact([ClaimOutbox(which, now).unit()]))
    if claimed is None:
        return None
    subscription, message = claimed
    letters = _letters(context, subscription, message, which, links, now)
    notifier = context.notifiers.get(subscription.channel)
    if notifier is None:
        gone = SendResult(outcome="failed", detail=f"{subscription.channel} is not set up where this worker runs")
        reports = [gone] * len(letters)
    else:
        hosts = _allowed_hosts(context, which.tenant_id)
        reports = _sent(notifier, NotificationBatch(subscription, letters, hosts, now))
    noted = _noted(context, which, message, letters, reports, clock())
    for letter, report in zip(letters, reports, strict=True):
        if letter.browser is not None and report.gone:
            browsers.forget(context, letter.browser, by=SYSTEM, credential=PROCESS, now=clock())
    return noted


def _sent(notifier: Notifier, mailing: NotificationBatch) -> list[SendResult]:
    try:
        return notifier.send(mailing)
    except Exception as error:
        # Counted like any other try, so that a message that breaks its notifier is given up in the end.
        log.exception("a notifier broke")
        return [SendResult(outcome="failed", detail=f"the notifier broke ({type(error).__name__})")] * len(
            mailing.letters
        )


class ClaimOutbox(Struct, frozen=True):
    """Take what is due, for one try. Answers the subscription and the message, or `None` if nothing is to be sent."""

    which: DueOutbox
    now: datetime

    def unit(self) -> UnitOfWork[tuple[Subscription, Delivery] | None]:
        return UnitOfWork([_outbox_key(self.which), self._subscription_at], self.decide)

    def decide(self, snapshot: Snapshot) -> Writes[tuple[Subscription, Delivery] | None]:
        outbox_at = _outbox_key(self.which)
        outbox, subscription = snapshot.get(outbox_at), snapshot.get(self._subscription_at)
        if outbox is None:
            return Writes(answer=None)
        if subscription is None or not outbox.goes_to(subscription):
            return Writes(answer=None, deletes=[outbox_at])
        quiet_until = outbox.quiet_until(subscription.quiet_hours, self.now)
        if quiet_until is not None:
            return Writes(answer=None, puts=[(outbox_at, outbox.put_off(quiet_until))])
        claimed = outbox.claim(self.now)
        if claimed is None or claimed.trying is None:
            return Writes(answer=None)
        told = subscription if outbox.url is None else subscription.changed(url=outbox.url)
        return Writes(answer=(told, claimed.trying), puts=[(outbox_at, claimed)])

    @property
    def _subscription_at(self) -> Key[Subscription]:
        return Key(SUBSCRIPTION, self.which.tenant_id, self.which.subscription_id)


def _allowed_hosts(context: Context, tenant_id: str) -> Sequence[str]:
    return bounds_now(context, tenant_id).bounds.allowed_hosts


def _letters(
    context: Context, to: Subscription, message: Delivery, which: DueOutbox, links: Links, now: datetime
) -> list[OutgoingNotification]:
    """One for everybody who does not have it yet, or one a card, or a browser."""
    if which.card_of is not None:
        return _changed_card(context, to, message, which.card_of, links)
    if to.has_cards and message.notice == "NEEDS_INPUT":
        return _new_cards(context, to, message, links)
    if to.channel == "push":
        letter = _letter(context, to, message, None, links)
        told = [each for each in browsers.told(context, to.tenant_id, now) if each.browser_id not in message.done]
        return [replace(letter, browser=each, part=each.browser_id) for each in told]
    recipients = [each for each in to.recipients if each.address not in message.done] if to.recipients else [None]
    return [_letter(context, to, message, recipient, links) for recipient in recipients]


def _changed_card(
    context: Context, to: Subscription, message: Delivery, action_intent_id: str, links: Links
) -> list[OutgoingNotification]:
    found = cards.find(context, to, [action_intent_id], links.page)
    place = one(context, card_key(to.tenant_id, to.subscription_id, action_intent_id))
    if not found or not to.has_cards or place is None or place.card is None:
        return []
    posted = Posted(channel=place.card.channel, message=place.card.message)
    letter = _letter(context, to, message, None, links)
    return [replace(letter, card=found[0], posted=posted, part=action_intent_id)]


def _new_cards(context: Context, to: Subscription, message: Delivery, links: Links) -> list[OutgoingNotification]:
    """A card for each of the first, as far as it waits still; the rest are told in one more letter."""
    first, rest = message.items[:MOST_CARDS], message.items[MOST_CARDS:]
    wanted = [
        each.action_intent_id for each in first if each.action_intent_id and each.action_intent_id not in message.done
    ]
    letter = _letter(context, to, message, None, links)
    letters = [
        replace(letter, card=card, part=card.action_intent_id)
        for card in cards.find(context, to, wanted, links.page)
        if card.is_open
    ]
    if rest and REST not in message.done:
        letters.append(replace(letter, lines=letter.lines[MOST_CARDS:], part=REST))
    return letters


def _letter(
    context: Context, to: Subscription, message: Delivery, recipient: Recipient | None, links: Links
) -> OutgoingNotification:
    urls = [links.page(_place(item)) for item in message.items]
    answers = recipient is not None and recipient.links == "answer"
    reached = _answer_links(context, to, message, recipient, links, urls) if recipient and answers else urls
    lines: list[tuple[str, str | None]] = list(zip((item.line for item in message.items), reached, strict=True))
    if message.more:
        lines.append((f"and {message.more} more", links.page(QUEUE)))
    # One for all of them: whoever has signed in by it can follow the others.
    first = _place(message.items[0]) if message.count == 1 or message.notice == "TO_JUDGE" else QUEUE
    return OutgoingNotification(
        delivery_id=message.delivery_id,
        recipient=recipient,
        subject=subject(message, to.tenant_id),
        lines=lines,
        event=cloud_event(message, tenant_id=to.tenant_id, source=context.event_source, urls=urls),
        sign_in=links.sign_in(to, recipient, first) if recipient and not answers else None,
        part=recipient.address if recipient else None,
    )


def _answer_links(
    context: Context, to: Subscription, message: Delivery, recipient: Recipient, links: Links, urls: list[str | None]
) -> list[str | None]:
    """These URLs, but for the first of what waits a link that takes the recipient's answer to it."""
    first = [each.action_intent_id for each in message.items[:MOST_CARDS] if each.action_intent_id]
    seen = context.store.read([case_key(to.tenant_id, name) for name in first])
    reached = list(urls)
    for place, item in enumerate(message.items[:MOST_CARDS]):
        case = seen.get(case_key(to.tenant_id, item.action_intent_id)) if item.action_intent_id else None
        if case is not None and case.can_be_approved:
            reached[place] = links.answer(to, recipient, case) or urls[place]
    return reached


def _place(item: Notice) -> str:
    if item.action_intent_id:
        return f"/console/intents/{item.action_intent_id}"
    return SAMPLED if item.notice == "TO_JUDGE" else QUEUE


def _noted(
    context: Context,
    which: DueOutbox,
    message: Delivery,
    letters: Sequence[OutgoingNotification],
    reports: Sequence[SendResult],
    now: datetime,
) -> Delivery | None:
    surplus = context.store.scan(DELIVERY, which.tenant_id, f"{which.subscription_id}|")[: -(KEPT - 1)]
    noting = NoteDelivery(context, which, message, letters, reports, surplus, now)
    return answer_of(context.store.transact([noting.unit()]))


class NoteDelivery(Struct, frozen=True):
    """
    Write down what became of one try, and drop the `surplus` of what is kept of those before it. Answers the message as
    it is then; `None` if it was removed meanwhile, or another one took over and noted the end of it.
    """

    context: Context
    which: DueOutbox
    message: Delivery
    letters: Sequence[OutgoingNotification]
    reports: Sequence[SendResult]
    surplus: Sequence[Delivery]
    now: datetime

    def unit(self) -> UnitOfWork[Delivery | None]:
        reads = [_outbox_key(self.which), *self._others(), *self._standing.reads]
        return UnitOfWork(reads, self.decide)

    def decide(self, snapshot: Snapshot) -> Writes[Delivery | None]:
        outbox_at = _outbox_key(self.which)
        outbox = snapshot.get(outbox_at)
        if outbox is None or outbox.trying is None or outbox.trying.delivery_id != self.message.delivery_id:
            return Writes(answer=None)
        after, noted = outbox.note(self._together(), self._by_part(), self.now)
        after = cards.kept(after, self.letters)
        puts = self._standing.puts(self.context, snapshot, self.now)
        writes = Writes[Delivery | None](answer=noted, puts=puts)
        if after.is_empty:
            writes.deletes.append(outbox_at)
        else:
            writes.put(outbox_at, after)
        self._keep(writes, noted)
        if noted.status == "DELIVERED":
            _hasten(snapshot, self._others(), writes, self.now)
        return writes

    def _keep(self, writes: Writes[Delivery | None], noted: Delivery) -> None:
        if is_kept(noted):
            tenant_id = self.which.tenant_id
            writes.put(delivery_key(tenant_id, noted), noted)
            writes.deletes += [delivery_key(tenant_id, old) for old in self.surplus]

    @property
    def _standing(self) -> cards.StandingCards:
        return cards.StandingCards(self.which.tenant_id, self.which.subscription_id, self.letters, self.reports)

    def _together(self) -> SendResult:
        named = zip(map(_whose, self.letters), self.reports, strict=True)
        return together([*named], _arrived(self.letters))

    def _by_part(self) -> dict[str, SendResult]:
        pairs = zip(self.letters, self.reports, strict=True)
        return {letter.part: each for letter, each in pairs if letter.part}

    def _others(self) -> list[Key[Outbox]]:
        """The outboxes of the same subscription for what else it is told."""
        names, kinds = (self.which.tenant_id, self.which.subscription_id), get_args(NoticeKind)
        return [outbox_key(*names, kind) for kind in kinds if kind != self.which.notice]


def _hasten(snapshot: Snapshot, others: Sequence[Key[Outbox]], writes: Writes[Delivery | None], now: datetime) -> None:
    # Whoever answers again gets the rest at once, and not when its pause is over.
    for key in others:
        outbox = snapshot.get(key)
        hastened = outbox.hasten(now) if outbox else None
        if hastened is not None and hastened is not outbox:
            writes.put(key, hastened)


def _whose(letter: OutgoingNotification) -> str | None:
    whose = letter.recipient or letter.browser
    return whose.name if whose else letter.part


def _arrived(letters: Sequence[OutgoingNotification]) -> str:
    if not letters or any(letter.browser for letter in letters):
        return "browsers have it"
    return "recipients have it" if any(letter.recipient for letter in letters) else "cards and messages are there"


def _outbox_key(which: DueOutbox) -> Key[Outbox]:
    if which.card_of is not None:
        return card_key(which.tenant_id, which.subscription_id, which.card_of)
    if which.url is not None:
        return callback_key(which.tenant_id, which.subscription_id, which.url)
    return outbox_key(which.tenant_id, which.subscription_id, which.notice)
