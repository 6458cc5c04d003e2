"""What a unit is shown: the records it named, wherever they came from."""

from __future__ import annotations

from typing import TypeVar, cast

from remit.core.records import Key
from remit.core.values import Record

R = TypeVar("R", bound=Record)
Place = tuple[str, str, str]
"""Kind, tenant, id: a key without the weight of hashing its kind."""


class Shown:
    """A `Snapshot`: what one unit named."""

    __slots__ = ("records",)

    def __init__(self, records: dict[Place, Record | None]) -> None:
        self.records = records

    def get(self, key: Key[R]) -> R | None:
        kind, tenant_id, id = key
        try:
            return cast("R | None", self.records[kind.name, tenant_id, id])
        except KeyError:
            raise KeyError(f"{kind.name} {id!r} is not among the keys that were named") from None
