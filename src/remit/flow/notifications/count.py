"""
Counting: every day of a tenant from its ledger, each entry once, whoever counts at the same time.

Decisions never wait for it: only who counts writes these records, and the consumer's own record, read and
written with them, lets one in at a time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from msgspec import Struct

from remit.core.diagnosis import Diagnosis
from remit.core.gate.bounds import BoundsInForce
from remit.core.ledger.entries import LedgerEntry
from remit.core.ledger.position import LedgerConsumer, LedgerPosition
from remit.core.lifecycle import Case
from remit.core.mirrors import view_of
from remit.core.notifications import daily_counts
from remit.core.notifications.daily_counts import (
    COUNTED,
    LONGEST_SPAN_DAYS,
    Amounts,
    CountRow,
    DailyCounts,
    days_between,
    ran_alone,
)
from remit.core.notifications.status_counts import ENDS, OPEN, StatusCounts
from remit.core.records import CONSUMER, DAILY_COUNTS, STATUS_COUNTS, THE_ONE, Key, case_key, chain_key
from remit.core.values import instant, shifted
from remit.flow.amounts import amounts_in, pinned_keys
from remit.flow.consumer import MOST_UNREAD, NOTHING_NEW, Progress, Unread, unread
from remit.flow.context import Context, bounds_key, bounds_of
from remit.flow.drop_windows import drop_windows
from remit.flow.kept_policies import KeepPolicies, versions_named
from remit.ports import LedgerPage, Snapshot, UnitOfWork, Writes, answer_of

if TYPE_CHECKING:
    from remit.core.views import TallyAnswer

COUNTING = "tally"
"""The consumer that counts."""
MOST_KEPT = 10_000
MOST_BEHIND = 2000
"""About how many entries may be left to count when somebody asks how many intents have which status."""
_FOLLOWED = tuple(dict.fromkeys([*COUNTED, *ENDS]))
_HISTORY = timedelta(days=LONGEST_SPAN_DAYS)
_BEFORE_ALL = datetime(1970, 1, 1, tzinfo=UTC)


class Counting:
    """
    One process's: it remembers which policies it has seen kept, of what type the latest intents are, and on which day
    it has looked for counters of each tenant that are kept no longer.
    """

    def __init__(self) -> None:
        self._looked_on: dict[str, date] = {}
        self._kept: dict[tuple[str, str], None] = {}
        self._types: dict[Key[Case], str] = {}

    def count(self, context: Context, tenant_id: str, now: datetime) -> Progress:
        """
        Count what is new in a tenant's ledger, a bounded part of it at once.

        A ledger that was never counted is counted from `LONGEST_SPAN_DAYS` ago. The policies that decided are kept as
        this release reads them: a later one has to explain these decisions.
        """
        consumer_at = consumer_key(tenant_id)
        seen = context.store.read([consumer_at, bounds_key(tenant_id)])
        before = seen.get(consumer_at)
        found = unread(context, tenant_id, _FOLLOWED, before or _new(context, tenant_id, now))
        if not found.entries and not found.more:
            return NOTHING_NEW
        self._keep_policies(context, tenant_id, found.entries)
        timezone = bounds_of(seen, tenant_id).day(now).timezone
        of_days = [entry for entry in found.entries if entry.event_type in COUNTED]
        action_types = self._action_types(context, tenant_id, of_days)
        amounts = _amounts(context, bounds_of(seen, tenant_id), of_days, action_types)
        days = daily_counts.count(of_days, action_types, timezone, amounts)
        whole = before is None and _begins_there(context, tenant_id, now)
        counting = CountEntries(tenant_id, before, found, days, timezone, whole)
        ours = answer_of(context.store.transact([counting.unit()]))
        self._drop_windows(context, tenant_id, found.entries, now)
        return Progress(moved=True, more=found.more or not ours)

    def _drop_windows(self, context: Context, tenant_id: str, counted: Sequence[LedgerEntry], now: datetime) -> None:
        """Once a day: only a tenant of which something is counted gets new ones."""
        if self._looked_on.get(tenant_id) == now.date():
            return
        # A clock that is ahead would drop what is counted by today: what others wrote tells how late it is at least.
        told = [datetime.fromisoformat(entry.at) for entry in counted]
        if not drop_windows(context, tenant_id, min([now, *told])):
            if len(self._looked_on) >= MOST_KEPT:
                self._looked_on.clear()
            self._looked_on[tenant_id] = now.date()

    def _keep_policies(self, context: Context, tenant_id: str, entries: Sequence[LedgerEntry]) -> None:
        new = {(tenant_id, version) for version in versions_named(entries)} - self._kept.keys()
        if new:
            answer_of(context.store.transact([KeepPolicies(tenant_id).unit()]))
            if len(self._kept) + len(new) > MOST_KEPT:
                self._kept.clear()
            self._kept |= dict.fromkeys(new)

    def _action_types(self, context: Context, tenant_id: str, entries: Sequence[LedgerEntry]) -> dict[str, str]:
        """By intent. Of most there is an entry when they are decided, and soon another one when they end."""
        named = {entry.action_intent_id for entry in entries if entry.action_intent_id}
        keys, types = [case_key(tenant_id, name) for name in sorted(named)], self._types
        if unknown := [key for key in keys if key not in types]:
            seen = context.store.read(unknown)
            types |= {key: case.action_type for key in unknown if (case := seen.get(key)) is not None}
        found = {key.id: types[key] for key in keys if key in types}
        while len(types) > MOST_KEPT:
            del types[next(iter(types))]
        return found


class CountEntries(Struct, frozen=True):
    """
    Add what was `found` to its days. Answers false if another one has followed meanwhile, and counted these.

    `whole` says that nothing of the ledger is before them: only then do statuses begin to be counted.
    """

    tenant_id: str
    before: LedgerConsumer | None
    found: Unread
    days: Mapping[str, Counter[CountRow]]
    timezone: str
    whole: bool

    def unit(self) -> UnitOfWork[bool]:
        of_days = map(self._day_at, self.days)
        return UnitOfWork([consumer_key(self.tenant_id), statuses_key(self.tenant_id), *of_days], self.decide)

    def decide(self, snapshot: Snapshot) -> Writes[bool]:
        consumer_at, statuses_at = consumer_key(self.tenant_id), statuses_key(self.tenant_id)
        if snapshot.get(consumer_at) != self.before:
            return Writes(answer=False)
        writes = Writes(answer=True)
        writes.put(consumer_at, self.found.after)
        statuses = snapshot.get(statuses_at) or (StatusCounts() if self.whole else None)
        if statuses is not None:
            writes.put(statuses_at, statuses.with_entries(self.found.entries))
        for day, counts in self.days.items():
            counted = snapshot.get(self._day_at(day)) or DailyCounts(date=day, timezone=self.timezone)
            writes.put(self._day_at(day), counted.with_counts(counts, self.timezone))
        return writes

    def _day_at(self, day: str) -> Key[DailyCounts]:
        return Key(DAILY_COUNTS, self.tenant_id, day)


def _new(context: Context, tenant_id: str, now: datetime) -> LedgerConsumer:
    return LedgerConsumer(position=context.store.ledger_position(tenant_id, since=shifted(now, -_HISTORY)))


def _begins_there(context: Context, tenant_id: str, now: datetime) -> bool:
    """Has no intent ended before what is counted first?"""
    before = LedgerPosition(shifted(now, -_HISTORY), "").cursor()
    return not context.store.recent(tenant_id, ENDS, None, before, 1)


def _amounts(
    context: Context, bounds: BoundsInForce, entries: Sequence[LedgerEntry], action_types: Mapping[str, str]
) -> dict[str, Amounts]:
    """Of what was done on policy's word, by intent; of a type that declares none any more nothing is looked up."""
    tenant_id = bounds.bounds.tenant
    declaring = {name for name, spec in bounds.bounds.action_types.items() if spec.amounts}
    if not declaring:
        return {}
    done = {entry.action_intent_id for entry in entries if ran_alone(entry) and entry.action_intent_id}
    keys = [chain_key(tenant_id, name) for name in sorted(done) if action_types.get(name) in declaring]
    if not keys:
        return {}
    seen = context.store.read(keys)
    intents = [history.intent for key in keys if (history := seen.get(key)) and history.intent]
    pinned = context.store.read(pinned_keys(intents))
    return {intent.action_intent_id: amounts_in(pinned, intent) for intent in intents}


def consumer_key(tenant_id: str) -> Key[LedgerConsumer]:
    return Key(CONSUMER, tenant_id, COUNTING)


def statuses_key(tenant_id: str) -> Key[StatusCounts]:
    return Key(STATUS_COUNTS, tenant_id, THE_ONE)


def counts(context: Context, tenant_id: str) -> dict[str, int]:
    """
    The number of intents that the tenant has in each status; statuses without any are left out.

    Final ones are those that were counted when the ledger was followed, and what came since; the others are counted
    where they stand, a moment later. Where nobody follows the ledger, or not from its beginning, every case is.
    """
    consumer_at, statuses_at = consumer_key(tenant_id), statuses_key(tenant_id)
    seen = context.store.read([consumer_at, statuses_at])
    consumer, statuses = seen.get(consumer_at), seen.get(statuses_at)
    if consumer is None or statuses is None:
        return context.store.counts(tenant_id)
    standing = context.store.counts(tenant_id, OPEN)
    page = context.store.ledger_after(tenant_id, ENDS, consumer.position, MOST_BEHIND)
    if page.more:
        return context.store.counts(tenant_id)
    return {**standing, **statuses.with_entries([entry for entry, _ in page.entries]).counts}


def diagnose_counts(context: Context, tenant_id: str) -> Iterator[Diagnosis]:
    """
    Count anew where it is not kept how intents ended: the ledger was followed before that was, or is longer than what
    is.
    """
    consumer_at, statuses_at = consumer_key(tenant_id), statuses_key(tenant_id)
    seen = context.store.read([consumer_at, statuses_at])
    if seen.get(consumer_at) is not None and seen.get(statuses_at) is None:
        says = "how intents ended is not kept: the ledger was followed before it was, and each look counts them all"
        yield Diagnosis("counts", "look", says, f"run 'remit recount --tenant {tenant_id}' once")


def recount_statuses(context: Context, tenant_id: str) -> int:
    """
    Count anew how intents ended, from the beginning of the ledger to where it is followed; how many were wrong.

    Nobody has to stop for it: if it is followed meanwhile, the rest is counted as well before anything is written.
    """
    whole = _EndsRead(context, tenant_id, context.store.ledger_position(tenant_id, since=_BEFORE_ALL))
    while True:
        seen = context.store.read([consumer_key(tenant_id)]).get(consumer_key(tenant_id))
        if seen is None or seen.bookmark:
            # Whoever follows it counts it, or has to meet first what an earlier release left.
            return 0
        wrong = answer_of(context.store.transact([_SetStatuses(tenant_id, seen, whole.up_to(seen)).unit()]))
        if wrong is not None:
            return wrong


class _EndsRead:
    """Ends of intents, counted from a ledger as far as it was read. Of two positions only the store knows the first."""

    def __init__(self, context: Context, tenant_id: str, position: str) -> None:
        self._context, self._tenant_id = context, tenant_id
        self._position, self._counts = position, StatusCounts()

    def up_to(self, consumer: LedgerConsumer) -> StatusCounts:
        """By what the consumer has met, and nothing else."""
        for page in self._pages(self._position):
            self._position, self._counts = page.position, self._counts.with_entries(entry for entry, _ in page.entries)
        unmet = {entry.entry_id: entry for page in self._pages(consumer.position) for entry, _ in page.entries}
        # Of these, what came after all that is counted. Looked up last: nothing is among them that is not among those.
        for page in self._pages(self._position):
            for entry, _ in page.entries:
                unmet.pop(entry.entry_id, None)
        return self._counts.without_entries(unmet.values())

    def _pages(self, position: str) -> Iterator[LedgerPage]:
        more = True
        while more:
            page = self._context.store.ledger_after(self._tenant_id, ENDS, position, MOST_UNREAD)
            yield page
            position, more = page.position, page.more


class _SetStatuses(Struct, frozen=True):
    """Write how intents ended up to where `seen` is. Answers how many were wrong; `None` if it has moved on."""

    tenant_id: str
    seen: LedgerConsumer
    found: StatusCounts

    def unit(self) -> UnitOfWork[int | None]:
        return UnitOfWork([consumer_key(self.tenant_id), statuses_key(self.tenant_id)], self.decide)

    def decide(self, snapshot: Snapshot) -> Writes[int | None]:
        statuses_at = statuses_key(self.tenant_id)
        if snapshot.get(consumer_key(self.tenant_id)) != self.seen:
            return Writes(answer=None)
        before = snapshot.get(statuses_at)
        kept = before.counts if before else {}
        wrong = sum(kept.get(name) != self.found.counts.get(name) for name in {*kept, *self.found.counts})
        return Writes(answer=wrong, puts=[(statuses_at, self.found)] if wrong or before is None else [])


def days(context: Context, tenant_id: str, first_day: str, last_day: str, now: datetime) -> TallyAnswer:
    """
    Every day from the first to the last as counted so far; those on which nothing happened too.

    Raises `InvalidInput`.
    """
    wanted = days_between(first_day, last_day)
    consumer_at = consumer_key(tenant_id)
    keys = {day: Key(DAILY_COUNTS, tenant_id, day) for day in wanted}
    seen = context.store.read([bounds_key(tenant_id), consumer_at, *keys.values()])
    today, consumer = bounds_of(seen, tenant_id).day(now), seen.get(consumer_at)
    counted = [seen.get(keys[day]) or DailyCounts(date=day, timezone=today.timezone) for day in wanted]
    return {
        "tenant_id": tenant_id,
        "timezone": today.timezone,
        "today": today.date,
        "counted_to": instant(consumer.latest_at) if consumer and consumer.latest_at else None,
        "days": [view_of(day) for day in counted],
    }
