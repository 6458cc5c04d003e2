"""
Parts that all stores share: units of work over an overlay, snapshots, and bodies that become records again.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import chain, islice, zip_longest
from typing import Any, TypeVar

import msgspec

from remit.core.errors import OutcomeUnknown, RemitError, TryLater
from remit.core.ledger.entries import LedgerEntry
from remit.core.ledger.history import IntentHistory
from remit.core.lifecycle import Case
from remit.core.records import ACTION_TYPE, BOUNDS, CHAIN, KINDS, STOPS, Key
from remit.core.unknown import UnknownFields, unknown_in
from remit.core.values import Stored, instant
from remit.core.whole_numbers import whole_number
from remit.ports import QueueLine, QueuePlace
from remit.stores.packing import unpacked

R = TypeVar("R", bound=Stored | IntentHistory)
T = TypeVar("T")
RecordId = tuple[str, str, str]
"""Kind, tenant, id: a key without the weight of hashing its kind."""
Shown = Stored | IntentHistory | None
"""What a unit may be shown of one key; `None` for what is not there."""


class FailsAll(Exception):
    """The answer to every call of a transaction, and no single one's fault."""

    def __init__(self, answer: type[TryLater | OutcomeUnknown], text: str) -> None:
        self.answer, self.text = answer, text


class RecordSnapshot:
    """The records that one unit of work named, as of one moment: a `Snapshot`."""

    __slots__ = ("records",)

    def __init__(self, records: dict[RecordId, Shown]) -> None:
        self.records = records

    def get(self, key: Key[R]) -> R | None:
        try:
            found: Any = self.records[key.kind.name, key.tenant_id, key.id]
        except KeyError:
            raise KeyError(f"{key.kind.name} {key.id!r} is not among the keys that were named") from None
        return found  # type: ignore[no-any-return]


def record_id(key: Key[Any]) -> RecordId:
    return key.kind.name, key.tenant_id, key.id


def check_may_put(key: Key[Any], shown: RecordSnapshot) -> RecordId:
    """The place where a unit's record goes. Raises `KeyError` for a unit that breaks the rules of the port."""
    kind = key.kind
    place = kind.name, key.tenant_id, key.id
    if kind is CHAIN:
        raise KeyError("a chain grows by entries alone")
    # Without having been read it could overwrite what another writer just decided.
    if kind.contended and place not in shown.records:
        raise KeyError(f"{key.kind.name} {key.id!r} is contended and was written without being named")
    return place


def tenants_in_turn(items: Sequence[T], limit: int, tenant_of: Callable[[T], str]) -> list[T]:
    """The first `limit` of them, one of each tenant in turn; within a tenant in their order."""
    tenants: dict[str, list[T]] = {}
    for item in items:
        tenants.setdefault(tenant_of(item), []).append(item)
    rounds = zip_longest(*tenants.values())
    return list(islice((item for item in chain.from_iterable(rounds) if item is not None), max(limit, 0)))


def position_of(text: str) -> tuple[str, int]:
    """A position's own part, and how many entries of the segment behind it are before it. See `after_each`."""
    whole, _, some = text.partition("#")
    number = whole_number(some or "0")
    # What nobody was told is a position that nobody knows.
    return (text, 0) if number is None else (whole, number)


def after_each(
    segments: Iterable[tuple[str, Sequence[LedgerEntry | None]]], before: str, event_types: Container[str]
) -> list[tuple[LedgerEntry, str]]:
    """
    The entries of segments that come in a row from the position `before`, each with the position behind it.

    A segment is given with the position behind all of it; inside of one, the position says how many entries of it
    are before it, so that whoever was cut off there goes on with the next. `None` stands for one of another type.
    """
    found = []
    last, skipped = position_of(before)
    for position, entries in segments:
        for number, entry in enumerate(entries, 1):
            if number > skipped and entry is not None and entry.event_type in event_types:
                found.append((entry, position if number == len(entries) else f"{last}#{number}"))
        last, skipped = position, 0
    return found


FIRST_POSITION = "0"
"""The position, as readers are told it, that every entry of a ledger is behind."""


def told_after_each(
    segments: Iterable[tuple[str, Sequence[LedgerEntry]]], passed: int, event_types: Container[str]
) -> list[str]:
    """
    As `after_each` for readers: of the same entries the position behind each, as readers are told it.

    A segment is given with its name; inside of one the position says how many entries of it have been passed, as
    `passed` does of the first one.
    """
    found = []
    for name, entries in segments:
        for number, entry in enumerate(entries, 1):
            if number > passed and entry.event_type in event_types:
                found.append(name if number == len(entries) else f"{name}#{number}")
        passed = 0
    return found


def segment_name(at: datetime, entry_id: str) -> str:
    """A segment as readers are told of it, by its first entry: the same in every database that it is copied to."""
    return f"{instant(at)}|{entry_id}"


def queue_line(case: Case) -> QueueLine:
    return QueueLine(case.expires_at, case.action_intent_id, case.account_id, case.proposed_by, case.reason or "")


def first_of_each(
    lines: Iterable[QueueLine], proposed_by: str | None, after: Mapping[str, QueuePlace], limit: int
) -> list[QueueLine]:
    """`Store.queue_lines` out of all lines of a queue, which come in its order."""
    found: dict[str, list[QueueLine]] = {}
    for line in lines:
        place = after.get(line.proposed_by)
        if proposed_by in (None, line.proposed_by) and (place is None or line.place > place):
            own = found.setdefault(line.proposed_by, [])
            own += [line] if len(own) < limit else []
    return [line for name in sorted(found) for line in found[name]]


def by_time(entry: LedgerEntry) -> tuple[datetime, str]:
    """The order of a ledger's entries over all its chains."""
    return datetime.fromisoformat(entry.at), entry.entry_id


def parse_record(kind: str, body: str | bytes) -> Stored:
    """
    The record a body holds, which may be packed.

    Raises `RemitError` if this version of Remit cannot read it.
    """
    if isinstance(body, bytes) and not body.startswith(b"{"):
        body = unpacked(body)
    try:
        return _READERS.get(kind, _parsed)(kind, body)
    except ValueError as error:
        raise RemitError(
            f"a record of {kind!r} is stored in a form this version does not know ({error}); "
            "run the version that wrote it, or a newer one"
        ) from error


def _parsed(kind: str, body: str | bytes) -> Stored:
    record: Stored = KINDS[kind].model.from_json(body)
    known = record.to_json()
    # What this version wrote, it writes the same way again; in all else there may be what it does not know.
    if known == (body if isinstance(body, str) else body.decode()):
        return record
    unknown = unknown_in(msgspec.json.decode(body), msgspec.json.decode(known))
    return record.keeping(unknown) if isinstance(unknown, UnknownFields) else record


def rewritten(record: Stored, before: Shown) -> Stored:
    """The record as it takes the place of `before`: with what this version does not know of that one."""
    if before is None or isinstance(before, IntentHistory) or before.unknown is None or record.unknown is not None:
        return record
    return record.keeping(before.unknown)


# Read by every decision and rarely changed. Found by their whole text, so never out of date.
_READERS = dict.fromkeys((BOUNDS.name, STOPS.name, ACTION_TYPE.name), lru_cache(maxsize=256)(_parsed))
