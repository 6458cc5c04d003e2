"""Units of work: what a write reads, the pure change that it is, and lists of them with their order and errors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, Protocol, TypeVar, cast

import msgspec

from remit.core.errors import RemitError
from remit.core.ledger.entries import LedgerEntry
from remit.core.ledger.history import IntentHistory
from remit.core.records import Key
from remit.core.values import Stored

T = TypeVar("T")
Q = TypeVar("Q")
A = TypeVar("A")
D = TypeVar("D")
T_co = TypeVar("T_co", covariant=True)
R = TypeVar("R", bound=Stored | IntentHistory)
S = TypeVar("S", bound=Stored)


class Snapshot(Protocol):
    """The records a unit named, as they are at one moment."""

    def get(self, key: Key[R]) -> R | None: ...


class Writes(msgspec.Struct, Generic[T_co]):
    """
    The writes that one unit wants, all or nothing, and what to answer when it is.

    `entries` are the next ones of their chains; who appends to an intent's chain writes its case with them.
    """

    answer: T_co
    puts: list[tuple[Key[Any], Stored]] = []
    deletes: list[Key[Any]] = []
    entries: list[LedgerEntry] = []

    def put(self, key: Key[S], record: S) -> None:
        self.puts.append((key, record))


class UnitOfWork(msgspec.Struct, Generic[T_co], frozen=True):
    """
    One atomic change.

    `reads` are read first; `then_reads` may name further ones after seeing those; `decide` is shown all of
    them and answers what to write. Both are pure: they may be called again, and a `RemitError` that
    `decide` raises becomes this unit's answer, with nothing written for it. `then_reads` may also be asked
    ahead, with a snapshot in which hardly anything is known, for what is worth reading along.

    An `optimistic` unit writes every record it names if it writes at all. Where a request is dear, it may be
    shown what this process last saw of them instead of what is stored: its writes are conditioned on that.

    `may_lag` are keys of which it may be shown what was true a moment ago, a second at most, but never less than what
    this process wrote: where everybody reads a record, reading it each time is what holds all of them up.

    `new` are keys of records that the unit makes under ids made for it: nothing can be there, so a store need not look.

    A store may bound what one unit writes: DynamoDB takes 100 records and entries together, and 4 MB.
    """

    reads: Sequence[Key[Any]]
    decide: Callable[[Snapshot], Writes[T_co]]
    then_reads: Callable[[Snapshot], Sequence[Key[Any]]] | None = None
    optimistic: bool = False
    new: Sequence[Key[Any]] = ()
    may_lag: Sequence[Key[Any]] = ()


def as_answer(error: RemitError) -> RemitError:
    """
    The error as one that is answered, not raised: without the frames that it came through.

    They hold what it was raised over, often the error itself: thousands of refusals were rings that only the garbage
    collector undoes, while everybody waits.
    """
    return error.with_traceback(None)


def answer_of(answers: Sequence[T | RemitError]) -> T:
    """The answer of the only unit. Raises it if it is an error."""
    (answer,) = answers
    if isinstance(answer, RemitError):
        raise answer
    return answer


def in_order(items: Sequence[Q | D], settled: type[D], carry_out: Callable[[list[Q]], Iterable[A]]) -> list[A | D]:
    """
    The answers of a list, in its order: what is `settled` already, an error say, stands for itself, and everything
    else is carried out in one go.

    `carry_out` answers each item that it is given, in order; an error among its answers holds no other back.
    """
    # A type checker cannot leave out a type that it knows by its variable alone.
    asked = cast("list[Q]", [item for item in items if not isinstance(item, settled)])
    answers = iter(carry_out(asked))
    return [item if isinstance(item, settled) else next(answers) for item in items]


def attempt(step: Callable[[], T]) -> T | RemitError:
    """The answer of a step, or its error as an answer: what is wrong with one item of a list holds no other back."""
    try:
        return step()
    except RemitError as error:
        return as_answer(error)


def needed(unit: UnitOfWork[Any], snapshot: Snapshot) -> Iterable[Key[Any]]:
    """The keys that `unit` names after it has seen its first."""
    return unit.then_reads(snapshot) if unit.then_reads else ()
