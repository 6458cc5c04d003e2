"""
The one table: its keys, its indexes, and how it is made. Data, so that a template can be held against it.

Nothing makes it silently: on AWS a table belongs to whoever deploys it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from remit.stores.dynamodb import layout

PARTITION, SORT = "pk", "sk"
FORMAT = "*format", "-"
"""The item by which a table says that it is of today's format; no tenant can be called this."""
DUE_PARTS = "due_parts"
"""In that item: every number of parts that its index of what is due ever had, the largest of which it has."""
TIME_TO_LIVE = "ttl"
"""Of sessions and links that sign in: a Unix time, from which on they are over, and DynamoDB may delete the item."""


class Index(Struct, frozen=True):
    """A global secondary index: only items that have both keys are in it."""

    name: str
    partition: str
    sort: str
    beside: tuple[str, ...] = ()
    """What an entry holds beside the keys, so that lists can be filtered without the items themselves."""


DUE = Index("due", "due_pk", "due_sk")
"""Cases of all tenants that Remit itself has to look at, by when."""
QUEUE = Index("queue", "queue_pk", "queue_sk", ("account_id", "proposed_by", "reason"))
"""A tenant's waiting cases, by when they expire; sessions of all tenants by the issuer's session they began with."""
BY_STATUS = Index("by_status", "status_pk", "status_sk", ("account_id", "action_type", "reason", "proposed_by"))
"""A tenant's cases in one status, by when they were created; sessions of all tenants by their subject at an issuer."""
BY_TIME = Index("by_time", "time_pk", "time_sk", ("account_id", "event_types"))
"""A tenant's segments of the ledger, by when they were written."""
BY_VERSION = Index("by_version", BY_TIME.partition, "v")
"""The same by their versions: the order in which the service took them in."""
INDEXES = (DUE, QUEUE, BY_STATUS, BY_TIME, BY_VERSION)


def table_shape() -> dict[str, Any]:
    """Keys and indexes as `CreateTable` takes them, paid per request."""
    keys = [(PARTITION, SORT), *((index.partition, index.sort) for index in INDEXES)]
    names = dict.fromkeys(name for pair in keys for name in pair)
    return {
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in names],
        "KeySchema": _key_schema(PARTITION, SORT),
        "GlobalSecondaryIndexes": [_index_shape(index) for index in INDEXES],
        "BillingMode": "PAY_PER_REQUEST",
    }


def create_table(client: Any, name: str) -> None:
    """
    Make the table. `client` is boto3's for DynamoDB. Its time to live is off: what is over is dropped by Remit then.

    Raises the client's own exceptions, `ResourceInUseException` among them if it is there already.
    """
    client.create_table(TableName=name, **table_shape())
    client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    client.put_item(TableName=name, Item=format_item())


def format_item() -> dict[str, Any]:
    """Of a new table."""
    key = {PARTITION: {"S": FORMAT[0]}, SORT: {"S": FORMAT[1]}}
    return {**key, "format": {"N": "2"}, **due_parts_attribute([layout.PARTS])}


def due_parts_attribute(numbers: Iterable[int]) -> dict[str, Any]:
    return {DUE_PARTS: {"NS": sorted(set(map(str, numbers)))}}


def _index_shape(index: Index) -> dict[str, Any]:
    beside = {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(index.beside)}
    return {
        "IndexName": index.name,
        "KeySchema": _key_schema(index.partition, index.sort),
        "Projection": beside if index.beside else {"ProjectionType": "KEYS_ONLY"},
    }


def _key_schema(partition: str, sort: str) -> list[dict[str, str]]:
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]
