"""
The limit on what may wait for one proposer: past it a proposal that a person would have to answer is refused.

Counting at every proposal would cost a request each, and a counter of its own would be one record that every
proposal of an agent writes. So a process remembers a count, adds what it lets in, and counts again when it has let in
an eighth of the room that it saw. In one process that is exact, whatever happens at once. Several processes over one
store see each other's at their counts: up to eight let in no more than the limit and what they have under way when it
is reached, further ones an eighth of it each at the worst.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec
from msgspec import Struct, field

from remit.core.errors import QueueFull
from remit.core.lifecycle import UNANSWERED, Case
from remit.core.records import CASE
from remit.ports import Snapshot, Store, UnitOfWork, Writes

if TYPE_CHECKING:
    from remit.core.proposal import Proposal

T = TypeVar("T")
PARTS_OF_ROOM = 8
FULL_FOR = timedelta(seconds=1)
"""How long a full queue is believed to be full: who is refused and asks on must not have it counted each time."""
MOST_KNOWN = 10_000
Proposer = tuple[str, str]


class _Count(Struct):
    """The number that one proposer has waiting, at most, as this process knows it."""

    lock: Lock = field(default_factory=Lock)
    counted: bool = False
    waiting: int = 0
    under_way: int = 0
    """Let in, and not settled: it may be among what a count finds already, or not."""
    until_next: int = 0
    full_since: datetime | None = None


class QueueLimit:
    """Safe to share between threads. `most` is `None` for no limit."""

    def __init__(self, most: int | None) -> None:
        self.most = most
        self._known: dict[Proposer, _Count] = {}
        self._lock = Lock()

    def take(self, store: Store, proposals: Sequence[Proposal], now: datetime) -> list[QueueFull | None]:
        """Let each in, to be settled; or the error of those that are not to wait."""
        if self.most is None:
            return [None] * len(proposals)
        asked: dict[Proposer, int] = {}
        for each in proposals:
            proposer = each.tenant_id, each.proposed_by
            asked[proposer] = asked.get(proposer, 0) + 1
        room = {proposer: self._take(store, proposer, number, now, self.most) for proposer, number in asked.items()}
        return [None] * len(proposals) if room == asked else _refusals(proposals, room, self.most)

    def settle(
        self, proposals: Sequence[Proposal], refusals: Sequence[QueueFull | None], waits: Sequence[bool]
    ) -> None:
        """`waits` says which of those that were let in may have come to wait."""
        if self.most is None:
            return
        let_in: dict[Proposer, list[bool]] = {}
        for proposal, refused, stayed in zip(proposals, refusals, waits, strict=True):
            if refused is None:
                let_in.setdefault((proposal.tenant_id, proposal.proposed_by), []).append(stayed)
        for proposer, stay in let_in.items():
            count = self._count_of(*proposer)
            with count.lock:
                count.under_way = max(0, count.under_way - len(stay))
                count.waiting -= stay.count(False)

    def answered(self, tenant_id: str | None = None) -> None:
        """Something of this tenant, or of any, may wait no more: what is full is counted again."""
        with self._lock:
            counts = [count for (tenant, _), count in self._known.items() if tenant_id in (None, tenant)]
        for count in counts:
            count.full_since = None

    def _take(self, store: Store, proposer: Proposer, number: int, now: datetime, most: int) -> int:
        """Let in the first of so many of one proposer, and answer how many: as if each had come by itself."""
        count, left = self._count_of(*proposer), number
        with count.lock:
            while left:
                if count.until_next <= 0 and not _is_full(count, now):
                    _count_anew(count, store.unanswered(*proposer), most)
                if count.waiting >= most:
                    count.full_since, count.until_next = count.full_since or now, 0
                    break
                some = min(left, max(count.until_next, 1), most - count.waiting)
                count.waiting, count.under_way = count.waiting + some, count.under_way + some
                count.until_next -= some
                left -= some
        return number - left

    def _count_of(self, tenant_id: str, proposed_by: str) -> _Count:
        key = tenant_id, proposed_by
        if (known := self._known.get(key)) is not None:
            return known
        with self._lock:
            if key not in self._known and len(self._known) >= MOST_KNOWN:
                self._known.clear()
            return self._known.setdefault(key, _Count())


def _refusals(proposals: Sequence[Proposal], room: dict[Proposer, int], most: int) -> list[QueueFull | None]:
    """Of each proposer as many as there is room for go in, in their order."""
    refusals: list[QueueFull | None] = []
    for each in proposals:
        proposer = each.tenant_id, each.proposed_by
        refusals.append(None if room[proposer] else QueueFull(each.proposed_by, most))
        room[proposer] -= room[proposer] > 0
    return refusals


def _is_full(count: _Count, now: datetime) -> bool:
    return count.full_since is not None and abs(now - count.full_since) < FULL_FOR


def _count_anew(count: _Count, found: int, most: int) -> None:
    # Some of what is under way may be among what was found. What was let in since the last count says how much at most:
    # for all that one process does, its own sum is exact.
    most_by_sum = count.waiting if count.counted else found + count.under_way
    count.waiting = max(found, min(most_by_sum, found + count.under_way))
    count.counted, count.full_since = True, None
    count.until_next = max(1, (most - count.waiting) // PARTS_OF_ROOM)


def unless_full(unit: UnitOfWork[T], refused: QueueFull | None) -> UnitOfWork[T]:
    """
    The unit of a proposal; `refused` is raised instead of letting a new one wait.

    What is stored already, runs by itself or takes the place of one that waits goes through.
    """
    return unit if refused is None else msgspec.structs.replace(unit, decide=_RefuseToWait(unit, refused).decide)


class _RefuseToWait(Struct, Generic[T], frozen=True):
    unit: UnitOfWork[T]
    refused: QueueFull

    def decide(self, snapshot: Snapshot) -> Writes[T]:
        writes = self.unit.decide(snapshot)
        if _lets_wait(writes):
            raise self.refused
        return writes


def _lets_wait(writes: Writes[Any]) -> bool:
    kinds = {entry.event_type for entry in writes.entries}
    if "INTENT_PROPOSED" not in kinds or "INTENT_SUPERSEDED" in kinds:
        return False
    cases = {key: record for key, record in writes.puts if key.kind is CASE and isinstance(record, Case)}
    return any(case.status in UNANSWERED for case in cases.values())
