"""
The two ends of a migration in DynamoDB.

Nothing locks a table: that nobody else writes is the operator's word. A table that was moved refuses whoever begins to
work on it; who was at work already is not stopped.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from remit.core.errors import InvalidInput
from remit.ports import ReadableStore, Store
from remit.stores.dynamodb.first_format import DynamoFirstFormatRows, is_first_format
from remit.stores.dynamodb.items import key_item
from remit.stores.dynamodb.migration_mark import (
    FILLED_BY,
    FILLING,
    MARK,
    MOVED,
    MOVED_BY,
    MOVED_TO,
    OPEN,
    STATE,
    MigrationMark,
)
from remit.stores.dynamodb.reading import TableReading
from remit.stores.dynamodb.store import DynamoStore
from remit.stores.first_format import FirstFormat


class _End:
    """A table, opened for a migration; it is not waited for writes on their way: there are none."""

    def __init__(self, store: DynamoStore) -> None:
        self.name = f"DynamoDB table {store.table.name!r}"
        self._table, self._opened = store.table, store

    def _said(self) -> dict[str, str]:
        found = self._table.each([MARK]).get(MARK, {})
        return {name: value["S"] for name, value in found.items()}

    def _say(self, **said: str) -> None:
        texts: Mapping[str, str] = {**self._said(), **said}
        item = {name: {"S": value} for name, value in texts.items()}
        self._table.write([{"Put": {"TableName": self._table.name, "Item": {**item, **key_item(MARK)}}}])

    def close(self) -> None:
        self._opened.close()


class DynamoSource(_End):
    """A `MigrationSource`, of this format or of the first. `stopped` is the operator's word that nothing writes."""

    def __init__(self, store: DynamoStore, *, stopped: bool) -> None:
        super().__init__(store)
        self._stopped = stopped
        self.store: ReadableStore = store
        reading = TableReading(self._table)
        if is_first_format(reading, store.tenants()):
            self.store = FirstFormat(DynamoFirstFormatRows(store, self._table, reading))

    @property
    def moved_to(self) -> str | None:
        return self._said().get(MOVED_BY)

    @contextmanager
    def frozen(self) -> Iterator[DynamoSource]:
        if not self._stopped:
            raise InvalidInput(
                "FROM",
                f"{self.name} cannot be locked; what is finished was copied",
                "stop every process and function that writes to it, and run this again with --from-is-stopped",
            )
        yield self

    def move_to(self, migration_id: str, name: str) -> None:
        self._say(**{STATE: MOVED, MOVED_BY: migration_id, MOVED_TO: name})


class DynamoTarget(_End):
    """A `MigrationTarget`: a table that holds nothing yet, or one that a migration has begun to fill."""

    is_queue = False

    def __init__(self, store: DynamoStore) -> None:
        super().__init__(store)
        self.store: Store = store
        if not self._said() and not store.tenants():
            self._say(**{STATE: FILLING, FILLED_BY: uuid.uuid4().hex})
        said = self._said()
        self.migration_id, self.complete = said.get(FILLED_BY, ""), said.get(STATE) != FILLING

    def finish(self) -> None:
        if self._said().get(STATE) == FILLING:
            self._say(**{STATE: OPEN})


def for_migration(store: DynamoStore) -> DynamoStore:
    """The same table, open for the migration alone."""
    table = store.table.name
    mark = MigrationMark(table, passed=True)
    return DynamoStore(store.client, table, settle_s=0, on_close=store.close, mark=mark)
