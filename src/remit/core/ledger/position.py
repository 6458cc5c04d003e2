"""
Positions in a tenant's ledger up to which somebody has followed it, so that what follows is neither lost nor repeated.

Everybody follows by a store's positions; who reads a stream is told them such that they say nothing of other tenants.
A release before that followed by time. Entries are ordered by their time, and one may be committed a little later than
another with a later time, so "everything up to this entry" is not a place to go on from. A bookmark, which readers and
consumers of that time still come with, says: everything up to a place, and beyond it just these.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, Self

from msgspec import Struct, field

from remit.core.canonical import sha256_hex
from remit.core.errors import InvalidInput
from remit.core.ledger.entries import LedgerEntry
from remit.core.values import Record, UtcTime, instant, parse_moment

LATEST = timedelta(seconds=60)
"""How long after a day has ended its last entries may still be on their way."""
MOST_MARKS = 200
"""How many entries beyond the place a bookmark's text names; of more, the older count as the place."""
FOLLOWERS_MARKS = 1000
"""The same for what is stored and not sent with every request."""
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


class LedgerCursor(Struct):
    """Everything up to `place`, and beyond it what it was told of with `passed`. Belongs to one reader."""

    place: LedgerPosition
    # In order, each with whether the reader got it: the rest is skipped the same way by whoever goes on from here.
    _beyond: list[tuple[LedgerPosition, bool]] = field(default_factory=list)
    _marks: set[str] = field(default_factory=set)
    # Named by the text this bookmark was read from, and not met again yet.
    _unmet: set[str] = field(default_factory=set)
    most: int = MOST_MARKS

    @classmethod
    def parse(cls, text: str, *, most: int = MOST_MARKS) -> Self:
        """
        The cursor that `text` wrote; also the plain cursor of an entry, for everything up to it. It names `most`
        entries.

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


class LedgerConsumer(Record, frozen=True):
    """
    The position up to which Remit itself has followed a tenant's ledger: a store's position, which no clock moves.

    `latest_at` is the time of the latest entry that it met. `bookmark` is what a release before positions left here:
    of what is before the position `bookmark_to`, it says what has been met.
    """

    position: str = ""
    latest_at: UtcTime | None = None
    bookmark: str = ""
    bookmark_to: str = ""

    def unmet(self, entries: Sequence[tuple[LedgerEntry, str]]) -> list[LedgerEntry]:
        """Those, each with its position, that no earlier release has met."""
        if not self.bookmark:
            return [entry for entry, _ in entries]
        met = LedgerCursor.parse(self.bookmark, most=FOLLOWERS_MARKS)
        return [
            entry for entry, position in entries if position > self.bookmark_to or not met.has(LedgerPosition.of(entry))
        ]

    def at(self, position: str, entries: Sequence[LedgerEntry]) -> LedgerConsumer:
        """Further on, after it met these; without what an earlier release left once that has no say any more."""
        # What one write did has one moment.
        moments = map(datetime.fromisoformat, {entry.at for entry in entries})
        latest = max([*moments, *([self.latest_at] if self.latest_at else [])], default=None)
        if position < self.bookmark_to:
            return self.changed(position=position, latest_at=latest)
        return LedgerConsumer(position=position, latest_at=latest)


def _mark(place: LedgerPosition) -> str:
    return sha256_hex(place.entry_id.encode())[:_MARK]
