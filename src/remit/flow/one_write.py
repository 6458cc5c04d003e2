"""Two units of work as one: both, one after the other, or neither."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

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
    change_first = _once_for_what_it_sees(first)

    def more(snapshot: Snapshot) -> Sequence[Key[Any]]:
        after = SnapshotAfter(snapshot, change_first(snapshot))
        return second.then_reads(after) if second.then_reads else ()

    def change(snapshot: Snapshot) -> Writes[tuple[S, T]]:
        before = change_first(snapshot)
        then = second.decide(SnapshotAfter(snapshot, before))
        return Writes(
            answer=(before.answer, then.answer),
            puts=[*before.puts, *then.puts],
            entries=[*before.entries, *then.entries],
        )

    reads = [*dict.fromkeys([*first.reads, *second.reads])]
    may_lag = [*first.may_lag, *second.may_lag]
    return UnitOfWork(reads=reads, decide=change, then_reads=more, new=first.new, may_lag=may_lag)


def _once_for_what_it_sees(unit: UnitOfWork[T]) -> Callable[[Snapshot], Writes[T]]:
    """The unit's change, worked out again only when it is shown other records than the last time."""
    last: tuple[list[Stored | None], Writes[T]] | None = None

    def change(snapshot: Snapshot) -> Writes[T]:
        nonlocal last
        seen = [snapshot.get(key) for key in unit.reads]
        if last is None or any(now is not then for now, then in zip(seen, last[0], strict=True)):
            last = seen, unit.decide(snapshot)
        return last[1]

    return change
