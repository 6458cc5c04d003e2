"""Two databases of any kinds, one to move from and one to move to, and a world in the first."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from remit.flow.migrate import Migrated, migrate
from remit.ports import MigrationSource, MigrationTarget, Store
from remit.stores.dynamodb import DynamoStore, create_table
from remit.stores.dynamodb.migrating import DynamoSource, DynamoTarget, for_migration
from remit.stores.sql import SqlStore
from remit.stores.sql.migrating import SqlSource, SqlTarget
from tests.conftest import database
from tests.flow.world import SetClock, new_id
from tests.new_databases import new_sqlite


class Place:
    """One database that tests open again and again."""

    def __init__(self, kind: str, where: str, client: Any = None) -> None:
        self.kind, self.where, self.client = kind, where, client

    @property
    def is_queue(self) -> bool:
        return self.kind != "dynamodb"

    @property
    def path(self) -> str:
        """Of a database in SQLite."""
        return self.where.removeprefix("sqlite:///")

    def open(self) -> Store:
        if self.kind == "dynamodb":
            return DynamoStore(self.client, self.where, settle_s=0)
        return SqlStore.open(self.where)

    def source(self, *, stopped: bool = True) -> MigrationSource:
        if self.kind == "dynamodb":
            return DynamoSource(for_migration(self.open()), stopped=stopped, settle_s=0)
        return SqlSource(self.where)

    def target(self) -> MigrationTarget:
        if self.kind == "dynamodb":
            return DynamoTarget(for_migration(self.open()), settle_s=0)
        return SqlTarget(self.where)


NewPlace = Callable[[str], Place]


@pytest.fixture(autouse=True)
def _few_parts(few_parts: None) -> None:
    """Tests of the store itself read as many as there are."""


@pytest.fixture
def empty_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NewPlace]:
    """Makes an empty database of a kind: `sqlite`, `postgres` or `dynamodb`."""
    with ExitStack() as stack:

        def new(kind: str) -> Place:
            if kind == "sqlite":
                return Place(kind, f"sqlite:///{tmp_path / uuid.uuid4().hex}.db")
            if kind == "postgres":
                return Place(
                    kind, stack.enter_context(database(request.getfixturevalue("postgres_server"), "template1"))
                )
            client, name = request.getfixturevalue("dynamodb_client"), f"remit-{uuid.uuid4().hex}"
            create_table(client, name)
            stack.callback(client.delete_table, TableName=name)
            return Place(kind, name, client)

        yield new


@pytest.fixture
def new_place(request: pytest.FixtureRequest, empty_place: NewPlace) -> Iterator[NewPlace]:
    """Makes a database that holds nothing but its schema: with copies of one, it takes no migration of the schema."""
    with ExitStack() as stack:

        def new(kind: str) -> Place:
            if kind == "postgres":
                given = map(request.getfixturevalue, ("postgres_server", "_postgres_template"))
                return Place(kind, stack.enter_context(database(*given)))
            place = empty_place(kind)
            if kind == "sqlite":
                new_sqlite(Path(place.path))
            return place

        yield new


@contextmanager
def no_bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Nothing is shown."""
    del what, total
    yield lambda _: None


def move(
    source: Place, target: Place, *, progress: Any = no_bar, stopped: bool = True, clock: SetClock | None = None
) -> Migrated:
    """One run of a migration, as a process of its own would do it."""
    here = source.source(stopped=stopped)
    try:
        there = target.target()
        try:
            return migrate(here, there, progress, clock or SetClock(), new_id)
        finally:
            there.close()
    finally:
        here.close()
