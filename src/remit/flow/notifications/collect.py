"""
Telling people: what is new in a tenant's ledger, in its queue and in its day goes into the outboxes of those who asked.

One write moves on what was followed and fills the outboxes: nothing is told twice, and nothing is lost, whoever
tells at the same time and whenever one dies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct

from remit.core.ledger.entries import LedgerEntry
from remit.core.ledger.position import LATEST, LedgerConsumer
from remit.core.lifecycle import Case
from remit.core.notifications.about import AboutIntent
from remit.core.notifications.daily_counts import DailyCounts
from remit.core.notifications.daily_summary import days_to_tell, digest
from remit.core.notifications.notice import (
    JUDGED_EVERY,
    LONGEST_LEAD,
    NOTICED,
    STOP_EVENTS,
    Notice,
    NotificationState,
    exhausted,
    exhausted_after,
    expires_soon,
    notices_of,
    to_judge,
    warn_at,
)
from remit.core.notifications.notice_kind import NoticeKind
from remit.core.notifications.outbox import Outbox
from remit.core.notifications.subscription import Subscription
from remit.core.records import (
    CONSUMER,
    DAILY_COUNTS,
    NOTIFICATION_STATE,
    SAMPLE,
    SUBSCRIPTION,
    THE_ONE,
    Key,
    case_key,
    chain_key,
    outbox_key,
    start_key,
)
from remit.core.values import PLATFORM, shifted
from remit.flow.consumer import NOTHING_NEW, Progress, Unread, unread
from remit.flow.context import Context, bounds_now
from remit.flow.notifications import escalations
from remit.flow.notifications.about import about_intents
from remit.ports import Snapshot, UnitOfWork, Writes, answer_of, waiting_cursor

OWN, OF_PLATFORM = "notices", "platform"
"""The consumers that tell: of the tenant's own ledger, and of the platform's stops."""
LONGEST_REST = timedelta(days=1)
"""Who wants to be told is looked at once a day at least."""
_PAGE = 200
_NEXT_LOOK = timedelta(minutes=1)
MOST_EXPIRING = 2000
"""The number of cases, the first to expire, that are looked at."""


class _Seen(Struct, frozen=True):
    """The records that a round begins with. `starts` are the positions that subscriptions are told from."""

    subscriptions: Sequence[Subscription]
    own: LedgerConsumer | None
    platform: LedgerConsumer | None
    teller: NotificationState | None
    starts: Mapping[str, LedgerConsumer]

    @property
    def state(self) -> NotificationState:
        return self.teller or NotificationState()

    def wants(self, notice: NoticeKind) -> bool:
        return any(notice in each.notices for each in self.subscriptions)

    def wanted_since(self, each: Subscription, notice: Notice, behind: Mapping[datetime, str]) -> bool:
        """Did it happen after this was asked for? An earlier release noted no position, only a time."""
        start, position = self.starts.get(each.subscription_id), behind.get(notice.at)
        if start is None or position is None:
            return notice.at >= each.told_from
        return position > start.position


def collect(context: Context, tenant_id: str, now: datetime, *, counted: bool) -> Progress:
    """
    One bounded round for one tenant; what nobody asked for is not looked at.

    `counted` says that the days hold everything so far, so that one that has ended can be told.
    """
    seen = _see(context, tenant_id)
    if not seen.subscriptions:
        return _rested(context, tenant_id, seen)
    own = unread(context, tenant_id, NOTICED, seen.own or _started(context, tenant_id, seen))
    platform = unread(context, PLATFORM, STOP_EVENTS, seen.platform or _started(context, PLATFORM, seen))
    current, state = _current(context, tenant_id, seen, own, now, counted=counted)
    more = own.more or platform.more
    if not any((own.entries, platform.entries, more, current)) and _stays(seen, state, now):
        return NOTHING_NEW
    told = _told(context, tenant_id, seen, own, platform, current, now)
    unanswered = escalations.unanswered_after(seen.subscriptions, seen.state, told, now)
    state = state.changed(unanswered=unanswered, due_at=min([state.due_at or now, *unanswered.values()]))
    telling = FillOutboxes(context, tenant_id, seen, own, platform, state, told, now)
    ours = answer_of(context.store.transact([telling.unit()]))
    return Progress(moved=True, more=more or not ours)


def _current(
    context: Context, tenant_id: str, seen: _Seen, own: Unread, now: datetime, *, counted: bool
) -> tuple[list[Notice], NotificationState]:
    """Notices of what is so now, whatever happened, and the state in which they have been told."""
    before = seen.state
    waiting = _expiring(context, tenant_id, now) if seen.wants("EXPIRES_SOON") else []
    judged = _to_judge(context, tenant_id, before, now) if seen.wants("TO_JUDGE") else []
    digests, digested = _digests(context, tenant_id, seen, before, now) if counted else ([], before.digested)
    state = NotificationState(
        warned=before.warned_after(waiting, now),
        digested=digested,
        exhausted=exhausted_after(own.entries, before.exhausted, now),
        judge_told=max((notice.at for notice in judged), default=before.judge_told),
        judge_next=shifted(now, JUDGED_EVERY) if judged else before.judge_next,
    )
    state = state.changed(due_at=_due_at(context, tenant_id, seen, waiting, state, now))
    return [*expires_soon(waiting, before, now), *judged, *digests], state


def _told(
    context: Context,
    tenant_id: str,
    seen: _Seen,
    own: Unread,
    platform: Unread,
    current: Sequence[Notice],
    now: datetime,
) -> dict[tuple[str, NoticeKind], list[Notice]]:
    """All that is told now, by subscription and kind."""
    happened = [
        *_of_entries(context, tenant_id, [*own.entries, *platform.entries]),
        *exhausted(own.entries, seen.state.exhausted, now),
    ]
    about = _about(context, tenant_id, seen, [*happened, *current])
    told = _sorted(seen, happened, own.positions | platform.positions, current, about)
    for place, escalated in escalations.due(context, tenant_id, seen.subscriptions, seen.state, now).items():
        told.setdefault(place, []).extend(escalated)
    return told


def _stays(seen: _Seen, state: NotificationState, now: datetime) -> bool:
    """Is there nothing to write down? When to look again may be earlier than it was, or has come."""
    before = seen.teller
    if before is None or before.due_at is None or before.warned_to is not None:
        return False
    assert state.due_at is not None
    return now < before.due_at <= state.due_at


def _rested(context: Context, tenant_id: str, seen: _Seen) -> Progress:
    """Nobody wants to be told any more: nothing has to be looked at."""
    if seen.teller is None or seen.teller.due_at is None:
        return NOTHING_NEW
    return answer_of(context.store.transact([RestTenant(_keys(tenant_id)[2]).unit()]))


class RestTenant(Struct, frozen=True):
    """Look at a tenant no more at any time, until somebody wants to be told again."""

    state_at: Key[NotificationState]

    def unit(self) -> UnitOfWork[Progress]:
        return UnitOfWork([self.state_at], self.decide)

    def decide(self, snapshot: Snapshot) -> Writes[Progress]:
        state = snapshot.get(self.state_at)
        puts = [(self.state_at, state.changed(due_at=None))] if state else []
        return Writes(Progress(moved=True, more=False), [*puts])


def _see(context: Context, tenant_id: str) -> _Seen:
    subscriptions = [each for each in context.store.scan(SUBSCRIPTION, tenant_id) if each.enabled]
    own_at, platform_at, teller_at = _keys(tenant_id)
    starts = {each.subscription_id: start_key(tenant_id, each.subscription_id) for each in subscriptions}
    found = context.store.read([own_at, platform_at, teller_at, *starts.values()])
    known = {name: start for name, key in starts.items() if (start := found.get(key)) is not None}
    return _Seen(subscriptions, found.get(own_at), found.get(platform_at), found.get(teller_at), known)


def _keys(tenant_id: str) -> tuple[Key[LedgerConsumer], Key[LedgerConsumer], Key[NotificationState]]:
    state_at = Key(NOTIFICATION_STATE, tenant_id, THE_ONE)
    return Key(CONSUMER, tenant_id, OWN), Key(CONSUMER, tenant_id, OF_PLATFORM), state_at


def _started(context: Context, ledger: str, seen: _Seen) -> LedgerConsumer:
    """Of the time when nobody wanted to be told, nothing is read."""
    starts = [seen.starts.get(each.subscription_id) for each in seen.subscriptions]
    positions = [start.position for start in starts if start is not None]
    if len(positions) == len(starts):
        return LedgerConsumer(position=min(positions))
    since = min(each.told_from for each in seen.subscriptions)
    return LedgerConsumer(position=context.store.ledger_position(ledger, since=since))


def _due_at(
    context: Context, tenant_id: str, seen: _Seen, waiting: Sequence[Case], state: NotificationState, now: datetime
) -> datetime:
    """
    The time when something is to be told though nothing happens: an intent is about to expire, a day has ended, or what
    ended meanwhile may be told to be judged.
    """
    moments = [now + LONGEST_REST]
    if seen.wants("TO_JUDGE") and state.judge_next is not None:
        moments.append(state.judge_next)
    if seen.wants("EXPIRES_SOON"):
        moments += [at for case in waiting if (at := warn_at(case)) > now]
        later = context.store.waiting(tenant_id, None, waiting_cursor(waiting[-1]) if waiting else None, 1)
        moments += [max(shifted(case.expires_at, -LONGEST_LEAD), now + _NEXT_LOOK) for case in later]
    if seen.wants("DAILY_DIGEST"):
        in_force = bounds_now(context, tenant_id)
        moments += [in_force.day(at).ends_at + LATEST for at in (now - LATEST, now)]
    return min(at for at in moments if at > now)


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


def _to_judge(context: Context, tenant_id: str, before: NotificationState, now: datetime) -> list[Notice]:
    if not before.may_tell_to_judge(now):
        return []
    return to_judge((row for _, row in context.store.records(SAMPLE, tenant_id)), before, now)


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


def _about(context: Context, tenant_id: str, seen: _Seen, notices: Sequence[Notice]) -> dict[str, AboutIntent]:
    if not any(each.looks_at_intents for each in seen.subscriptions):
        return {}
    return about_intents(context, tenant_id, [each.action_intent_id for each in notices if each.action_intent_id])


def _sorted(
    seen: _Seen,
    happened: Sequence[Notice],
    behind: Mapping[datetime, str],
    current: Sequence[Notice],
    about: Mapping[str, AboutIntent],
) -> dict[tuple[str, NoticeKind], list[Notice]]:
    """By subscription and kind. What has happened is told from when it was asked for; what is so now, in any case."""
    told: dict[tuple[str, NoticeKind], list[Notice]] = {}
    for each in seen.subscriptions:
        wanted = [notice for notice in happened if seen.wanted_since(each, notice, behind)] + list(current)
        for notice in wanted:
            intent = about.get(notice.action_intent_id or "")
            if each.covers(notice.notice, notice.account_id) and each.wants(intent):
                shown = notice.changed(fields=intent.shown(each.fields)) if intent and each.fields else notice
                told.setdefault((each.subscription_id, notice.notice), []).append(shown)
    return told


class FillOutboxes(Struct, frozen=True):
    """
    Put what is told into the outboxes, and note what was followed. Answers false if another one has told these
    meanwhile.
    """

    context: Context
    tenant_id: str
    seen: _Seen
    own: Unread
    platform: Unread
    teller: NotificationState
    told: Mapping[tuple[str, NoticeKind], Sequence[Notice]]
    now: datetime

    def unit(self) -> UnitOfWork[bool]:
        outboxes = (outbox_key(self.tenant_id, *place) for place in self.told)
        return UnitOfWork([*_keys(self.tenant_id), *outboxes], self.decide)

    def decide(self, snapshot: Snapshot) -> Writes[bool]:
        own_at, platform_at, teller_at = _keys(self.tenant_id)
        stands = snapshot.get(own_at), snapshot.get(platform_at), snapshot.get(teller_at)
        if stands != (self.seen.own, self.seen.platform, self.seen.teller):
            return Writes(answer=False)
        writes = Writes(answer=True)
        writes.put(own_at, self.own.after)
        writes.put(platform_at, self.platform.after)
        writes.put(teller_at, self.teller)
        for (subscription_id, notice), notices in self.told.items():
            key = outbox_key(self.tenant_id, subscription_id, notice)
            outbox = snapshot.get(key) or Outbox(subscription_id=subscription_id, notice=notice)
            writes.put(key, outbox.gather(notices, delivery_id=self.context.new_id(), now=self.now))
        return writes
