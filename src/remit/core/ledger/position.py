"""
How far somebody has followed a tenant's ledger, so that what follows is neither lost nor repeated.

Entries are ordered by their time, and one may be committed a little later than another with a later time:
"everything up to this entry" is not a place to go on from. A bookmark says: everything up to a place, and
beyond it just these.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple, Self

from remit.core.canonical import sha256_hex
from remit.core.errors import InvalidInput
from remit.core.ledger.entries import LedgerEntry
from remit.core.values import Record, instant, parse_moment

OVERLAP = timedelta(seconds=10)
"""How late an entry may be committed, after its own time, and still reach those who follow."""
LATEST = timedelta(seconds=60)
"""The same for those who count and tell: longer than any store goes on trying to write one."""
MOST_MARKS = 200
"""How many entries beyond the place a bookmark's text names; of more, the older count as the place."""
FOLLOWERS_MARKS = 1000
"""The same for a `LedgerConsumer`, which is stored and not sent with every request."""
_MARK = 12


class LedgerPosition(NamedTuple):
    """A place in the order of a tenant's entries: after that of its time and id, before the next."""

    at: datetime
    entry_id: str

    @classmethod
    def of(cls, entry: LedgerEntry) -> Self:
        return cls(datetime.fromisoformat(entry.at), entry.entry_id)

    def cursor(self) -> str:
        """As `Store.recent` takes it."""
        return f"{instant(self.at)}|{self.entry_id}"


@dataclass(slots=True)
class LedgerCursor:
    """Everything up to `place`, and beyond it what it was told of with `passed`. Belongs to one reader."""

    place: LedgerPosition
    # In order, each with whether the reader got it: the rest is skipped the same way by whoever goes on from here.
    _beyond: list[tuple[LedgerPosition, bool]] = field(default_factory=list)
    _marks: set[str] = field(default_factory=set)
    # Named by the text this bookmark was read from, and not met again yet.
    _unmet: set[str] = field(default_factory=set)
    most: int = MOST_MARKS

    @classmethod
    def at(cls, moment: datetime) -> Self:
        """Everything before `moment`."""
        return cls(LedgerPosition(moment, ""))

    @classmethod
    def parse(cls, text: str, *, most: int = MOST_MARKS) -> Self:
        """
        What `text` wrote; also the plain cursor of an entry, for everything up to it. It names `most` entries.

        Raises `InvalidInput`.
        """
        moment, bar, rest = text.partition("|")
        entry_id, _, marks = rest.partition("|")
        try:
            if not bar:
                raise ValueError
            place = LedgerPosition(parse_moment(moment), entry_id)
        except ValueError:
            problem = f"{text[:100]!r} is not the id of an event of this stream"
            raise InvalidInput("Last-Event-ID", problem, "send the last one received, or none") from None
        named = {mark for mark in marks.split(",")[:most] if mark}
        return cls(place, [], set(named), set(named), most)

    def text(self) -> str:
        """Less than 3 kB of ASCII, without a line break, unless it may name more than `MOST_MARKS`."""
        got = [place for place, told in self._beyond if told]
        older, newest = got[: -self.most], got[-self.most :]
        place = max(self.place, older[-1]) if older else self.place
        marks = [*(_mark(each) for each in newest), *sorted(self._unmet)][: self.most]
        return "|".join([place.cursor(), ",".join(marks)]) if marks else place.cursor()

    def has(self, place: LedgerPosition) -> bool:
        return place <= self.place or _mark(place) in self._marks

    def passed(self, place: LedgerPosition, *, told: bool = True) -> None:
        """The entry there was told, now or before; or it is one of those that are never told."""
        mark = _mark(place)
        if mark not in self._marks or mark in self._unmet:
            self._unmet.discard(mark)
            self._marks.add(mark)
            insort(self._beyond, (place, told))

    def settle(self, moment: datetime) -> None:
        """Everything before `moment` was passed, and nothing more is expected there."""
        place = LedgerPosition(moment, "")
        if place <= self.place:
            return
        settled = bisect_left(self._beyond, (place, False))
        self._marks.difference_update(_mark(each) for each, _ in self._beyond[:settled])
        self.place, self._beyond = place, self._beyond[settled:]


class LedgerConsumer(Record, frozen=True):
    """How far Remit itself has followed a tenant's ledger: a bookmark's text, and how much time it reads at once."""

    bookmark: str
    stretch_s: float

    @classmethod
    def starting(cls, moment: datetime) -> Self:
        """One that has followed everything before `moment`."""
        return cls(bookmark=LedgerCursor.at(moment).text(), stretch_s=_FIRST_STRETCH_S)


_FIRST_STRETCH_S = 24 * 60 * 60.0


def _mark(place: LedgerPosition) -> str:
    return sha256_hex(place.entry_id.encode())[:_MARK]
