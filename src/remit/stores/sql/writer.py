"""The one who writes: whole batches in one transaction, again after a conflict, never after a lost answer."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

from msgspec import Struct, field

from remit.core.errors import OutcomeUnknown, TryLater
from remit.ports import UnitOfWork
from remit.stores.group_commit import MOST_DECIDING_S, PendingCall
from remit.stores.sql.batch import RowChange, SqlBatch
from remit.stores.sql.dialect import Dialect, DriverFault, NotCommitted, driver_error, raise_ours
from remit.stores.sql.kept import KeptRecords
from remit.stores.sql.loading import loaded
from remit.stores.sql.pool import ConnectionPool, PooledConnection
from remit.stores.sql.rows import STATES, TABLES
from remit.stores.sql.watching import Announcer
from remit.stores.units import FailsAll, RecordId, Shown

Settlement = Callable[[], None]

_TRIES = 8
LONGEST_S = 30.0
ANNOUNCED_EVERY_S = 0.005
_STATUS, _QUEUE = (TABLES[STATES].index(column) for column in ("status", "queue"))
_FIRST_PAUSE_S = 0.005


class Begun(NamedTuple):
    """A transaction that has begun, as `GroupCommit` hands it to calls that find their units in it."""

    driver: Any
    batch: SqlBatch


class _CarriedOut(Struct):
    """
    The calls that one transaction carries out: each tenant's calls, or the first units of them, until its time is over.
    """

    until: dict[str, float] = field(default_factory=dict)
    calls: list[PendingCall] = field(default_factory=list)
    settlements: list[Settlement] = field(default_factory=list)

    def add(self, batch: SqlBatch, call: PendingCall, units: Sequence[UnitOfWork[Any]]) -> None:
        if call.tenant_id not in self.until:
            self.until[call.tenant_id] = time.monotonic() + MOST_DECIDING_S
        elif self.enough(call):
            return
        self.calls.append(call)
        try:
            answers = batch.carry_out(units, partial(self.enough, call))
        except KeyboardInterrupt:
            # Meant for this thread, not for whoever's unit it was busy with.
            raise
        except BaseException as error:
            self.settlements.append(partial(call.fail, error))
        else:
            self.settlements.append(partial(call.answer, answers))

    def enough(self, call: PendingCall) -> bool:
        # What a claim found is taken whole: whose turn comes next is reckoned from all of it.
        return call.find is None and time.monotonic() > self.until[call.tenant_id] and call.pressed()

    def settle(self) -> None:
        for settle in self.settlements:
            settle()


class SqlWriter:
    """Not for two threads at once: a `GroupCommit` sees to that."""

    def __init__(self, pool: ConnectionPool, dialect: Dialect) -> None:
        self._pool = pool
        self._dialect = dialect
        self._connection: PooledConnection | None = None
        self._kept = KeptRecords()
        self._announcer = Announcer(dialect.announcing, ANNOUNCED_EVERY_S)

    def carry_out(self, calls: list[PendingCall]) -> None:
        """
        Settles every call, unless interrupted before anything was committed; those for which there was no time are
        left to the next group.
        """
        try:
            self._until_committed(calls)
        except FailsAll as failure:
            for call in calls:
                # Of a commit whose answer was lost, only what it was to commit has failed, and knows it.
                if failure.answer is TryLater:
                    call.fail(failure.answer(failure.text))
        except Exception as error:
            if len(calls) == 1:
                calls[0].fail(error)
                return
            # One of them cannot be written, or not now. Each by itself, so that it fails alone.
            for call in calls:
                self.carry_out([call])

    def expect_claims(self) -> None:
        """A worker takes executions through this writer."""
        self._kept.expect_claims()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._pool.dispose()
        self._announcer.close()

    def _until_committed(self, calls: list[PendingCall]) -> None:
        started = time.monotonic()
        for attempt in range(_TRIES):
            try:
                return self._once(calls)
            except Exception as error:
                fault = self._dialect.fault(error)
                if fault is None or fault is DriverFault.REFUSED:
                    raise_ours(error, self._dialect)
                last = error
            if time.monotonic() - started > LONGEST_S:
                raise FailsAll(TryLater, f"{self._dialect.name} is held by another writer: {last}") from last
            time.sleep(random.uniform(0, _FIRST_PAUSE_S * 2**attempt))  # noqa: S311
        if fault is DriverFault.LOST:
            raise FailsAll(TryLater, f"{self._dialect.name} cannot be reached: {last}") from last
        raise TryLater(f"{self._dialect.name}: other writers kept winning: {last}") from last

    def _once(self, calls: list[PendingCall]) -> None:
        connection = self._connected()
        try:
            driver = connection.driver_connection
            self._dialect.begin(driver)
            carried_out, batch = self._decide(driver, calls)
            changes = batch.changes()
            if changes or batch.wrote_directly:
                written = batch.written()
                self._commit(driver, carried_out, changes)
                self._kept.committed(written)
            else:
                connection.rollback()
                carried_out.settle()
        except BaseException as error:
            self._kept.forget()
            self._undo(connection, error)
            raise

    def _decide(self, driver: Any, calls: list[PendingCall]) -> tuple[_CarriedOut, SqlBatch]:
        """The settling of the calls once their batch is committed, and that batch."""
        known = self._kept.at(self._dialect.data_version(driver))
        batch = SqlBatch(partial(self._load, driver), known, self._dialect.count_slots)
        begun = Begun(driver, batch)
        found = [(call, call.units if call.find is None else call.find(begun)) for call in calls]
        batch.prefetch([unit for _, units in found for unit in units], self._kept.last_seen)
        carried_out = _CarriedOut()
        for call, units in found:
            carried_out.add(batch, call, units)
        return carried_out, batch

    def _load(self, driver: Any, places: Iterable[RecordId]) -> dict[RecordId, Shown]:
        found = loaded(self._dialect, driver, places, lock=True)
        self._kept.learn(found)
        return found

    def _commit(self, driver: Any, carried_out: _CarriedOut, changes: list[RowChange]) -> None:
        asked: list[bool] = []
        if any(map(_queues, changes)):
            carried_out.settlements.append(self._announcer.announce)
        try:
            self._dialect.commit(driver, changes, partial(asked.append, True))
            carried_out.settle()
        except BaseException as error:
            if not asked:
                raise
            # The database's own word that it did not commit.
            fault = self._dialect.fault(error)
            if isinstance(error, NotCommitted) or fault in (DriverFault.AGAIN, DriverFault.REFUSED):
                raise
            text = f"{self._dialect.name}: the answer to a commit was lost: {driver_error(error)}"
            for call in carried_out.calls:
                if not call.settled:
                    call.fail(OutcomeUnknown(text))
            if isinstance(error, Exception):
                raise FailsAll(OutcomeUnknown, text) from error
            raise

    def _connected(self) -> PooledConnection:
        if self._connection is None:
            # Each connection counts versions of its own.
            self._kept.forget()
            self._connection = self._pool.raw_connection()
        return self._connection

    def _undo(self, connection: PooledConnection, error: BaseException) -> None:
        cause = error.__cause__ if isinstance(error, FailsAll) and error.__cause__ is not None else error
        with suppress(Exception):
            if self._dialect.fault(cause) is not DriverFault.LOST:
                connection.rollback()
                return
        # Nothing good can come over this connection any more; the next transaction makes a new one.
        self._connection = None
        with suppress(Exception):
            connection.invalidate()
        with suppress(Exception):
            connection.close()


def _queues(change: RowChange) -> bool:
    """Is something new among these rows for a worker to take?"""
    if change.table != STATES or change.operation == "delete":
        return False
    return any(row[_STATUS] == "APPROVED" and row[_QUEUE] for row in change.rows)
