"""
The one who writes: what waits is read at once, decided in memory, and written in as few transactions as hold it.

A transaction that lost a race is decided anew; one that was in the way of another is sent again; and where an
answer was lost, what was written tells whether it was done.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from typing import Any

from msgspec import Struct, field

from remit.core.errors import OutcomeUnknown, RemitError, TryLater
from remit.stores.dynamodb.batch import DynamoBatch, Effect
from remit.stores.dynamodb.bounds import PartsWriter
from remit.stores.dynamodb.client import TRIES, pause
from remit.stores.dynamodb.faults import CONDITION_FAILED, ServiceFault, fault_of, ours, reasons_of
from remit.stores.dynamodb.feed import ChangeMarks
from remit.stores.dynamodb.lookup import RecordReader
from remit.stores.dynamodb.migration_mark import MigrationMark
from remit.stores.dynamodb.record_cache import NOTHING, RecordCache, Versioned
from remit.stores.dynamodb.table_format import FormattedTable
from remit.stores.dynamodb.transaction import Transaction
from remit.stores.dynamodb.versions import Versions
from remit.stores.group_commit import PendingCall
from remit.stores.units import FailsAll

LONGEST_S = 30.0
"""How long one call goes on trying; a request that is under way then is waited for."""


class _Stale(Exception):
    """Somebody else changed what was read. `hopeless` if looking again will not help."""

    def __init__(self, said: str, *, hopeless: bool = False) -> None:
        super().__init__(said)
        self.hopeless = hopeless


class _Progress(Struct):
    """One caller's units: those that are settled have an answer."""

    call: PendingCall
    answers: dict[int, Any] = field(default_factory=dict)
    failures: list[RemitError] = field(default_factory=list)

    def left(self) -> list[int]:
        return [number for number in range(len(self.call.units)) if number not in self.answers]

    def fail(self, number: int, error: RemitError) -> None:
        self.answers[number] = error
        self.failures.append(error)

    def settle(self) -> None:
        # If the store failed every unit, the call failed; what one unit raised by itself is its answer.
        if self.failures and len(self.failures) == len(self.call.units):
            self.call.fail(self.failures[0])
        else:
            self.call.answer([self.answers[number] for number in range(len(self.call.units))])


class _Part(Struct):
    """Consecutive units that share a transaction, and what to answer them when it is done."""

    effect: Effect = field(default_factory=Effect)
    answers: list[tuple[_Progress, int, Any]] = field(default_factory=list)

    def takes(self, effect: Effect) -> bool:
        together = Effect()
        together.add(self.effect)
        together.add(effect)
        if self.answers and not together.fits():
            return False
        self.effect = together
        return True

    def done(self) -> None:
        for progress, number, answer in self.answers:
            progress.answers[number] = answer

    def failed(self, error: RemitError) -> None:
        for progress, number, _ in self.answers:
            progress.fail(number, error)


class DynamoWriter:
    """Not for two threads at once: a `GroupCommit` sees to that."""

    def __init__(self, table: FormattedTable, cache: RecordCache, versions: Versions, mark: MigrationMark) -> None:
        self._table, self._cache, self._versions, self._mark = table, cache, versions, mark
        self._parts = PartsWriter(table, versions)
        self._known_tenants: set[str] = set()
        self._marks, self._process = ChangeMarks(time.monotonic), secrets.token_hex(6)

    def carry_out(self, calls: list[PendingCall]) -> None:
        """Settles every call."""
        work = [_Progress(call) for call in calls]
        try:
            self._carry_out(work)
        except BaseException as error:
            # Interrupted: what was on its way may have arrived, and nobody may carry it out again.
            for progress in work:
                if not progress.call.settled:
                    progress.call.fail(OutcomeUnknown(f"interrupted while writing: {error!r}"))
            raise

    def _carry_out(self, work: list[_Progress]) -> None:
        until = time.monotonic() + LONGEST_S
        try:
            alone = sum(len(progress.left()) for progress in work) == 1
            if alone or not self._together(work, until):
                # One of them keeps losing, or cannot be written. Each by itself, so that it fails alone.
                self._one_by_one(work, until)
        except FailsAll as failure:
            for progress in work:
                for number in progress.left():
                    progress.fail(number, failure.answer(failure.text))
        for progress in work:
            if not progress.call.settled:
                progress.settle()

    def _together(self, work: list[_Progress], until: float) -> bool:
        """False if it did not work out for all of them."""
        for attempt in range(TRIES):
            try:
                self._attempt(work, until, trusting=attempt == 0)
                return True
            except _Stale as stale:
                if stale.hopeless and attempt:
                    return False
            except RemitError:
                return False
            self._check(until)
            pause(attempt)
        return False

    def _one_by_one(self, work: list[_Progress], until: float) -> None:
        for progress in work:
            for number in [] if progress.call.settled else progress.left():
                self._alone(progress, number, until)

    def _alone(self, progress: _Progress, number: int, until: float) -> None:
        said = ""
        for attempt in range(TRIES):
            self._check(until)
            try:
                self._attempt([progress], until, trusting=attempt == 0, only=number)
                return
            except _Stale as stale:
                said = str(stale)
                if stale.hopeless and attempt:
                    break
            except RemitError as error:
                progress.fail(number, error)
                return
            pause(attempt)
        progress.fail(number, TryLater(f"DynamoDB table {self._table.name!r}: other writers kept winning: {said}"))

    def _check(self, until: float) -> None:
        if time.monotonic() > until:
            raise FailsAll(TryLater, f"DynamoDB table {self._table.name!r} is held by other writers")

    def _attempt(self, work: list[_Progress], until: float, *, trusting: bool, only: int | None = None) -> None:
        """Decide and write what is left. Raises `_Stale` where that has to be done again, for what is left then."""
        reader = RecordReader(self._table, self._cache, self._known_tenants, self._mark)
        batch = DynamoBatch(reader, self._cache, self._table.due_parts, trusting=trusting)
        open_ones = [progress for progress in work if not progress.call.settled]
        left = [(progress, progress.left() if only is None else [only]) for progress in open_ones]
        batch.gather([progress.call.units[number] for progress, numbers in left for number in numbers])
        for part in _parts(batch, left):
            self._write(part, batch, until)

    def _write(self, part: _Part, batch: DynamoBatch, until: float) -> None:
        if part.effect.writes:
            rests_on = part.effect.looked_at | part.effect.records.keys()
            seen = [batch.loaded[place].version for place in rests_on if place in batch.loaded]
            new = [name for name in part.effect.tenants() if name not in self._known_tenants]
            version = self._versions.next(seen)
            changed = self._marks.missing({tenant_id for tenant_id, _ in part.effect.entries})
            # Before it is sent: so long a mark stands at least.
            sent_at, known_at = time.monotonic(), self._cache.now()
            parts = self._table.due_parts()
            transaction = Transaction(part.effect, batch.loaded, version, new, changed, self._process, parts)
            transaction.build(self._table.name)
            self._parts.put(part.effect.new_parts)
            try:
                # Nothing is left to do if all it deletes is not there.
                if transaction.actions:
                    self._send(transaction, until)
            except OutcomeUnknown as error:
                part.failed(error)
                raise FailsAll(TryLater, f"not tried, for an earlier write's answer was lost: {error}") from error
            except (_Stale, RemitError, FailsAll):
                self._parts.drop(part.effect.new_parts)
                raise
            self._parts.drop(part.effect.gone_parts)
            self._marks.note(changed, sent_at)
            self._note(transaction, batch, known_at)
        part.done()

    def _note(self, transaction: Transaction, batch: DynamoBatch, known_at: float) -> None:
        self._known_tenants.update(transaction.new_tenants)
        for place, record in transaction.effect.records.items():
            named = transaction.segments_after(place)
            seen = NOTHING if record is None else Versioned(record, transaction.version, named)
            batch.loaded[place] = seen
            self._cache.remember(place, seen, known_at)

    def _send(self, transaction: Transaction, until: float) -> None:
        """Until it is done. Raises `_Stale`, `FailsAll`, `OutcomeUnknown`, or what it cannot be written for."""
        lost = False
        for attempt in range(TRIES):
            if attempt:
                pause(attempt - 1)
                transaction.renew(self._table.name, self._versions.next([transaction.version]))
            try:
                return self._table.write(transaction.actions)
            except Exception as error:
                fault, last = fault_of(error), error
            if fault is None:
                raise last
            lost = lost or fault is ServiceFault.LOST
            if lost and self._has_landed(transaction, final=fault in (ServiceFault.CHANGED, ServiceFault.REFUSED)):
                return None
            if fault is ServiceFault.CHANGED:
                raise self._stale(transaction, last)
            if fault is ServiceFault.REFUSED:
                raise ours(last, self._table.name, transaction.names) from last
            if time.monotonic() > until:
                break
        if lost:
            raise OutcomeUnknown(
                f"DynamoDB table {self._table.name!r}: the answer to a write was lost: {last}"
            ) from last
        failure = ours(last, self._table.name, transaction.names)
        raise failure if fault is ServiceFault.BUSY else FailsAll(TryLater, str(failure)) from last

    def _has_landed(self, transaction: Transaction, *, final: bool) -> bool:
        """
        Was it done, after an answer to it was lost? False means that it may be sent again.

        `final` says that it cannot be done any more, so that what is there now is the answer.
        """
        try:
            landed = transaction.landed(self._table.each(transaction.witnesses()))
        except RemitError as error:
            if final:
                raise OutcomeUnknown(f"the answer to a write was lost, and looking failed: {error}") from error
            landed = None
        if landed:
            return True
        if landed is None and (final or not transaction.guarded):
            raise OutcomeUnknown(
                f"DynamoDB table {self._table.name!r}: the answer to a write was lost, and others wrote since"
            )
        return False

    def _stale(self, transaction: Transaction, error: Exception) -> _Stale:
        failed = [n for n, (code, _) in enumerate(reasons_of(error)) if code == CONDITION_FAILED]
        named = ", ".join(transaction.names[n] for n in failed)
        return _Stale(f"{named} changed meanwhile", hopeless=transaction.only_entries(failed))


def _parts(batch: DynamoBatch, left: Sequence[tuple[_Progress, Sequence[int]]]) -> list[_Part]:
    """Everybody's units in order, in as few parts as hold them; who has a bug in a unit has failed, and alone."""
    parts = [_Part()]
    for progress, numbers in left:
        units = [progress.call.units[number] for number in numbers]
        try:
            answers, effects = batch.effects_of(units)
        except (KeyboardInterrupt, SystemExit):
            # Meant for this thread, not for whoever's unit it was busy with.
            raise
        except BaseException as error:
            progress.call.fail(error)
            continue
        for number, answer, effect in zip(numbers, answers, effects, strict=True):
            if not parts[-1].takes(effect):
                parts.append(_Part())
                parts[-1].takes(effect)
            parts[-1].answers.append((progress, number, answer))
    return parts
