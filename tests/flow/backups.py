"""A backup of each kind of store, and a store restored from it, as the runbook does it for that kind."""

from __future__ import annotations

import copy
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg

from remit.stores.dynamodb import DynamoStore, create_table
from remit.stores.memory import MemoryStore
from remit.stores.sql import SqlStore

Restore = Callable[[], Any]
"""Opens a new store from the backup; called again it opens the same one once more."""


def of_memory(store: MemoryStore) -> Restore:
    """There is no backup of it in life; what a test needs is the same state once more."""
    restored = MemoryStore()
    restored._records = {name: dict(records) for name, records in store._records.items()}
    restored._chains = copy.deepcopy(store._chains)
    return lambda: restored


def of_sqlite(url: str, directory: Path, stack: ExitStack) -> Restore:
    """`VACUUM INTO`, while the database is in use."""
    file = directory / f"backup-{uuid.uuid4().hex}.db"
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    connection.execute("VACUUM INTO ?", (str(file),))
    connection.close()
    return lambda: _closed(stack, SqlStore.open(f"sqlite:///{file}"))


def of_postgres(url: str, empty_url: str, stack: ExitStack) -> Restore:
    """Every table as of one moment, as `pg_dump` takes it, into a database that has the schema."""
    SqlStore.open(empty_url).close()
    with psycopg.connect(url) as source, psycopg.connect(empty_url) as target:
        source.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        for (table,) in source.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
        ).fetchall():
            target.execute(f'DELETE FROM "{table}"')
            with (
                source.cursor().copy(f'COPY "{table}" TO STDOUT') as out,
                target.cursor().copy(f'COPY "{table}" FROM STDIN') as into,
            ):
                for data in out:
                    into.write(data)
    return lambda: _closed(stack, SqlStore.open(empty_url))


def of_dynamodb(client: Any, table: str, stack: ExitStack) -> Restore:
    """Every item into a new table, as a restore to a point in time does."""
    restored = f"remit-{uuid.uuid4().hex}"
    create_table(client, restored)
    stack.callback(client.delete_table, TableName=restored)
    for page in client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        for item in page["Items"]:
            client.put_item(TableName=restored, Item=item)
    return lambda: _closed(stack, DynamoStore(client, restored, settle_s=0))


def _closed(stack: ExitStack, store: Any) -> Any:
    stack.callback(store.close)
    return store


@contextmanager
def backups(request: Any, kind: str, store: Any) -> Iterator[Callable[[], Restore]]:
    """Takes a backup of `store` whenever it is called."""
    given = request.getfixturevalue
    with ExitStack() as stack:

        def take() -> Restore:
            if kind == "memory":
                return of_memory(store)
            if kind == "sqlite":
                return of_sqlite(given("sqlite_url"), given("tmp_path"), stack)
            if kind == "postgres":
                return of_postgres(given("postgres_url"), given("empty_postgres_url"), stack)
            return of_dynamodb(given("dynamodb_client"), given("dynamodb_table"), stack)

        yield take
