"""
Requests to one table. Reads are tried again within a bound; a write is sent once, and what its failure means
is for the writer to find out.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from remit.core.errors import TryLater
from remit.stores.dynamodb.faults import ServiceFault, fault_of, ours
from remit.stores.dynamodb.items import Item, key_item, key_of
from remit.stores.dynamodb.layout import ItemKey
from remit.stores.dynamodb.service_clock import ServiceClock

MOST_AT_ONE_MOMENT = 100
"""Items in one `TransactGetItems`."""
_MOST_AT_ONCE = 100
"""Items in one `BatchGetItem`."""

TRIES = 10
_FIRST_PAUSE_S = 0.01
_LONGEST_PAUSE_S = 1.0


class Table:
    """`client` is boto3's for DynamoDB, with its own retries off. Safe to share between threads."""

    def __init__(self, client: Any, name: str) -> None:
        self.name = name
        self.clock = ServiceClock()
        self._client = client

    def at_one_moment(self, keys: Sequence[ItemKey]) -> dict[ItemKey, Item]:
        """The items that are there of at most `MOST_AT_ONE_MOMENT`, as of one moment."""
        wanted = [{"Get": {"TableName": self.name, "Key": key_item(key)}} for key in keys]
        answer = self._read(lambda: self._client.transact_get_items(TransactItems=wanted))
        return _by_key(found["Item"] for found in answer["Responses"] if "Item" in found)

    def each(self, keys: Sequence[ItemKey]) -> dict[ItemKey, Item]:
        """The items that are there of any number, each as last written."""
        found: dict[ItemKey, Item] = {}
        for start in range(0, len(keys), _MOST_AT_ONCE):
            wanted = [key_item(key) for key in keys[start : start + _MOST_AT_ONCE]]
            for attempt in range(TRIES):
                asked = {self.name: {"Keys": wanted, "ConsistentRead": True}}
                answer = self._read(lambda asked=asked: self._client.batch_get_item(RequestItems=asked))  # type: ignore[misc]
                found |= _by_key(answer["Responses"].get(self.name, []))
                wanted = answer.get("UnprocessedKeys", {}).get(self.name, {}).get("Keys", [])
                if not wanted:
                    break
                pause(attempt)
            else:
                # Left out is not missing.
                raise TryLater(f"DynamoDB table {self.name!r}: {len(wanted)} items of a bulk read were never answered")
        return found

    def query(self, partition: tuple[str, str], condition: str = "", **more: Any) -> Iterator[dict[str, Any]]:
        """
        The pages of one partition: `partition` is its attribute and value, `condition` a further one on
        the sort key; `more` are `Query`'s own parameters.
        """
        values = {":pk": {"S": partition[1]}, **more.pop("ExpressionAttributeValues", {})}
        names = {"#pk": partition[0], **more.pop("ExpressionAttributeNames", {})}
        asked = {
            "TableName": self.name,
            "KeyConditionExpression": " AND ".join(filter(None, ("#pk = :pk", condition))),
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
            **more,
        }
        while True:
            page = self._read(lambda: self._client.query(**asked))
            yield page
            if "LastEvaluatedKey" not in page:
                return
            asked["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def write(self, actions: Sequence[dict[str, Any]]) -> None:
        """All of the actions or none, in one request, once. Raises the client's own exceptions."""
        self.clock.heard(self._client.transact_write_items(TransactItems=[*actions]))

    def _read(self, ask: Callable[[], Any]) -> Any:
        for attempt in range(TRIES):
            try:
                answer = ask()
                self.clock.heard(answer)
                return answer
            except Exception as error:
                fault = fault_of(error)
                if fault is None:
                    raise
                if fault is ServiceFault.REFUSED or attempt == TRIES - 1:
                    raise ours(error, self.name) from error
            pause(attempt)
        raise AssertionError("unreachable")


def pause(attempt: int) -> None:
    """Longer with every attempt, and never the same for two who were in each other's way."""
    time.sleep(random.uniform(0, min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2**attempt)))  # noqa: S311


def _by_key(items: Any) -> dict[ItemKey, Item]:
    return {key_of(item): item for item in items}
