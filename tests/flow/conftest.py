"""A world over each kind of store in turn."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import psycopg
import pytest

from remit.stores.dynamodb import create_table
from remit.stores.dynamodb.table import PARTITION, SORT

from ..conftest import QUEUES_NOTHING, database
from .world import OpenStore, World

MOST_AT_ONCE = 25
"""Items in one `BatchWriteItem`."""


@pytest.fixture(autouse=True)
def _few_parts(few_parts: None) -> None:
    """What a step does is the same over any number; the store's own tests read as many as there are."""


@pytest.fixture(scope="session")
def _flow_database(postgres_server: str, _postgres_template: str) -> Iterator[tuple[str, Callable[[], None]]]:
    """A database, and what empties it."""
    with database(postgres_server, _postgres_template) as url, psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
        tables = [name for (name,) in found if "version" not in name or name == "policy_versions"]
        delete = "; ".join(f'DELETE FROM "{name}"' for name in tables)
        # One session for all of them: a new one takes longer than the deletion.
        yield url, lambda: connection.execute(delete) and None


@pytest.fixture
def postgres_url(_flow_database: tuple[str, Callable[[], None]]) -> str:
    """One database for all of these tests, emptied before each: quicker by far than a new one."""
    url, empty = _flow_database
    empty()
    return url


@pytest.fixture(scope="session")
def _flow_table(dynamodb_client: Any) -> Iterator[str]:
    name = f"remit-{uuid.uuid4().hex}"
    create_table(dynamodb_client, name)
    yield name
    dynamodb_client.delete_table(TableName=name)


@pytest.fixture
def dynamodb_table(dynamodb_client: Any, _flow_table: str) -> str:
    """One table for all of these tests, emptied before each: quicker than a new one with its indexes."""
    keys = {"ProjectionExpression": "#pk, #sk", "ExpressionAttributeNames": {"#pk": PARTITION, "#sk": SORT}}
    pages = dynamodb_client.get_paginator("scan").paginate(TableName=_flow_table, ConsistentRead=True, **keys)
    found = [{"DeleteRequest": {"Key": item}} for page in pages for item in page["Items"]]
    for start in range(0, len(found), MOST_AT_ONCE):
        left = {_flow_table: found[start : start + MOST_AT_ONCE]}
        while left:
            left = dynamodb_client.batch_write_item(RequestItems=left)["UnprocessedItems"]
    return _flow_table


@pytest.fixture
def opened(open_store: Any, store_kind: str) -> OpenStore:
    """Opens this test's store."""
    return partial(open_store, store_kind)


@pytest.fixture
def new_world(opened: OpenStore, store_kind: str) -> Callable[..., World]:
    """Makes a world without bounds, whose store is the queue where it can be, else with a publisher that sends."""
    return partial(World, opened, sending=store_kind in QUEUES_NOTHING)


@pytest.fixture
def world(new_world: Callable[..., World]) -> World:
    """One tenant with bounds under which everything proposed is a clean yes, and the store's own way to publish."""
    world = new_world()
    world.apply()
    return world


@pytest.fixture
def queueing(opened: OpenStore, store_kind: str) -> World:
    """The same with the store as the workers' queue."""
    if store_kind in QUEUES_NOTHING:
        pytest.skip(f"{store_kind} queues nothing")
    world = World(opened)
    world.apply()
    return world


@pytest.fixture
def sending(opened: OpenStore) -> World:
    """The same with a publisher that sends over a wire."""
    world = World(opened, sending=True)
    world.apply()
    return world
