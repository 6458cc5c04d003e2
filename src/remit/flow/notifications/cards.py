"""
Cards in a chat: made of an intent as it stands, remembered where they stand, and changed when it is answered anywhere.

Whoever posted a card notes its place; from then on an entry that answers its intent puts a change into the card's
outbox. What was answered before the place was noted is seen by the write that notes it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from remit.core.errors import Conflict
from remit.core.ledger.position import LedgerConsumer
from remit.core.notifications.card import ANSWERS, Card, CardPlace, card_of, needs_change
from remit.core.notifications.notice import Notice
from remit.core.notifications.notice_kind import CARD
from remit.core.notifications.outbox import Outbox, Posted, SendResult
from remit.core.notifications.subscription import Subscription
from remit.core.records import CONSUMER, SUBSCRIPTION, Key, card_key, case_key, chain_key, start_key
from remit.flow.consumer import NOTHING_NEW, Progress
from remit.flow.context import Context
from remit.flow.notifications.about import about_intents
from remit.ports import OutgoingNotification, Snapshot, UnitOfWork, Writes, answer_of

WRITES_AT_ONCE = 80


def find(
    context: Context, to: Subscription, action_intent_ids: Sequence[str], page: Callable[[str], str | None]
) -> list[Card]:
    """The cards of these intents as they stand now; what is not there is left out."""
    keys: list[Key[Any]] = [key for name in action_intent_ids for key in _keys(to.tenant_id, name)]
    seen, abouts = context.store.read(keys), about_intents(context, to.tenant_id, action_intent_ids)
    found = []
    for name in action_intent_ids:
        case, history = (seen.get(key) for key in _keys(to.tenant_id, name))
        about = abouts.get(name)
        if case is not None and history is not None and about is not None:
            url = page(f"/console/intents/{name}")
            found.append(card_of(to.subscription_id, to.fields, case, history, about, url))
    return found


def _keys(tenant_id: str, action_intent_id: str) -> tuple[Key[Any], Key[Any]]:
    return case_key(tenant_id, action_intent_id), chain_key(tenant_id, action_intent_id)


class StandingCards(Struct, frozen=True):
    """Cards that were just posted, and what is noted of each."""

    tenant_id: str
    subscription_id: str
    letters: Sequence[OutgoingNotification]
    reports: Sequence[SendResult]

    @property
    def posted(self) -> dict[str, Posted]:
        pairs = zip(self.letters, self.reports, strict=True)
        return {
            each.card.action_intent_id: it.posted for each, it in pairs if each.card and it.posted and not each.posted
        }

    @property
    def reads(self) -> list[Key[Any]]:
        places = [card_key(self.tenant_id, self.subscription_id, name) for name in self.posted]
        return [*places, *(case_key(self.tenant_id, name) for name in self.posted)]

    def puts(self, context: Context, snapshot: Snapshot, now: datetime) -> list[tuple[Key[Any], Any]]:
        return [self._put(context, snapshot, name, posted, now) for name, posted in self.posted.items()]

    def _put(
        self, context: Context, snapshot: Snapshot, name: str, posted: Posted, now: datetime
    ) -> tuple[Key[Any], Any]:
        key = card_key(self.tenant_id, self.subscription_id, name)
        place = CardPlace(action_intent_id=name, channel=posted.channel, message=posted.message)
        box = Outbox(subscription_id=self.subscription_id, notice=CARD, card=place)
        case = snapshot.get(case_key(self.tenant_id, name))
        return key, box if case is not None and case.can_be_approved else _changing(context, box, now)


def _changing(context: Context, box: Outbox, now: datetime) -> Outbox:
    """With a change on its way; one that waits already shows whatever is so when it leaves."""
    if box.gathering is not None:
        return box
    assert box.card is not None
    notice = Notice(notice=CARD, at=now, text="", action_intent_id=box.card.action_intent_id)
    return box.gather([notice], delivery_id=context.new_id(), now=now)


def kept(box: Outbox, letters: Sequence[OutgoingNotification]) -> Outbox:
    """The outbox of a card that was changed: forgotten once it is shown as answered, or cannot be changed any more."""
    if box.card is None or box.trying is not None or box.gathering is not None:
        return box
    waits = any(letter.card is not None and letter.card.is_open for letter in letters)
    return box if waits else box.changed(card=None)


def follow_cards(context: Context, tenant_id: str, now: datetime) -> Progress:
    """One bounded round for one tenant: cards whose intents were answered are to change."""
    showing = [each for each in context.store.scan(SUBSCRIPTION, tenant_id) if each.has_cards]
    if not showing:
        return NOTHING_NEW
    before, start = _stand(context, tenant_id, showing)
    # Each entry may change a card of each, and one write holds them all.
    most = max(1, WRITES_AT_ONCE // len(showing))
    page = context.store.ledger_after(tenant_id, [*ANSWERS], start.position, most)
    if not page.entries and not page.more:
        return NOTHING_NEW
    answered = dict.fromkeys(entry.action_intent_id for entry, _ in page.entries if needs_change(entry))
    keys = [card_key(tenant_id, each.subscription_id, name) for name in answered if name for each in showing]
    change = ChangeCards(context, tenant_id, before, LedgerConsumer(position=page.position), keys, now)
    answer_of(context.store.transact([change.unit()]))
    return Progress(moved=True, more=page.more)


def _consumer_key(tenant_id: str) -> Key[LedgerConsumer]:
    return Key(CONSUMER, tenant_id, "cards")


def _stand(
    context: Context, tenant_id: str, showing: Sequence[Subscription]
) -> tuple[LedgerConsumer | None, LedgerConsumer]:
    """The position up to which it was followed, and where to go on: before anybody was shown cards there were none."""
    own, starts = _consumer_key(tenant_id), [start_key(tenant_id, each.subscription_id) for each in showing]
    seen = context.store.read([own, *starts])
    before = seen.get(own)
    positions = [start.position for key in starts if (start := seen.get(key)) is not None]
    return before, before or LedgerConsumer(position=min(positions, default=""))


class ChangeCards(Struct, frozen=True):
    """
    Put a change into the outbox of each card, and note how far the ledger was followed. Answers false if another one
    has followed it meanwhile.
    """

    context: Context
    tenant_id: str
    before: LedgerConsumer | None
    after: LedgerConsumer
    keys: Sequence[Key[Outbox]]
    now: datetime

    def unit(self) -> UnitOfWork[bool]:
        return UnitOfWork([_consumer_key(self.tenant_id), *self.keys], self.decide)

    def decide(self, snapshot: Snapshot) -> Writes[bool]:
        own = _consumer_key(self.tenant_id)
        if snapshot.get(own) != self.before:
            return Writes(answer=False)
        writes = Writes(answer=True, puts=[(own, self.after)])
        for key in self.keys:
            box = snapshot.get(key)
            if box is not None and box.card is not None:
                writes.put(key, _changing(self.context, box, self.now))
        return writes


class PressCard(Struct, frozen=True):
    """
    Remember a press of a card, before it is carried out. False for one that was taken already.

    Raises `Conflict` for a card that does not stand there any more.
    """

    tenant_id: str
    subscription_id: str
    action_intent_id: str
    place: tuple[str, str] | None
    once: str
    now: datetime

    def unit(self) -> UnitOfWork[bool]:
        return UnitOfWork([self._at], self.decide)

    def decide(self, snapshot: Snapshot) -> Writes[bool]:
        box = snapshot.get(self._at)
        card = box.card if box is not None else None
        if box is None or card is None or self.place not in (None, (card.channel, card.message)):
            raise Conflict(f"this message about intent {self.action_intent_id!r} is over; look at the intent itself")
        pressed = card.taking(self.once, self.now)
        return Writes(pressed is not None, [(self._at, box.changed(card=pressed))] if pressed is not None else [])

    @property
    def _at(self) -> Key[Outbox]:
        return card_key(self.tenant_id, self.subscription_id, self.action_intent_id)
