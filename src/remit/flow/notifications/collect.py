"""
Telling people: what is new in a tenant's ledger, in its queue and in its day goes into the outboxes of those who asked.

One write moves on what was followed and fills the outboxes: nothing is told twice, and nothing is lost, whoever
tells at the same time and whenever one dies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from remit.core.ledger.entries import LedgerEntry
from remit.core.ledger.position import LATEST, LedgerConsumer, LedgerCursor
from remit.core.lifecycle import Case
from remit.core.notifications.daily_counts import DailyCounts
from remit.core.notifications.daily_summary import days_to_tell, digest
from remit.core.notifications.notice import (
    LONGEST_LEAD,
    NOTICED,
    STOP_EVENTS,
    Notice,
    NotificationState,
    exhausted,
    exhausted_after,
    expires_soon,
    notices_of,
)
from remit.core.notifications.outbox import Outbox
from remit.core.notifications.subscription import NoticeKind, Subscription
from remit.core.records import (
    CONSUMER,
    DAILY_COUNTS,
    NOTIFICATION_STATE,
    SUBSCRIPTION,
    THE_ONE,
    Key,
    case_key,
    chain_key,
    outbox_key,
)
from remit.core.values import PLATFORM
from remit.flow.consumer import Unread, unread
from remit.flow.context import Context, bounds_now
from remit.ports import Snapshot, UnitOfWork, Writes, answer_of, waiting_cursor

OWN, OF_PLATFORM = "notices", "platform"
"""The followers that tell: of the tenant's own ledger, and of the platform's stops."""
_PAGE = 200
MOST_EXPIRING = 2000
"""The number of cases, the first to expire, that are looked at."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """The records that a round begins with."""

    subscriptions: Sequence[Subscription]
    own: LedgerConsumer | None
    platform: LedgerConsumer | None
    teller: NotificationState | None
    since: datetime


def collect(context: Context, tenant_id: str, now: datetime, *, counted: bool) -> bool:
    """
    One bounded round for one tenant. False if there was nothing to tell; what nobody asked for is not looked at.

    `counted` says that the tally holds everything so far, so that a day that has ended can be told.
    """
    seen = _see(context, tenant_id)
    if seen is None:
        return False
    own = unread(context, tenant_id, NOTICED, _started(seen.own, seen.since), now)
    platform = unread(context, PLATFORM, STOP_EVENTS, _started(seen.platform, seen.since), now)
    before = seen.teller or NotificationState(warned_to=seen.since - LONGEST_LEAD)
    expiring = expires_soon(_expiring(context, tenant_id, now), before.warned_to, now)
    digests, digested = _digests(context, tenant_id, seen, before, now) if counted else ([], before.digested)
    if not any((own.entries, own.more, platform.entries, platform.more, expiring, digests)):
        return False
    notices = [
        *_of_entries(context, tenant_id, [*own.entries, *platform.entries]),
        *exhausted(own.entries, before.exhausted, now),
    ]
    told = _sorted(seen.subscriptions, notices, [*expiring, *digests])
    teller = NotificationState(
        warned_to=now if expiring else before.warned_to,
        digested=digested,
        exhausted=exhausted_after(own.entries, before.exhausted, now),
    )
    return answer_of(context.store.transact([_tell_unit(context, tenant_id, seen, own, platform, teller, told, now)]))


def _see(context: Context, tenant_id: str) -> _Seen | None:
    subscriptions = [each for each in context.store.scan(SUBSCRIPTION, tenant_id) if each.enabled]
    if not subscriptions:
        return None
    own_at, platform_at, teller_at = _keys(tenant_id)
    found = context.store.read([own_at, platform_at, teller_at])
    since = min(each.told_from for each in subscriptions)
    return _Seen(subscriptions, found.get(own_at), found.get(platform_at), found.get(teller_at), since)


def _keys(tenant_id: str) -> tuple[Key[LedgerConsumer], Key[LedgerConsumer], Key[NotificationState]]:
    state_at = Key(NOTIFICATION_STATE, tenant_id, THE_ONE)
    return Key(CONSUMER, tenant_id, OWN), Key(CONSUMER, tenant_id, OF_PLATFORM), state_at


def _started(follower: LedgerConsumer | None, since: datetime) -> LedgerConsumer:
    """Of the time when nobody wanted to be told, nothing is read."""
    if follower is None or LedgerCursor.parse(follower.bookmark).place.at < since:
        return LedgerConsumer.starting(since)
    return follower


def _of_entries(context: Context, tenant_id: str, entries: Sequence[LedgerEntry]) -> list[Notice]:
    named = sorted({entry.action_intent_id for entry in entries if entry.action_intent_id})
    keys: list[Key[Any]] = [key for name in named for key in (case_key(tenant_id, name), chain_key(tenant_id, name))]
    seen = context.store.read(keys)
    found = []
    for entry in entries:
        name = entry.action_intent_id
        case = seen.get(case_key(tenant_id, name)) if name else None
        history = seen.get(chain_key(tenant_id, name)) if name else None
        intent = history.intent if history else None
        found += notices_of(entry, case, intent)
    return found


def _expiring(context: Context, tenant_id: str, now: datetime) -> list[Case]:
    """Cases that wait and expire soonest."""
    found: list[Case] = []
    after: str | None = None
    while len(found) < MOST_EXPIRING:
        page = context.store.waiting(tenant_id, None, after, _PAGE)
        found += [case for case in page if case.expires_at <= now + LONGEST_LEAD]
        if len(page) < _PAGE or page[-1].expires_at > now + LONGEST_LEAD:
            break
        after = waiting_cursor(page[-1])
    return found


def _digests(
    context: Context, tenant_id: str, seen: _Seen, before: NotificationState, now: datetime
) -> tuple[list[Notice], str | None]:
    """The days that have ended and are not told yet, and the last that is told then."""
    wanting = [each.told_from for each in seen.subscriptions if "DAILY_DIGEST" in each.notices]
    if not wanting:
        return [], before.digested
    timezone = bounds_now(context, tenant_id).day(now).timezone
    ended = days_to_tell(before.digested, min(wanting), now - LATEST, timezone)
    keys = {day: Key(DAILY_COUNTS, tenant_id, day) for day, _ in ended}
    days = context.store.read(list(keys.values()))
    notices = [
        Notice(
            notice="DAILY_DIGEST",
            at=ended_at,
            text=digest(days.get(keys[day]) or DailyCounts(date=day, timezone=timezone)),
        )
        for day, ended_at in ended
    ]
    return notices, ended[-1][0] if ended else before.digested


def _sorted(
    subscriptions: Sequence[Subscription], happened: Sequence[Notice], current: Sequence[Notice]
) -> dict[tuple[str, NoticeKind], list[Notice]]:
    """By subscription and kind. What has happened is told from when it was asked for; what is so now, in any case."""
    told: dict[tuple[str, NoticeKind], list[Notice]] = {}
    for each in subscriptions:
        wanted = [notice for notice in happened if notice.at >= each.told_from] + list(current)
        for notice in wanted:
            if each.covers(notice.notice, notice.account_id):
                told.setdefault((each.subscription_id, notice.notice), []).append(notice)
    return told


def _tell_unit(
    context: Context,
    tenant_id: str,
    seen: _Seen,
    own: Unread,
    platform: Unread,
    teller: NotificationState,
    told: dict[tuple[str, NoticeKind], list[Notice]],
    now: datetime,
) -> UnitOfWork[bool]:
    own_at, platform_at, teller_at = _keys(tenant_id)
    before = seen.own, seen.platform, seen.teller
    outboxes = {place: outbox_key(tenant_id, *place) for place in told}

    def change(snapshot: Snapshot) -> Writes[bool]:
        if (snapshot.get(own_at), snapshot.get(platform_at), snapshot.get(teller_at)) != before:
            # Another one has told these meanwhile.
            return Writes(answer=True)
        writes = Writes(answer=True)
        writes.put(own_at, own.after)
        writes.put(platform_at, platform.after)
        writes.put(teller_at, teller)
        for (subscription_id, notice), notices in told.items():
            key = outboxes[subscription_id, notice]
            outbox = snapshot.get(key) or Outbox(subscription_id=subscription_id, notice=notice)
            writes.put(key, outbox.gather(notices, delivery_id=context.new_id(), now=now))
        return writes

    return UnitOfWork(reads=[own_at, platform_at, teller_at, *outboxes.values()], decide=change)
