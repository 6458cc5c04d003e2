"""The store: writing goes through one `DynamoWriter`, lists through `TableReading`."""

from __future__ import annotations

import heapq
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, TypeVar, cast

from remit.core.errors import RemitError
from remit.core.identity.session import IssuerLogout
from remit.core.ledger.entries import LedgerEntry
from remit.core.lifecycle import UNANSWERED, WAITING, Case, Status
from remit.core.records import BOUNDS, CASE, CHAIN_HEAD, KINDS, STOPS, THE_ONE, Key, Kind, due_at
from remit.core.values import Stored
from remit.core.waiting_counts import ANYBODY, CountKind, WaitingCount, counts_of, holder_of
from remit.ports import (
    CaseFilter,
    ChangedTenants,
    Claim,
    LedgerPage,
    QueueLine,
    QueuePlace,
    ReaderPage,
    Runnable,
    Snapshot,
    UnitOfWork,
    cursor_of,
)
from remit.stores.dynamodb.bounds import altered_parts, versioned_whole
from remit.stores.dynamodb.dropping import MOST_DROPPED, DropIfDue
from remit.stores.dynamodb.feed import Feed
from remit.stores.dynamodb.items import (
    Item,
    counts_in,
    entries_of,
    issuer_partition,
    key_of,
    line_of,
    misfiled_attributes,
    place_of,
    queue_partition,
    record_of,
    status_partition,
    version_of,
)
from remit.stores.dynamodb.layout import (
    LEDGER,
    TENANTS,
    DueGroup,
    chain_key,
    cursor_place,
    due_parts,
    instant_of,
    moment,
    partitions,
    record_key,
    tenant_key,
    time_partitions,
    timed_parts,
)
from remit.stores.dynamodb.lookup import shown
from remit.stores.dynamodb.migration_mark import MigrationMark
from remit.stores.dynamodb.reading import Between, TableReading, case_partitions, created, equal, holding
from remit.stores.dynamodb.record_cache import RecordCache
from remit.stores.dynamodb.table import BY_STATUS, BY_TIME, DUE, QUEUE
from remit.stores.dynamodb.table_format import FormattedTable
from remit.stores.dynamodb.versions import Versions, moment_after, moment_of
from remit.stores.dynamodb.writer import DynamoWriter
from remit.stores.group_commit import GroupCommit
from remit.stores.units import RecordSnapshot, by_time, first_of_each, queue_line, record_id, tenants_in_turn

T = TypeVar("T")
S = TypeVar("S", bound=Stored)

SETTLE_S = 3.0
"""How long a write may be on its way at most, with a second for clocks that differ."""
_EVERY = 2**31
MOST_LOOKED_AT = 2000
"""How many due cases are looked at for turns by tenant."""
_EPOCH, _MICROSECOND, _DAY_S = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1), 24 * 60 * 60
_USUAL = (BOUNDS, CHAIN_HEAD, STOPS)
"""Of these nearly every tenant has one."""


class DynamoStore:
    """
    A store in one DynamoDB table. Share it between threads.

    `client` is boto3's low-level client for DynamoDB with its own retries off: see `open_client`. An
    export waits `settle_s` before it begins, so that no write from before it is still on its way. `seconds` tells how
    much time has passed. `migrating` is for a migration, which opens what nobody else may.
    """

    one_at_a_time = False

    def __init__(
        self,
        client: Any,
        table: str,
        *,
        settle_s: float = SETTLE_S,
        on_close: Callable[[], None] = lambda: None,
        migrating: bool = False,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self.client = client
        self.table = FormattedTable(client, table, any_format=migrating)
        self._versions = Versions(self.table.clock.now_us)
        mark = MigrationMark(table, passed=migrating)
        writer = DynamoWriter(self.table, RecordCache(seconds), self._versions, mark)
        self._group_commit = GroupCommit(writer.carry_out)
        self._reading = TableReading(self.table)
        self._looked_to: dict[DueGroup, str] = {}
        self._feed = Feed(self.table, self._reading, self._versions)
        self._settle_s, self._on_close = settle_s, on_close

    def transact(self, units: Sequence[UnitOfWork[T]]) -> list[T | RemitError]:
        return self._group_commit.submit(units) if units else []

    def read(self, keys: Sequence[Key[Any]]) -> Snapshot:
        return RecordSnapshot(shown(self.table, list(map(record_id, keys))))

    def scan(self, kind: Kind[S], tenant_id: str, prefix: str = "", limit: int | None = None) -> list[S]:
        def of_part(partition: str) -> list[Item]:
            return list(islice(self._reading.whole(partition, prefix, limit), limit))

        parts = self._reading.at_once(of_part, partitions(kind.name, tenant_id))
        return [cast(S, self._record(item)) for item in islice(heapq.merge(*parts, key=_sort_key), limit)]

    def each(self, kind: Kind[S], tenant_id: str) -> Iterator[S]:
        parts = [self._reading.whole(part) for part in partitions(kind.name, tenant_id)]
        for item in heapq.merge(*parts, key=_sort_key):
            with suppress(RemitError):
                yield cast(S, self._record(item))

    def misfiled(self, tenant_id: str) -> Iterator[str]:
        own_chain, _ = chain_key(tenant_id, None)
        for part in [*partitions(CASE.name, tenant_id), own_chain, *partitions(LEDGER, tenant_id)]:
            for item in self._reading.whole(part):
                if any(misfiled_attributes(item, self.table.numbers_of_due_parts)):
                    # The index may have more parts since, by which others have written it.
                    self.table.due_parts_now()
                    yield from misfiled_attributes(item, self.table.numbers_of_due_parts)
        yield from altered_parts(self._reading, tenant_id)

    def records(self, kind: Kind[S], tenant_id: str) -> Iterator[tuple[str, S]]:
        parts = [self._reading.whole(part) for part in partitions(kind.name, tenant_id)]
        for item in heapq.merge(*parts, key=_sort_key):
            yield key_of(item)[1], cast(S, self._record(item))

    def _record(self, item: Item) -> Stored | None:
        return versioned_whole(self.table, item).record

    def due(self, now: datetime, limit: int) -> list[Case]:
        parts = self.table.due_parts_now()
        reserved = self._due("reserved", parts, now, limit)
        # Half of it is for what else moves: a bus that is down does not keep what needs no bus.
        moving = self._due("moving", parts, now, limit - min(len(reserved), -(-limit // 2)))
        found = [*reserved[: limit - len(moving)], *moving]
        return found if len(found) == limit else [*found, *self._due("resting", parts, now, limit - len(found))]

    def _due(self, group: DueGroup, parts: int, now: datetime, limit: int) -> list[Case]:
        """In turns by tenant among as many as are looked at; where more are due, the next look goes on behind those."""
        # What happens at a moment sorts after the moment alone, and before this sign behind it.
        between = Between(low=self._looked_to.pop(group, None), high=f"{moment(now)}~")
        looked_at = list(islice(self._reading.placed(DUE, due_parts(group, parts), between), MOST_LOOKED_AT))
        if len(looked_at) == MOST_LOOKED_AT:
            self._looked_to[group] = looked_at[-1][0]
        wanted = tenants_in_turn(looked_at, len(looked_at), lambda place: place[0].split("#")[1])
        # The index may be behind, and leaves what left and is due soon again where it was.
        cases = self._reading.each_case(
            (key for _, key in wanted),
            lambda case: case.due_at is not None and case.due_at <= now,
            limit,
            # What a newer version wrote is that version's to move on, and must not hold up everybody's.
            skip_unreadable=True,
        )
        return list(islice(cases if group != "reserved" else _leaving_first(cases, limit), max(limit, 0)))

    def due_records(self, kind: Kind[S], now: datetime, limit: int) -> list[tuple[str, S]]:
        parts = timed_parts(kind.name, self.table.due_parts_now())
        places = self._reading.placed(DUE, parts, Between(high=f"{moment(now)}~"))
        found = list(islice(places, limit))
        items = self.table.each([key for _, key in found])
        records = [(sort.split("#")[1], record_of(items[key])) for sort, key in found if key in items]
        # The index may be behind.
        return [(tenant, cast(S, each)) for tenant, each in records if (at := due_at(each)) and at <= now]

    def drop_due(self, kind: Kind[Any], now: datetime, limit: int) -> int:
        parts = timed_parts(kind.name, self.table.due_parts_now())
        places = self._reading.placed(DUE, parts, Between(high=f"{moment(now)}~"))
        found = islice(places, min(limit, MOST_DROPPED))
        keys = [Key(kind, sort.split("#")[1], id) for sort, (_, id) in found]
        answers = self.transact([DropIfDue(key, now).unit() for key in keys])
        return sum(answer is True for answer in answers)

    # EventBridge and Step Functions carry approvals to what executes them: this store is nobody's queue.

    def claim(
        self,
        wanted: Claim,  # noqa: ARG002 - the port's own
        unit_for: Callable[[Case], UnitOfWork[T]],  # noqa: ARG002
    ) -> list[T | RemitError]:
        """Nothing: no case is queued in DynamoDB."""
        return []

    def has_queued(self, wanted: Claim) -> bool:  # noqa: ARG002 - the port's own
        """False: see `claim`."""
        return False

    def watch(self, queued: Callable[[], None]) -> AbstractContextManager[None]:  # noqa: ARG002 - the port's own
        """Nothing to tell: see `claim`."""
        return nullcontext()

    def busy(self, runnable: Runnable | None = None) -> bool:  # noqa: ARG002 - nothing is queued: see `claim`
        number = self.table.due_parts_now()
        parts = [*due_parts("reserved", number), *due_parts("moving", number)]
        return any(self._reading.at_once(lambda part: self._reading.anything(part, DUE), parts))

    def waiting(self, tenant_id: str, account_id: str | None, after: str | None, limit: int) -> list[Case]:
        def holds(case: Case) -> bool:
            return case.status in WAITING and account_id in (None, case.account_id)

        start = Between(low=None if after is None else cursor_place(after))
        matching = equal(account_id=account_id)
        places = self._reading.listed(QUEUE, [queue_partition(tenant_id)], start, matching=matching)
        return self._reading.cases(places, holds, limit)

    def oldest_waiting(self, tenant_id: str) -> datetime | None:
        places = self._reading.placed(BY_STATUS, case_partitions(tenant_id, sorted(WAITING)), Between())
        first = next(places, None)
        return None if first is None else instant_of(first[0].partition("#")[0])

    def queue_lines(
        self,
        tenant_id: str,
        proposed_by: str | None,
        after: Mapping[str, QueuePlace],
        limit: int,
        assigned_to: Sequence[str] | None = None,
    ) -> list[QueueLine]:
        if assigned_to is not None:
            # Whose they are stands in the cases alone.
            every = self.waiting(tenant_id, None, None, _EVERY)
            return first_of_each(
                (queue_line(case) for case in every if holder_of(case) in assigned_to), proposed_by, after, limit
            )
        # No index leads to proposers: this reads the queue's own from end to end, which is small a case.
        entries = self._reading.held(QUEUE, queue_partition(tenant_id))
        return first_of_each(map(line_of, entries), proposed_by, after, limit)

    def waiting_counts(
        self,
        tenant_id: str,
        kinds: Sequence[CountKind],
        people: Sequence[str] = (ANYBODY,),
        voters: Sequence[str] = (ANYBODY,),
    ) -> Counter[WaitingCount]:
        statuses = sorted(WAITING)
        if {*people, *voters} != {ANYBODY}:
            # Who approved it and whose it is stand in the cases alone.
            return counts_of(self.waiting(tenant_id, None, None, _EVERY), kinds, people, voters)
        if list(kinds) == ["status"]:
            found = self.counts(tenant_id, statuses)
            return Counter({WaitingCount(ANYBODY, ANYBODY, "status", status): n for status, n in found.items()})
        return Counter(
            count
            for status in statuses
            for entry in self._reading.held(BY_STATUS, status_partition(tenant_id, status))
            for count in counts_in(entry, kinds)
        )

    def recount(self, tenant_id: str) -> int:  # noqa: ARG002 - the port's own
        """Nothing is kept: a counter would be an item that every decision of a tenant that asks writes."""
        return 0

    def unanswered(self, tenant_id: str, proposed_by: str) -> int:
        matching = equal(proposed_by=proposed_by)
        partitions_ = case_partitions(tenant_id, sorted(UNANSWERED))
        return sum(self._reading.at_once(lambda part: self._reading.count(BY_STATUS, part, matching), partitions_))

    def cases(self, tenant_id: str, which: CaseFilter, after: str | None, limit: int) -> list[Case]:
        places = self._reading.listed(
            BY_STATUS,
            case_partitions(tenant_id, which.statuses),
            created(which, after),
            backwards=True,
            matching=equal(account_id=which.account_id, action_type=which.action_type, reason=which.reason),
        )
        return self._reading.cases(places, which.matches, limit)

    def chain(self, tenant_id: str, action_intent_id: str | None) -> list[LedgerEntry]:
        items = self._reading.whole(*chain_key(tenant_id, action_intent_id))
        return [entry for item in items for entry in entries_of(item)]

    def recent(
        self, tenant_id: str, event_types: Sequence[str], account_id: str | None, after: str | None, limit: int
    ) -> list[LedgerEntry]:
        start = None if after is None else cursor_of(after)
        if not event_types:
            return []

        def holds(entry: LedgerEntry) -> bool:
            of_account = account_id in (None, entry.account_id)
            return entry.event_type in event_types and of_account and (start is None or by_time(entry) < start)

        # Of the cursor's own moment all of them: one that begins before it may hold what comes after it.
        between = Between(high=None if start is None else f"{moment(start[0])}~")
        matching = holding("event_types", event_types, equal(account_id=account_id))
        places = self._reading.listed(BY_TIME, time_partitions(tenant_id), between, backwards=True, matching=matching)
        return self._reading.entries(places, holds, limit)

    def ledger_after(self, tenant_id: str, event_types: Sequence[str], after: str, limit: int) -> LedgerPage:
        return self._feed.after(tenant_id, event_types, after, limit)

    def ledger_position(self, tenant_id: str, since: datetime | None = None) -> str:  # noqa: ARG002 - the port's own
        now = moment_after(self._versions.now(), -self._settle_s)
        if since is None:
            return now
        # Written at about its time, and by a day earlier at most by a clock that is ahead.
        since_us = (since - _EPOCH) // _MICROSECOND
        return moment_after(min(f"{max(since_us, 0):016d}", now), -_DAY_S)

    def reader_page(self, tenant_id: str, event_types: Sequence[str], after: str, limit: int) -> ReaderPage | None:
        return self._feed.reader_page(tenant_id, event_types, after, limit)

    def reader_position(self, tenant_id: str, since: datetime | None = None) -> str:
        return self._feed.reader_position(tenant_id, self.ledger_position(tenant_id, since) if since else None)

    def tenants_after(self, after: str, limit: int) -> ChangedTenants:  # noqa: ARG002 - the port's own
        return self._feed.tenants_after(after)

    def export(self, tenant_id: str) -> Iterator[LedgerEntry]:
        as_of = self._versions.now()
        time.sleep(self._settle_s)
        parts = [self._reading.whole(part) for part in partitions(LEDGER, tenant_id)]
        for item in heapq.merge(*parts, key=_sort_key):
            # What was written later may build on what this export has passed already.
            if moment_of(version_of(item)) <= as_of:
                yield from entries_of(item)

    def counts(self, tenant_id: str, statuses: Sequence[Status] | None = None) -> dict[str, int]:
        wanted = case_partitions(tenant_id, statuses)
        found = self._reading.at_once(lambda status: self._reading.count(BY_STATUS, status), wanted)
        return {status.rpartition("#")[2]: n for status, n in zip(wanted, found, strict=True) if n}

    def begun_at_issuer(self, kind: Kind[S], logout: IssuerLogout) -> list[tuple[str, S]]:
        if logout.issuer_session is not None:
            index, partition = QUEUE, issuer_partition(kind.name, "session", logout.issuer_session)
        else:
            index, partition = BY_STATUS, issuer_partition(kind.name, "subject", logout.subject or "")
        items = self.table.each(list(self._reading.listed(index, [partition], Between())))
        return logout.ended((place_of(item)[1], cast(S, record_of(item))) for item in items.values())

    def has_tenant(self, tenant_id: str) -> bool:
        return bool(self._with_anything([key_of(i)[1] for i in self.table.each([tenant_key(tenant_id)]).values()]))

    def tenants(self) -> list[str]:
        return self._with_anything([key_of(item)[1] for item in self._reading.whole(TENANTS)])

    def _with_anything(self, names: Sequence[str]) -> list[str]:
        usual = {name: [record_key((kind.name, name, THE_ONE)) for kind in _USUAL] for name in names}
        found = self.table.each([key for keys in usual.values() for key in keys])
        return [name for name in names if any(key in found for key in usual[name]) or self._has_anything(name)]

    def _has_anything(self, tenant_id: str) -> bool:
        """By looking into every partition it could have: for a tenant whose bounds were never set."""
        own_chain, _ = chain_key(tenant_id, None)
        every = [own_chain, *(part for kind in [LEDGER, *KINDS] for part in partitions(kind, tenant_id))]
        return any(map(self._reading.anything, every))

    def close(self) -> None:
        self._reading.close()
        self._on_close()


def _leaving_first(cases: Iterator[Case], limit: int) -> Iterator[Case]:
    """Those that leave, up to the limit, and then what else was met on the way to them."""
    others: list[Case] = []
    left = limit
    for case in cases if limit > 0 else ():
        if case.leaving:
            yield case
            left -= 1
        else:
            others.append(case)
        if not left:
            break
    yield from others


def _sort_key(item: Item) -> str:
    return key_of(item)[1]
