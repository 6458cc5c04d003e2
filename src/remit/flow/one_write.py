"""Two units of work as one: both, one after the other, or neither."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar, cast

from remit.core.ledger.entries import LedgerEntry
from remit.core.ledger.history import IntentHistory
from remit.core.records import (
    CHAIN,
    Key,
)
from remit.core.values import Stored
from remit.ports import (
    Snapshot,
    UnitOfWork,
    Writes,
)

T = TypeVar("T")
S = TypeVar("S")
R = TypeVar("R", bound=Stored | IntentHistory)


class SnapshotAfter:
    """A snapshot as it will be when some writes are done."""

    def __init__(self, snapshot: Snapshot, writes: Writes[Any]) -> None:
        self._snapshot, self._writes = snapshot, writes
        self._put: dict[Key[Any], Any] = dict(writes.puts)

    def get(self, key: Key[R]) -> R | None:
        if key in self._put:
            return cast("R | None", self._put[key])
        found = self._snapshot.get(key)
        return cast("R | None", grown(key, found, self._writes.entries)) if key.kind is CHAIN else found


def grown(key: Key[Any], history: Any, entries: Sequence[LedgerEntry]) -> IntentHistory | None:
    """A chain as it is when `entries` are written too."""
    own = [entry for entry in entries if (entry.tenant_id, entry.action_intent_id) == (key.tenant_id, key.id)]
    known: IntentHistory | None = history
    return known if not own else known.after(own) if known else IntentHistory(own)


def in_one_write(first: UnitOfWork[S], second: UnitOfWork[T]) -> UnitOfWork[tuple[S, T]]:
    """
    Both, one after the other, or neither: `second` sees what `first` wrote. Answers both answers.

    What `first` refuses, `second` is not asked about. Neither may delete, and `first` names no further keys.
    """
    return InOneWrite(first, second).unit()


class InOneWrite(Generic[S, T]):
    """Two units, of which the second is asked about what it will see when the first is done."""

    def __init__(self, first: UnitOfWork[S], second: UnitOfWork[T]) -> None:
        self.first, self.second = first, second
        self._last: tuple[list[Stored | None], Writes[S]] | None = None

    def unit(self) -> UnitOfWork[tuple[S, T]]:
        first, second = self.first, self.second
        reads = [*dict.fromkeys([*first.reads, *second.reads])]
        may_lag = [*first.may_lag, *second.may_lag]
        return UnitOfWork(reads, self.decide, self.then_reads, new=first.new, may_lag=may_lag)

    def then_reads(self, snapshot: Snapshot) -> Sequence[Key[Any]]:
        after = SnapshotAfter(snapshot, self._first_writes(snapshot))
        return self.second.then_reads(after) if self.second.then_reads else ()

    def decide(self, snapshot: Snapshot) -> Writes[tuple[S, T]]:
        before = self._first_writes(snapshot)
        then = self.second.decide(SnapshotAfter(snapshot, before))
        return Writes(
            answer=(before.answer, then.answer),
            puts=[*before.puts, *then.puts],
            entries=[*before.entries, *then.entries],
        )

    def _first_writes(self, snapshot: Snapshot) -> Writes[S]:
        """Worked out again only when it is shown other records than the last time."""
        seen = [snapshot.get(key) for key in self.first.reads]
        if self._last is None or any(now is not then for now, then in zip(seen, self._last[0], strict=True)):
            self._last = seen, self.first.decide(snapshot)
        return self._last[1]
