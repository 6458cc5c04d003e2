"""
The item that tells a table's format and how many parts its index of what is due has, and the table that is opened only
if its format is today's.

A process asks for that item along with the first that it reads together, or by itself before anything else; so a
decision costs no request more. A table without it, of before or made by a deployment, is looked into once, and whoever
writes to it first puts the item there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from remit.core.errors import InvalidInput
from remit.stores.dynamodb import layout
from remit.stores.dynamodb.client import MOST_AT_ONE_MOMENT, Table
from remit.stores.dynamodb.faults import fault_of
from remit.stores.dynamodb.items import BODY, Item, key_item, key_of
from remit.stores.dynamodb.layout import LEDGER, TENANTS, ItemKey, chain_key, partitions
from remit.stores.dynamodb.table import DUE_PARTS, FORMAT, PARTITION, due_parts_attribute, format_item

MOST_DUE_PARTS = 256


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
        self._numbers: tuple[int, ...] = ()

    @property
    def first_format(self) -> bool:
        self._look()
        return self._first_format

    @property
    def numbers_of_due_parts(self) -> Sequence[int]:
        """Every one that there ever was of the index of what is due, as last read."""
        self._look()
        return self._numbers

    def due_parts(self) -> int:
        """The number of parts to write to; that may be out of date, for whoever reads looks at all."""
        return max(self.numbers_of_due_parts)

    def due_parts_now(self) -> int:
        """The number of parts to read: each that anybody writes to."""
        item = self._plain.each([FORMAT]).get(FORMAT)
        if item is not None or not self._looked:
            self._take(item)
        return self.due_parts()

    def raise_due_parts(self, parts: int) -> None:
        """Raises `InvalidInput` if there are more already."""
        now = self.due_parts_now()
        if not now <= parts <= MOST_DUE_PARTS:
            raise InvalidInput("parts", f"is {parts}, and there are {now}", f"name {now} to {MOST_DUE_PARTS}")
        if not self._told:
            self._tell()
        # What was there stays: two who raise it at once leave the larger.
        self._client.update_item(
            TableName=self.name,
            Key=key_item(FORMAT),
            UpdateExpression=f"ADD {DUE_PARTS} :parts",
            ConditionExpression=f"attribute_exists({PARTITION})",
            ExpressionAttributeValues={":parts": due_parts_attribute([now, parts])[DUE_PARTS]},
        )

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
        told = (item or {}).get(DUE_PARTS, {}).get("NS")
        self._numbers = tuple(map(int, told)) if told else (layout.PARTS,)
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


def raise_due_parts(client: Any, table: str, parts: int) -> None:
    """
    Let the index of what is due have so many parts, from now on and for all processes, under way or not.

    There can never be fewer again. Raises `InvalidInput` if `parts` is less, and the client's own exceptions.
    """
    FormattedTable(client, table).raise_due_parts(parts)


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
