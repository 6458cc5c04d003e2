"""
The ledger in the order of its versions: which tenants have something new, and what.

A version tells when the service's clock took something in, so a machine's clock is no matter. It may turn up a little
late: its writer was slow, or the index is behind. So a position is everything up to a version, and beyond it marks of
the segments that were met; what is older than any that may still turn up needs none.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import Self

from remit.core.canonical import sha256_hex
from remit.core.ledger.entries import LedgerEntry
from remit.ports import ChangedTenants, LedgerPage
from remit.stores.dynamodb.client import Table
from remit.stores.dynamodb.items import entries_of
from remit.stores.dynamodb.layout import CHANGED_PARTS, ItemKey, time_partitions
from remit.stores.dynamodb.reading import Between, TableReading
from remit.stores.dynamodb.table import BY_VERSION, DUE
from remit.stores.dynamodb.versions import Versions, moment_after
from remit.stores.units import after_each

LATEST_S = 60
"""So late what was written may turn up, and no later."""
MARKED_EVERY_S = 30
"""How long the mark that a tenant's ledger changes stands for further changes by the same process."""
MOST_MARKS = 1000
_MARK = 12


@dataclass(frozen=True, slots=True)
class _Position:
    """Everything up to the version `low`, and beyond it these."""

    low: str
    marks: frozenset[str]

    @classmethod
    def parse(cls, text: str) -> Self:
        low, _, marks = text.partition("|")
        return cls(low, frozenset(filter(None, marks.split(","))))

    def text(self) -> str:
        return f"{self.low}|{','.join(sorted(self.marks))}"


@dataclass(frozen=True, slots=True)
class _Found:
    version: str
    key: ItemKey

    @property
    def mark(self) -> str:
        return sha256_hex(f"{self.version}#{self.key[1]}".encode())[:_MARK]


class Feed:
    """Safe to share between threads."""

    def __init__(self, table: Table, reading: TableReading, versions: Versions) -> None:
        self._table, self._reading, self._versions = table, reading, versions

    def after(self, tenant_id: str, event_types: Container[str], after: str, limit: int) -> LedgerPage:
        """As `Store.ledger_after`. Where more is new than a position can mark, only what has settled."""
        start, settled = _Position.parse(after), self._versions.before_s(LATEST_S)
        found = self._found(tenant_id, start, limit)
        taken = [each for each in found if each.mark not in start.marks][:limit]
        behind = _behind(start, found, taken, settled)
        if len(behind.marks) > MOST_MARKS:
            taken = [each for each in taken if each.version <= settled]
            behind = _behind(start, found, taken, settled)
        return LedgerPage(self._entries(taken, event_types), behind.text(), len(taken) >= limit)

    def _found(self, tenant_id: str, start: _Position, limit: int) -> list[_Found]:
        """All that is beyond the position, in order, and one more than is wanted of what it has not marked."""
        between = Between(low=start.low or None)
        found: list[_Found] = []
        new = 0
        for version, key in self._reading.placed(BY_VERSION, time_partitions(tenant_id), between):
            found.append(_Found(version, key))
            new += found[-1].mark not in start.marks
            if new > limit:
                break
        return found

    def _entries(self, taken: list[_Found], event_types: Container[str]) -> list[tuple[LedgerEntry, str]]:
        items = self._table.each([each.key for each in taken])
        # The index says what is there; the table may not have lost it.
        return after_each(((each.version, entries_of(items[each.key])) for each in taken), "", event_types)

    def tenants_after(self, after: str) -> ChangedTenants:
        """As `Store.tenants_after`: those whose marks may stand for something behind the position."""
        now = self._versions.now()
        low = moment_after(after.partition("|")[0], -(LATEST_S + MARKED_EVERY_S)) if after else None
        places = self._reading.placed(DUE, CHANGED_PARTS, Between(low=low))
        names = dict.fromkeys(sort.partition("#")[2] for sort, _ in places)
        return ChangedTenants(list(names), now, more=False)


def _behind(start: _Position, found: list[_Found], taken: list[_Found], settled: str) -> _Position:
    """The position behind what was met before and now: up to what is left out, or to what has settled."""
    met = start.marks | {each.mark for each in taken}
    left = next((each.version for each in found if each.mark not in met), None)
    passed = [each.version for each in found if left is None or each.version < left]
    low = settled if left is None else min(max(passed, default=start.low), settled)
    low = max(low, start.low)
    return _Position(low, frozenset(each.mark for each in found if each.version > low and each.mark in met))


Clock = Callable[[], float]


class ChangeMarks:
    """Which tenants' changes this process has marked a moment ago. For the one who writes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._marked: dict[str, float] = {}

    def missing(self, tenants: set[str]) -> list[str]:
        now = self._clock()
        return sorted(name for name in tenants if now - self._marked.get(name, -MARKED_EVERY_S) >= MARKED_EVERY_S)

    def note(self, tenants: list[str], sent_at: float) -> None:
        self._marked |= dict.fromkeys(tenants, sent_at)
