"""
Calling back: each intent that names a URL (`on_end`) is told of there when it has ended, once, through a webhook that
takes callbacks.

It follows the ledger by itself, a little at a time: what agents ask for holds up nothing that people are told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from msgspec import Struct

from remit.core.intent import ActionIntentV1
from remit.core.ledger.entries import LedgerEntry
from remit.core.ledger.position import LedgerConsumer
from remit.core.notifications.notice import ENDS, Notice, ended_notice
from remit.core.notifications.notice_kind import ENDED
from remit.core.notifications.outbox import Outbox
from remit.core.notifications.subscription import Subscription, callback_of
from remit.core.records import (
    CONSUMER,
    OUTBOX,
    SUBSCRIPTION,
    Key,
    callback_key,
    callbacks_of,
    case_key,
    chain_key,
    start_key,
)
from remit.flow.consumer import NOTHING_NEW, Progress
from remit.flow.context import Context
from remit.ports import LedgerPage, Snapshot, UnitOfWork, Writes, answer_of

MOST_UNDELIVERED = 200
"""How many URLs of a tenant may have something on its way; while there are more, nothing more is looked for."""
ENTRIES_AT_ONCE = 50
"""In one write, each of which may fill an outbox."""
PAGES_AT_ONCE = 40
MOST_EDITS = 100
"""How many edits are followed back to what an agent proposed."""


class _Callback(NamedTuple):
    subscription_id: str
    url: str


def call_back(context: Context, tenant_id: str, now: datetime, *, most_undelivered: int = MOST_UNDELIVERED) -> Progress:
    """One bounded round for one tenant."""
    taking = [each for each in context.store.scan(SUBSCRIPTION, tenant_id) if each.enabled and ENDED in each.notices]
    if not taking:
        return NOTHING_NEW
    if _undelivered(context, tenant_id, taking) >= most_undelivered:
        return Progress(moved=False, more=False, held_up=True)
    before, starts = _stand(context, tenant_id, taking)
    page, passed = _next_ends(context, tenant_id, before or _first(context, tenant_id, taking, starts))
    if not page.entries and not passed:
        return NOTHING_NEW
    told = _told(context, tenant_id, taking, starts, page)
    calling = CallBack(context, tenant_id, before, LedgerConsumer(position=page.position), told, now)
    answer_of(context.store.transact([calling.unit()]))
    return Progress(moved=True, more=page.more)


def _undelivered(context: Context, tenant_id: str, taking: Sequence[Subscription]) -> int:
    return sum(len(context.store.scan(OUTBOX, tenant_id, callbacks_of(each.subscription_id))) for each in taking)


def _consumer_key(tenant_id: str) -> Key[LedgerConsumer]:
    return Key(CONSUMER, tenant_id, "callbacks")


def _stand(
    context: Context, tenant_id: str, taking: Sequence[Subscription]
) -> tuple[LedgerConsumer | None, Mapping[str, str]]:
    """The position up to which it was followed, and by subscription from where on it is told."""
    keys = {each.subscription_id: start_key(tenant_id, each.subscription_id) for each in taking}
    seen = context.store.read([_consumer_key(tenant_id), *keys.values()])
    starts = {name: start.position for name, key in keys.items() if (start := seen.get(key)) is not None}
    return seen.get(_consumer_key(tenant_id)), starts


def _first(
    context: Context, tenant_id: str, taking: Sequence[Subscription], starts: Mapping[str, str]
) -> LedgerConsumer:
    """Before anybody took callbacks there were none."""
    since = (each.told_from for each in taking if each.subscription_id not in starts)
    earlier = [context.store.ledger_position(tenant_id, since=at) for at in since]
    return LedgerConsumer(position=min([*starts.values(), *earlier]))


def _next_ends(context: Context, tenant_id: str, consumer: LedgerConsumer) -> tuple[LedgerPage, bool]:
    """The next few ends, and whether the way there is worth noting; without any, how far there are none."""
    position = consumer.position
    for number in range(PAGES_AT_ONCE):
        page = context.store.ledger_after(tenant_id, [*ENDS], position, ENTRIES_AT_ONCE)
        if page.entries or not page.more:
            return page, number > 0
        position = page.position
    return page, True


def _told(
    context: Context, tenant_id: str, taking: Sequence[Subscription], starts: Mapping[str, str], page: LedgerPage
) -> dict[_Callback, list[Notice]]:
    intents = _intents(context, tenant_id, [entry for entry, _ in page.entries])
    told: dict[_Callback, list[Notice]] = {}
    for entry, position in page.entries:
        intent = intents.get(entry.action_intent_id or "")
        if intent is None or intent.on_end is None:
            continue
        through = callback_of(taking, intent.on_end, intent.account_id)
        # Of the time before it took any, it is told nothing.
        if through is not None and position > starts.get(through.subscription_id, ""):
            notice = ended_notice(entry, intent, _proposed_as(context, intent))
            told.setdefault(_Callback(through.subscription_id, intent.on_end), []).append(notice)
    return told


def _intents(context: Context, tenant_id: str, entries: Sequence[LedgerEntry]) -> dict[str, ActionIntentV1]:
    names = dict.fromkeys(entry.action_intent_id for entry in entries if entry.action_intent_id)
    keys = {name: chain_key(tenant_id, name) for name in names}
    seen = context.store.read(list(keys.values()))
    histories = {name: seen.get(key) for name, key in keys.items()}
    return {name: each.intent for name, each in histories.items() if each is not None and each.intent is not None}


def _proposed_as(context: Context, intent: ActionIntentV1) -> str:
    """The id that its agent knows: back over the edits that people made, and what they had decided again."""
    for _ in range(MOST_EDITS):
        if intent.supersedes is None:
            break
        case_at, before_at = (
            case_key(intent.tenant_id, intent.action_intent_id),
            chain_key(intent.tenant_id, intent.supersedes),
        )
        seen = context.store.read([case_at, before_at])
        case, before = seen.get(case_at), seen.get(before_at)
        if case is None or before is None or before.intent is None or not (case.edited_by or before.decided_again):
            break
        intent = before.intent
    return intent.action_intent_id


class CallBack(Struct, frozen=True):
    """
    Put what is told into the outbox of each URL, and note how far the ledger was followed. Answers false if another one
    has told these meanwhile.
    """

    context: Context
    tenant_id: str
    before: LedgerConsumer | None
    after: LedgerConsumer
    told: Mapping[_Callback, Sequence[Notice]]
    now: datetime

    def unit(self) -> UnitOfWork[bool]:
        return UnitOfWork([_consumer_key(self.tenant_id), *map(self._outbox_at, self.told)], self.decide)

    def decide(self, snapshot: Snapshot) -> Writes[bool]:
        own_at = _consumer_key(self.tenant_id)
        if snapshot.get(own_at) != self.before:
            return Writes(answer=False)
        writes = Writes(answer=True, puts=[(own_at, self.after)])
        for callback, notices in self.told.items():
            key = self._outbox_at(callback)
            new = Outbox(subscription_id=callback.subscription_id, notice=ENDED, url=callback.url)
            outbox = snapshot.get(key) or new
            writes.put(key, outbox.gather(notices, delivery_id=self.context.new_id(), now=self.now))
        return writes

    def _outbox_at(self, callback: _Callback) -> Key[Outbox]:
        return callback_key(self.tenant_id, *callback)
