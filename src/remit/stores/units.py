"""What all stores share: what a unit of work is shown, and how a stored body becomes a record again."""

from __future__ import annotations

from functools import lru_cache
from typing import TypeVar, cast

from remit.core.errors import OutcomeUnknown, RemitError, TryLater
from remit.core.records import ACTION_TYPE, BOUNDS, KINDS, STOPS, Key
from remit.core.values import Stored

R = TypeVar("R", bound=Stored)
RecordId = tuple[str, str, str]
"""Kind, tenant, id: a key without the weight of hashing its kind."""


class FailsAll(Exception):
    """The answer to every call of a transaction, and no single one's fault."""

    def __init__(self, answer: type[TryLater | OutcomeUnknown], text: str) -> None:
        self.answer, self.text = answer, text


class RecordSnapshot:
    """The records that one unit of work named, as of one moment: a `Snapshot`."""

    __slots__ = ("records",)

    def __init__(self, records: dict[RecordId, Stored | None]) -> None:
        self.records = records

    def get(self, key: Key[R]) -> R | None:
        kind, tenant_id, id = key
        try:
            return cast("R | None", self.records[kind.name, tenant_id, id])
        except KeyError:
            raise KeyError(f"{kind.name} {id!r} is not among the keys that were named") from None


def parse_record(kind: str, body: str) -> Stored:
    """
    The record a body holds.

    Raises `RemitError` if this version of Remit cannot read it.
    """
    try:
        return _READERS.get(kind, _parsed)(kind, body)
    except ValueError as error:
        raise RemitError(
            f"a record of {kind!r} is stored in a form this version does not know ({error}); "
            "run the version that wrote it, or a newer one"
        ) from error


def _parsed(kind: str, body: str) -> Stored:
    record: Stored = KINDS[kind].model.from_json(body)
    return record


# Read by every decision and rarely changed. Found by their whole text, so never out of date.
_READERS = dict.fromkeys((BOUNDS.name, STOPS.name, ACTION_TYPE.name), lru_cache(maxsize=256)(_parsed))
