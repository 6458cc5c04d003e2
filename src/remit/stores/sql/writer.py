"""The one who writes: whole batches in one transaction, again after a conflict, never after a lost answer."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import sqlalchemy

from remit.core.errors import OutcomeUnknown, RemitError, TryLater
from remit.core.values import Record
from remit.ports import Message
from remit.stores.combine import Turn
from remit.stores.parsing import parse_record
from remit.stores.shown import Place
from remit.stores.sql.batch import Batch
from remit.stores.sql.dialect import Dialect, Fault, driver_error, raise_ours

Enlist = Callable[[sqlalchemy.Connection, Sequence[Message]], None]
Settlement = Callable[[], None]

_TRIES = 8
_LONGEST_S = 30.0
_FIRST_PAUSE_S = 0.005


class _ForAll(Exception):
    """The answer to every turn of the transaction, and no single one's fault."""

    def __init__(self, answer: type[TryLater | OutcomeUnknown], text: str) -> None:
        self.answer, self.text = answer, text


class Writer:
    """Not for two threads at once: a `Combiner` sees to that."""

    def __init__(self, engine: sqlalchemy.Engine, dialect: Dialect, enlist: Enlist | None) -> None:
        self._engine = engine
        self._dialect = dialect
        self._enlist = enlist
        self._connection: sqlalchemy.Connection | None = None

    def carry_out(self, turns: list[Turn]) -> None:
        """Settles every turn, unless interrupted before anything was committed."""
        try:
            self._until_committed(turns)
        except _ForAll as failure:
            for turn in turns:
                turn.fail(failure.answer(failure.text))
        except Exception as error:
            if len(turns) == 1:
                turns[0].fail(error)
                return
            # One of them cannot be written, or not now. Each by itself, so that it fails alone.
            for turn in turns:
                self.carry_out([turn])

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._engine.dispose()

    def _until_committed(self, turns: list[Turn]) -> None:
        started = time.monotonic()
        for attempt in range(_TRIES):
            try:
                return self._once(turns)
            except Exception as error:
                fault = self._dialect.fault(error)
                if fault is None or fault is Fault.REFUSED:
                    raise_ours(error, self._dialect.name)
                last = error
            if time.monotonic() - started > _LONGEST_S:
                raise _ForAll(TryLater, f"{self._dialect.name} is held by another writer: {last}") from last
            time.sleep(random.uniform(0, _FIRST_PAUSE_S * 2**attempt))  # noqa: S311
        if fault is Fault.LOST:
            raise _ForAll(TryLater, f"{self._dialect.name} cannot be reached: {last}") from last
        raise TryLater(f"{self._dialect.name}: other writers kept winning: {last}") from last

    def _once(self, turns: list[Turn]) -> None:
        connection = self._connected()
        try:
            transaction = connection.begin()
            settlements, anything = self._write(connection, turns)
            if anything:
                self._commit(transaction, turns, settlements)
            else:
                transaction.rollback()
                _call_all(settlements)
        except BaseException as error:
            self._undo(connection, error)
            raise

    def _write(self, connection: sqlalchemy.Connection, turns: list[Turn]) -> tuple[list[Settlement], bool]:
        """How to settle each turn once it is committed, and whether there is anything to commit."""
        driver = connection.connection.driver_connection
        batch = Batch(partial(self._load, driver))
        batch.prefetch([unit for turn in turns for unit in turn.units])
        settlements = [_carried_out(batch, turn) for turn in turns]
        changes = batch.changes()
        if changes:
            self._dialect.write(driver, changes)
        if batch.messages:
            self._hand_over(connection, batch.messages)
        return settlements, bool(changes or batch.messages)

    def _load(self, driver: Any, places: Iterable[Place]) -> dict[Place, Record | None]:
        found: dict[Place, Record | None] = dict.fromkeys(places)
        for kind, tenant_id, id, body in self._dialect.load(driver, found, lock=True):
            found[kind, tenant_id, id] = parse_record(kind, body)
        return found

    def _hand_over(self, connection: sqlalchemy.Connection, messages: Sequence[Message]) -> None:
        if self._enlist is None:
            raise RuntimeError("messages need a store that was opened with an enlisting publisher")
        self._enlist(connection, messages)
        if not self._dialect.can_commit(connection.connection.driver_connection):
            raise RemitError(f"{self._dialect.name}: a statement of the publisher failed and it did not say so")

    def _commit(
        self, transaction: sqlalchemy.RootTransaction, turns: list[Turn], settlements: list[Settlement]
    ) -> None:
        try:
            transaction.commit()
            _call_all(settlements)
        except BaseException as error:
            # The database's own word that it did not commit.
            if self._dialect.fault(error) in (Fault.AGAIN, Fault.REFUSED):
                raise
            text = f"{self._dialect.name}: the answer to a commit was lost: {driver_error(error)}"
            if isinstance(error, Exception):
                raise _ForAll(OutcomeUnknown, text) from error
            for turn in turns:
                if not turn.settled:
                    turn.fail(OutcomeUnknown(text))
            raise

    def _connected(self) -> sqlalchemy.Connection:
        if self._connection is None:
            self._connection = self._engine.connect()
        return self._connection

    def _undo(self, connection: sqlalchemy.Connection, error: BaseException) -> None:
        cause = error.__cause__ if isinstance(error, _ForAll) and error.__cause__ is not None else error
        with suppress(Exception):
            if self._dialect.fault(cause) is not Fault.LOST:
                connection.rollback()
                # SQLAlchemy takes a commit that failed for the end of the transaction; SQLite does not.
                _rollback_driver(connection)
                return
        # Nothing good can come over this connection any more; the next transaction makes a new one.
        self._connection = None
        with suppress(Exception):
            connection.invalidate()
        with suppress(Exception):
            connection.close()


def _rollback_driver(connection: sqlalchemy.Connection) -> None:
    driver: Any = connection.connection.driver_connection
    driver.rollback()


def _call_all(settlements: list[Settlement]) -> None:
    for settle in settlements:
        settle()


def _carried_out(batch: Batch, turn: Turn) -> Settlement:
    """How this turn is settled once the transaction is committed."""
    try:
        return partial(turn.answer, batch.carry_out(turn.units))
    except KeyboardInterrupt:
        # Meant for this thread, not for whoever's unit it was busy with.
        raise
    except BaseException as error:
        return partial(turn.fail, error)
