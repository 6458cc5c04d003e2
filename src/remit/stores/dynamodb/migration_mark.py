"""
The item by which a table says that a migration fills it, or has moved it into another database.

A process asks for it with the first records that it reads in order to write, and is refused then; so it costs no
request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from remit.core.errors import TryLater
from remit.stores.dynamodb.items import Item
from remit.stores.dynamodb.layout import ItemKey

MARK: ItemKey = ("*migration", "-")
"""No tenant can be called this."""
STATE, FILLED_BY, MOVED_BY, MOVED_TO = "state", "filled_by", "moved_by", "moved_to"
FILLING, MOVED, OPEN = "filling", "moved", "open"


class MigrationMark:
    """For one process. With `passed`, nothing is asked: for the migration itself."""

    def __init__(self, table: str, *, passed: bool = False) -> None:
        self._table, self._passed = table, passed

    def keys(self) -> Sequence[ItemKey]:
        """The items to read along."""
        return [] if self._passed else [MARK]

    def check(self, items: Mapping[ItemKey, Item]) -> None:
        """Raises `TryLater` if nobody may work here."""
        if self._passed:
            return
        found = items.get(MARK, {})
        state = found.get(STATE, {}).get("S")
        if state == FILLING:
            raise TryLater(f"DynamoDB table {self._table!r} is being filled by remit migrate, and is not complete")
        if state == MOVED:
            raise TryLater(f"DynamoDB table {self._table!r} was moved to {found[MOVED_TO]['S']}; open that one")
        self._passed = True
