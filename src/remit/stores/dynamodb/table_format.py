"""
The format of a table, which one item tells, and the table that is opened only if it is today's.

A process asks for that item along with the first that it reads together, or by itself before anything else; so a
decision costs no request more. A table without it, of before or made by a deployment, is looked into once, and whoever
writes to it first puts the item there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from remit.core.errors import InvalidInput
from remit.stores.dynamodb.client import MOST_AT_ONE_MOMENT, Table
from remit.stores.dynamodb.faults import fault_of
from remit.stores.dynamodb.items import BODY, Item, key_of
from remit.stores.dynamodb.layout import LEDGER, TENANTS, ItemKey, chain_key, partitions
from remit.stores.dynamodb.table import FORMAT, PARTITION, format_item


class FormattedTable(Table):
    """
    With `any_format`, one of the first format is not refused: for a migration.

    Raises `InvalidInput` at the first request otherwise, before anything is written, or handed out.
    """

    def __init__(self, client: Any, name: str, *, any_format: bool = False) -> None:
        super().__init__(client, name)
        self._plain = Table(client, name)
        self._any_format = any_format
        self._looked, self._told, self._first_format = False, False, False

    @property
    def first_format(self) -> bool:
        self._look()
        return self._first_format

    def at_one_moment(self, keys: Sequence[ItemKey]) -> dict[ItemKey, Item]:
        if self._looked or len(keys) >= MOST_AT_ONE_MOMENT:
            self._look()
            return super().at_one_moment(keys)
        found = super().at_one_moment([*keys, FORMAT])
        self._take(found.pop(FORMAT, None))
        return found

    def each(self, keys: Sequence[ItemKey]) -> dict[ItemKey, Item]:
        self._look()
        return super().each(keys)

    def query(self, partition: tuple[str, str], condition: str = "", **more: Any) -> Iterator[dict[str, Any]]:
        self._look()
        yield from super().query(partition, condition, **more)

    def write(self, actions: Sequence[dict[str, Any]]) -> None:
        self._look()
        if not self._told and not self._first_format:
            self._tell()
        super().write(actions)

    def _look(self) -> None:
        if not self._looked:
            self._take(self._plain.each([FORMAT]).get(FORMAT))

    def _take(self, item: Item | None) -> None:
        self._told = item is not None
        self._first_format = item is None and _is_first_format(self._plain)
        if self._first_format and not self._any_format:
            raise InvalidInput(
                "database",
                f"DynamoDB table {self.name!r} is of the first format",
                "run 'remit migrate FROM TO' to copy it into a new database",
            )
        self._looked = True

    def _tell(self) -> None:
        """Spares whoever comes next the looking; what keeps it from being written keeps nothing else."""
        # Whoever was faster said the same.
        free = f"attribute_not_exists({PARTITION})"
        self._told = True
        try:
            self._plain.write([{"Put": {"TableName": self.name, "Item": format_item(), "ConditionExpression": free}}])
        except Exception as error:
            if fault_of(error) is None:
                raise


def _is_first_format(table: Table) -> bool:
    """Judged by one entry: it was text."""
    pages = table.query((PARTITION, TENANTS), ConsistentRead=True)
    for tenant_id in (key_of(item)[1] for page in pages for item in page["Items"]):
        own_chain, _ = chain_key(tenant_id, None)
        for partition in [own_chain, *partitions(LEDGER, tenant_id)]:
            page = next(table.query((PARTITION, partition), ConsistentRead=True, Limit=1))
            for item in page["Items"]:
                return "S" in item[BODY]
    return False
