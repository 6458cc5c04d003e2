"""
The two ends of a migration in DynamoDB.

Nothing locks a table: that nobody else writes is the operator's word. A table that was moved refuses whoever begins to
work on it; who was at work already is not stopped.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from remit.core.errors import InvalidInput
from remit.ports import ReadableStore, Store
from remit.stores.dynamodb.feed import LATEST_S
from remit.stores.dynamodb.first_format import DynamoFirstFormatRows
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
)
from remit.stores.dynamodb.reading import TableReading
from remit.stores.dynamodb.store import DynamoStore
from remit.stores.first_format import FirstFormat

CLOCKS_DIFFER_S = 6.0
"""Between two machines: each follows the service's clock within two seconds, which tells the second."""


class _End:
    """A table, opened for a migration; it is not waited for writes on their way: there are none."""

    def __init__(self, store: DynamoStore, settle_s: float) -> None:
        self.name = f"DynamoDB table {store.table.name!r}"
        self._table, self._opened, self._settle_s = store.table, store, settle_s

    def _said(self) -> dict[str, str]:
        found = self._table.each([MARK]).get(MARK, {})
        return {name: value["S"] for name, value in found.items()}

    def _say(self, **said: str) -> None:
        texts: Mapping[str, str] = {**self._said(), **said}
        item = {name: {"S": value} for name, value in texts.items()}
        self._table.write([{"Put": {"TableName": self._table.name, "Item": {**item, **key_item(MARK)}}}])

    def settle(self) -> None:
        time.sleep(self._settle_s)

    def close(self) -> None:
        self._opened.close()


class DynamoSource(_End):
    """
    A `MigrationSource`, of this format or of the first. `stopped` is the operator's word that nothing writes; so long
    as `settle_s` after that the last of it may turn up in an index.
    """

    def __init__(self, store: DynamoStore, *, stopped: bool, settle_s: float = LATEST_S) -> None:
        super().__init__(store, settle_s)
        self._stopped = stopped
        self.store: ReadableStore = store
        self.followed: Store | None = store
        if store.table.first_format:
            self.store = FirstFormat(DynamoFirstFormatRows(store, self._table, TableReading(self._table)))
            self.followed = None

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
        if self.followed is not None:
            self.settle()
        yield self

    def move_to(self, migration_id: str, name: str) -> None:
        self._say(**{STATE: MOVED, MOVED_BY: migration_id, MOVED_TO: name})


class DynamoTarget(_End):
    """
    A `MigrationTarget`: a table that holds nothing yet, or one that a migration has begun to fill.

    Positions in it are times. Who works on it next may have a clock that is behind by `settle_s`, and so had who
    copied into it before.
    """

    is_queue = False

    def __init__(self, store: DynamoStore, *, settle_s: float = CLOCKS_DIFFER_S) -> None:
        super().__init__(store, settle_s)
        self.store: Store = store
        if not self._said() and not store.tenants():
            self._say(**{STATE: FILLING, FILLED_BY: uuid.uuid4().hex})
        said = self._said()
        self.migration_id, self.complete = said.get(FILLED_BY, ""), said.get(STATE) != FILLING

    def finish(self) -> None:
        if self._said().get(STATE) == FILLING:
            self.settle()
            self._say(**{STATE: OPEN})


def for_migration(store: DynamoStore) -> DynamoStore:
    """The table, open for the migration alone."""
    return DynamoStore(store.client, store.table.name, settle_s=0, on_close=store.close, migrating=True)
