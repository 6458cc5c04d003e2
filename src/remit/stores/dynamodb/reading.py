"""
Lists. An index says where to look and may lag behind; what is handed out is read from the table itself, and
looked at once more.
"""

from __future__ import annotations

import heapq
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import chain, islice
from operator import itemgetter
from typing import Any, TypeVar, cast, get_args

from msgspec import Struct, field

from remit.core.errors import RemitError
from remit.core.ledger.entries import LedgerEntry
from remit.core.lifecycle import Case, Status
from remit.ports import CaseFilter
from remit.stores.dynamodb.client import Table
from remit.stores.dynamodb.items import Item, entries_of, key_of, record_of, status_partition
from remit.stores.dynamodb.layout import ItemKey, cursor_place, moment
from remit.stores.dynamodb.table import PARTITION, SORT, Index
from remit.stores.units import by_time

log = logging.getLogger(__name__)
S = TypeVar("S")
T = TypeVar("T")

_ALL_STATUSES: tuple[Status, ...] = get_args(Status)
_AT_ONCE = 8
_SMALLEST_PAGE = 20
_PAGE = 100


class Between(Struct, frozen=True):
    """The range strictly between two sort keys of an index; `None` is no bound."""

    low: str | None = None
    high: str | None = None

    @property
    def empty(self) -> bool:
        return self.low is not None and self.high is not None and self.low >= self.high

    def condition(self, sort: str) -> tuple[str, dict[str, Any]]:
        """As a key condition. DynamoDB takes both ends in, or neither; `holds` leaves them out again."""
        values = {name: {"S": at} for name, at in ((":low", self.low), (":high", self.high)) if at is not None}
        if len(values) == 2:
            return f"{sort} BETWEEN :low AND :high", values
        return " ".join(f"{sort} {'>' if name == ':low' else '<'} {name}" for name in values), values

    def holds(self, sort: str) -> bool:
        return sort not in (self.low, self.high)


class Filter(Struct, frozen=True):
    """On what an index holds beside its keys."""

    text: str = ""
    values: dict[str, Any] = field(default_factory=dict)

    def parameters(self) -> dict[str, Any]:
        return {"FilterExpression": self.text} if self.text else {}


_EVERYTHING = Filter()


def equal(**wanted: str | None) -> Filter:
    """A condition in which `None` does not matter."""
    given = {name: value for name, value in wanted.items() if value is not None}
    text = " AND ".join(f"{name} = :{name}" for name in given)
    return Filter(text, {f":{name}": {"S": value} for name, value in given.items()})


def holding(name: str, values: Sequence[str], also: Filter) -> Filter:
    """The set `name` holds one of the values at least."""
    given = {f":{name}{number}": {"S": value} for number, value in enumerate(dict.fromkeys(values))}
    text = f"({' OR '.join(f'contains({name}, {value})' for value in given)})"
    return Filter(" AND ".join(filter(None, (text, also.text))), given | also.values)


class TableReading:
    """Safe to share between threads."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="remit-dynamodb")

    def close(self) -> None:
        self._pool.shutdown(wait=False)

    def at_once(self, do: Callable[[S], T], those: Sequence[S]) -> list[T]:
        """The results of each, in order, several at the same time."""
        return list(map(do, those) if len(those) < 2 else self._pool.map(do, those))

    def listed(
        self,
        index: Index,
        partitions: Sequence[str],
        between: Between,
        *,
        backwards: bool = False,
        matching: Filter = _EVERYTHING,
    ) -> Iterator[ItemKey]:
        """The keys of everything that these partitions of an index hold there, in the order of its sort keys."""
        found = self.placed(index, partitions, between, backwards=backwards, matching=matching)
        return (key for _, key in found)

    def placed(
        self,
        index: Index,
        partitions: Sequence[str],
        between: Between,
        *,
        backwards: bool = False,
        matching: Filter = _EVERYTHING,
    ) -> Iterator[tuple[str, ItemKey]]:
        """The keys with their sort keys."""
        if between.empty:
            return iter(())
        condition, values = between.condition(index.sort)
        pages = [
            self._table.query(
                (index.partition, partition),
                condition,
                IndexName=index.name,
                Limit=_PAGE,
                ScanIndexForward=not backwards,
                ExpressionAttributeValues=values | matching.values,
                **matching.parameters(),
            )
            for partition in partitions
        ]
        # The first page of each at the same time; further ones as they are needed.
        begun = self.at_once(_begun, [_places(index, each) for each in pages])
        merged = heapq.merge(*begun, key=itemgetter(0), reverse=backwards)
        return ((sort, key) for sort, key in merged if between.holds(sort))

    def cases(
        self, places: Iterator[ItemKey], holds: Callable[[Case], bool], limit: int, *, skip_unreadable: bool = False
    ) -> list[Case]:
        """
        The first `limit` cases, read now, for which `holds` is still true.

        Raises `RemitError` for one that this version cannot read, unless it is to be left aside.
        """
        return list(islice(self.each_case(places, holds, limit, skip_unreadable=skip_unreadable), max(limit, 0)))

    def each_case(
        self, places: Iterator[ItemKey], holds: Callable[[Case], bool], page: int, *, skip_unreadable: bool = False
    ) -> Iterator[Case]:
        """All of them, about a page at a time."""
        # A case that moves on meanwhile may be met twice.
        new = _unique(places)
        while some := list(islice(new, max(page, _SMALLEST_PAGE))):
            items = self._table.each(some)
            cases = [_case(items[key], skip_unreadable) for key in some if key in items]
            yield from (case for case in cases if case is not None and holds(case))

    def entries(self, places: Iterator[ItemKey], holds: Callable[[LedgerEntry], bool], limit: int) -> list[LedgerEntry]:
        """The newest entries, by their times and ids, of segments that come the newest first."""
        found: list[LedgerEntry] = []
        while some := list(islice(places, max(limit + 1, _SMALLEST_PAGE))):
            items = self._table.each(some)
            read = [entry for key in some if key in items for entry in entries_of(items[key])]
            found += filter(holds, read)
            # Segments of one moment may hold entries that come between each other's.
            oldest = min(map(_moment_of, read))
            if sum(_moment_of(entry) > oldest for entry in found) >= limit:
                break
        return sorted(found, key=by_time, reverse=True)[:limit]

    def whole(self, partition: str, prefix: str = "", page_items: int | None = None) -> Iterator[Item]:
        """
        Every item of a partition of the table itself whose sort key begins with `prefix`, in order; `page_items` at a
        time, or as many as the service gives.
        """
        more: dict[str, Any] = {"ExpressionAttributeValues": {":prefix": {"S": prefix}}} if prefix else {}
        if page_items is not None:
            more["Limit"] = page_items
        condition = f"begins_with({SORT}, :prefix)" if prefix else ""
        for page in self._table.query((PARTITION, partition), condition, ConsistentRead=True, **more):
            yield from page["Items"]

    def anything(self, partition: str, index: Index | None = None) -> bool:
        """Is there anything in this partition of the table, or of an index?"""
        where: dict[str, Any] = {"ConsistentRead": True} if index is None else {"IndexName": index.name}
        pages = self._table.query((index.partition if index else PARTITION, partition), Limit=1, **where)
        return bool(next(pages)["Items"])

    def held(self, index: Index, partition: str) -> Iterator[Item]:
        """The entries of a partition of an index, in the order of its sort keys, as it holds them."""
        pages = self._table.query((index.partition, partition), IndexName=index.name)
        return (item for page in pages for item in page["Items"])

    def count(self, index: Index, partition: str, matching: Filter = _EVERYTHING) -> int:
        pages = self._table.query(
            (index.partition, partition),
            IndexName=index.name,
            Select="COUNT",
            ExpressionAttributeValues=matching.values,
            **matching.parameters(),
        )
        return sum(page["Count"] for page in pages)


def _case(item: Item, skip_unreadable: bool) -> Case | None:
    try:
        return cast(Case, record_of(item))
    except RemitError as error:
        if not skip_unreadable:
            raise
        log.error("left aside %s: %s", key_of(item), error)
        return None


def _moment_of(entry: LedgerEntry) -> datetime:
    return datetime.fromisoformat(entry.at)


def _places(index: Index, pages: Iterator[dict[str, Any]]) -> Iterator[tuple[str, ItemKey]]:
    for page in pages:
        for item in page["Items"]:
            yield item[index.sort]["S"], key_of(item)


def _begun(stream: Iterator[T]) -> Iterator[T]:
    """An iterator whose first page is read."""
    return chain(list(islice(stream, 1)), stream)


def _unique(keys: Iterator[ItemKey]) -> Iterator[ItemKey]:
    met: set[ItemKey] = set()
    for key in keys:
        if key not in met:
            met.add(key)
            yield key


def case_partitions(tenant_id: str, statuses: Sequence[Status] | None) -> list[str]:
    wanted = _ALL_STATUSES if statuses is None else dict.fromkeys(statuses)
    return [status_partition(tenant_id, status) for status in wanted]


def created(which: CaseFilter, after: str | None) -> Between:
    """The range of the sort keys of such cases. A moment alone sorts before everything that happened in it."""
    high = [moment(which.created_before)] if which.created_before else []
    high += [cursor_place(after)] if after is not None else []
    return Between(moment(which.created_from) if which.created_from else None, min(high, default=None))
