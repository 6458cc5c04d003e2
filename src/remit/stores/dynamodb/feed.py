"""
The ledger in the order of its versions: which tenants have something new, and what.

A version tells when the service's clock took something in, so a machine's clock is no matter. It may turn up a little
late: its writer was slow, or the index is behind. So a position is everything up to a version, and beyond it marks of
the segments that were met; what is older than any that may still turn up needs none.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Container
from typing import Self

from msgspec import Struct
from msgspec.structs import replace

from remit.core.canonical import sha256_hex
from remit.core.ledger.entries import LedgerEntry
from remit.ports import ChangedTenants, LedgerPage, ReaderPage
from remit.stores.dynamodb.items import entries_of
from remit.stores.dynamodb.layout import ItemKey, changed_parts, time_partitions
from remit.stores.dynamodb.reading import Between, TableReading
from remit.stores.dynamodb.table import BY_VERSION, DUE
from remit.stores.dynamodb.table_format import FormattedTable
from remit.stores.dynamodb.versions import Versions, moment_after
from remit.stores.units import after_each

LATEST_S = 60
"""So late what was written may turn up, and no later."""
MARKED_EVERY_S = 30
"""How long the mark that a tenant's ledger changes stands for further changes by the same process."""
MOST_MARKS = 1000
MOST_TOLD = 100
"""Of segments in a page for a reader: with the marks of so many more, its position still fits into a header."""
_MARK = 12
_MARK_BYTES = _MARK // 2
_TOLD = "v"
"""What a position begins with that a reader is told."""


class _Position(Struct, frozen=True):
    """Everything up to the version `low`, and beyond it these."""

    low: str
    marks: frozenset[str]
    within: str = ""
    passed: int = 0
    """Of the segment with the mark `within`, so many entries were met."""

    @classmethod
    def parse(cls, text: str) -> Self:
        low, _, marks = text.partition("|")
        return cls(low, frozenset(filter(None, marks.split(","))))

    def text(self) -> str:
        return f"{self.low}|{','.join(sorted(self.marks))}"

    @classmethod
    def told(cls, text: str) -> Self | None:
        """The position that `telling` wrote; `None` for any other text."""
        try:
            name, low, marks, rest = text.split("~")
            packed = base64.urlsafe_b64decode(marks)
            within, _, passed = rest.partition(".")
            known = frozenset(packed[n : n + _MARK_BYTES].hex() for n in range(0, len(packed), _MARK_BYTES))
            return cls(low, known, within, int(passed or 0)) if name == _TOLD else None
        except ValueError:
            return None

    def telling(self) -> str:
        """Less than 8 KiB of ASCII. It speaks of nobody's segments but the reader's own."""
        marks = base64.urlsafe_b64encode(bytes.fromhex("".join(sorted(self.marks)))).decode()
        return f"{_TOLD}~{self.low}~{marks}~{f'{self.within}.{self.passed}' if self.within else ''}"

    def having_met(self, mark: str) -> Self:
        met = replace(self, marks=self.marks | {mark})
        return replace(met, within="", passed=0) if mark == self.within else met

    def still_within(self, start: Self) -> Self:
        """As `start` within a segment, unless that was met meanwhile."""
        return self if start.within in self.marks else replace(self, within=start.within, passed=start.passed)


class _Found(Struct, frozen=True):
    version: str
    key: ItemKey

    @property
    def mark(self) -> str:
        return sha256_hex(f"{self.version}#{self.key[1]}".encode())[:_MARK]


class Feed:
    """Safe to share between threads."""

    def __init__(self, table: FormattedTable, reading: TableReading, versions: Versions) -> None:
        self._table, self._reading, self._versions = table, reading, versions

    def after(self, tenant_id: str, event_types: Container[str], after: str, limit: int) -> LedgerPage:
        """As `Store.ledger_after`. Where more is new than a position can mark, only what has settled."""
        taken, behind = self._next(tenant_id, _Position.parse(after), limit, MOST_MARKS)
        entries = after_each(self._segments(taken), "", event_types)
        return LedgerPage(entries, behind.text(), len(taken) >= limit)

    def reader_page(self, tenant_id: str, event_types: Container[str], after: str, limit: int) -> ReaderPage | None:
        """As `Store.reader_page`."""
        start, limit = _Position.told(after), min(limit, MOST_TOLD)
        if start is None:
            return None
        taken, behind = self._next(tenant_id, start, limit, MOST_MARKS - MOST_TOLD)
        # One that was left half told is told to its end first.
        taken.sort(key=lambda each: each.mark != start.within)
        entries: list[tuple[LedgerEntry, str]] = []
        told: list[str] = []
        at = start
        for (version, held), segment in zip(self._segments(taken), taken, strict=True):
            passed = start.passed if segment.mark == start.within else 0
            entries += after_each([(version, held)], f"#{passed}", event_types)
            told += _told_within(at, segment, held, passed, event_types)
            at = at.having_met(segment.mark)
        page = LedgerPage(entries, behind.text(), len(taken) >= limit)
        return ReaderPage(page, told, behind.still_within(start).telling())

    def reader_position(self, tenant_id: str, since: str | None = None) -> str:
        """As `Store.reader_position`, `since` a moment of a version."""
        if since is not None:
            return _Position(since, frozenset()).telling()
        start = _Position(self._versions.before_s(LATEST_S), frozenset())
        met = self._found(tenant_id, start, None)
        # Of more than can be marked, the older ones count as the place.
        older, marked = met[: -(MOST_MARKS - MOST_TOLD)], met[-(MOST_MARKS - MOST_TOLD) :]
        low = older[-1].version if older else start.low
        return _Position(low, frozenset(each.mark for each in marked)).telling()

    def _next(self, tenant_id: str, start: _Position, limit: int, most_marks: int) -> tuple[list[_Found], _Position]:
        settled = self._versions.before_s(LATEST_S)
        found = self._found(tenant_id, start, limit)
        taken = [each for each in found if each.mark not in start.marks][:limit]
        behind = _behind(start, found, taken, settled)
        if len(behind.marks) > most_marks:
            taken = [each for each in taken if each.version <= settled]
            behind = _behind(start, found, taken, settled)
        return taken, behind

    def _found(self, tenant_id: str, start: _Position, limit: int | None) -> list[_Found]:
        """All that is beyond the position, in order, up to one more than `limit` of what it has not marked."""
        between = Between(low=start.low or None)
        found: list[_Found] = []
        new = 0
        for version, key in self._reading.placed(BY_VERSION, time_partitions(tenant_id), between):
            found.append(_Found(version, key))
            new += found[-1].mark not in start.marks
            if limit is not None and new > limit:
                break
        return found

    def _segments(self, taken: list[_Found]) -> list[tuple[str, list[LedgerEntry]]]:
        items = self._table.each([each.key for each in taken])
        # The index says what is there; the table may not have lost it.
        return [(each.version, entries_of(items[each.key])) for each in taken]

    def tenants_after(self, after: str) -> ChangedTenants:
        """As `Store.tenants_after`: those whose marks may stand for something behind the position."""
        now = self._versions.now()
        low = moment_after(after.partition("|")[0], -(LATEST_S + MARKED_EVERY_S)) if after else None
        parts = changed_parts(self._table.due_parts_now())
        places = self._reading.placed(DUE, parts, Between(low=low))
        names = dict.fromkeys(sort.partition("#")[2] for sort, _ in places)
        return ChangedTenants(list(names), now, more=False)


def _behind(start: _Position, found: list[_Found], taken: list[_Found], settled: str) -> _Position:
    """The position behind what was met before and now: up to what is left out, or to what has settled."""
    met = start.marks | {each.mark for each in taken}
    left = next((each.version for each in found if each.mark not in met), None)
    passed = [each.version for each in found if left is None or each.version < left]
    low = settled if left is None else min(max(passed, default=start.low), settled)
    low = max(low, start.low)
    # Of what was met before and lies beyond what was looked at now, nothing may be forgotten.
    unseen = start.marks - {each.mark for each in found} if left is not None else frozenset()
    return _Position(low, unseen | {each.mark for each in found if each.version > low and each.mark in met})


def _told_within(
    at: _Position, segment: _Found, held: list[LedgerEntry], passed: int, event_types: Container[str]
) -> list[str]:
    """The positions behind the entries of one segment that are told, `at` being that before it."""
    found = []
    for number, entry in enumerate(held, 1):
        if number > passed and entry.event_type in event_types:
            whole = number == len(held)
            found.append(
                (at.having_met(segment.mark) if whole else replace(at, within=segment.mark, passed=number)).telling()
            )
    return found


Clock = Callable[[], float]


class ChangeMarks:
    """The tenants whose changes this process has marked a moment ago. For the one who writes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._marked: dict[str, float] = {}

    def missing(self, tenants: set[str]) -> list[str]:
        now = self._clock()
        return sorted(name for name in tenants if now - self._marked.get(name, -MARKED_EVERY_S) >= MARKED_EVERY_S)

    def note(self, tenants: list[str], sent_at: float) -> None:
        self._marked |= dict.fromkeys(tenants, sent_at)
