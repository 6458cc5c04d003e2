"""
The ledger: append-only chains of entries, each holding the hash of the one before.

One chain for each intent, one for each tenant's own affairs, one of the platform's own for global stops and its keys.
The hash of an entry is SHA-256 over the RFC 8785 form of everything else in it. An entry is written in that form
once, as a line: the line is hashed, stored and exported as it is.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, Self, cast, get_args

import msgspec

from remit.core.canonical import canonical, digest_of, sha256_hex
from remit.core.values import Record, instant

EventType = Literal[
    "INTENT_PROPOSED",
    "INTENT_SUPERSEDED",
    "INTENT_EXPIRED",
    "GATE_DECIDED",
    "ACTION_APPROVED",
    "APPROVAL_VOTED",
    "ACTION_REJECTED",
    "ACTION_PUBLISHED",
    "BUDGET_RELEASED",
    "EXECUTION_STARTED",
    "ACTION_EXECUTED",
    "ACTION_FAILED",
    "ACTION_UNKNOWN",
    "EXECUTION_CANCELLED",
    "OUTCOME_RESOLVED",
    "INTENT_WITHDRAWN",
    "CONTENT_ERASED",
    "QUESTION_ASKED",
    "QUESTION_ANSWERED",
    "CARD_ASSIGNED",
    "AUTONOMY_SAMPLED",
    "CONFIG_CHANGED",
    "AUTONOMY_STOPPED",
    "AUTONOMY_RESUMED",
    "KEY_CHANGED",
    "SUBSCRIPTION_CHANGED",
    "LINK_MADE",
    "QUEUE_HANDED_OVER",
    "LEDGER_SEALED",
]

EVENT_TYPES: tuple[EventType, ...] = get_args(EventType)

OF_TENANT: frozenset[EventType] = frozenset(
    {
        "CONFIG_CHANGED",
        "AUTONOMY_STOPPED",
        "AUTONOMY_RESUMED",
        "KEY_CHANGED",
        "SUBSCRIPTION_CHANGED",
        "LINK_MADE",
        "QUEUE_HANDED_OVER",
        "LEDGER_SEALED",
    }
)
"""The events of a tenant's (or the platform's) own chain; every other is about one intent."""

FORMAT = 2
"""The format of entries written now. Format 1 had no `v`; entries of both verify."""


class Head(Record, frozen=True):
    """The last entry of a chain; `NO_CHAIN` before the first."""

    sequence: int
    hash: str | None


NO_CHAIN = Head(sequence=0, hash=None)


class _Hashed(msgspec.Struct, gc=False):
    """The fields of a line that its hash is over, in the order of RFC 8785."""

    account_id: str | None
    action_intent_id: str | None
    actor: str
    at: str
    data: msgspec.Raw
    entry_id: str
    event_type: str
    previous_hash: str | None
    sequence: int
    tenant_id: str
    v: int


class _Line(msgspec.Struct, kw_only=True, gc=False):
    account_id: str | None
    action_intent_id: str | None
    actor: str
    at: str
    data: msgspec.Raw
    entry_id: str
    event_type: str
    hash: str
    previous_hash: str | None
    sequence: int
    tenant_id: str
    v: int = 1


_encode = msgspec.json.Encoder().encode
_decode_line = msgspec.json.Decoder(_Line).decode
ENTRY_FIELDS = tuple(name for name in _Line.__struct_fields__ if name != "v")
"""The fields of every line; from format 2 on, `v` stands beside them."""


class LedgerEntry(msgspec.Struct, eq=False, gc=False):
    """
    One thing that happened. `line` is the whole entry as it is stored and exported, in canonical JSON, UTF-8.

    `record` is what `data` says as a value of Remit's own, where this process wrote it.
    """

    line: bytes
    record: Record | None
    # In the order of `_Line`.
    account_id: str | None
    action_intent_id: str | None
    actor: str
    at: str
    _raw: msgspec.Raw
    entry_id: str
    event_type: EventType
    hash: str
    previous_hash: str | None
    sequence: int
    tenant_id: str
    v: int
    _data: dict[str, Any] | None = None

    @classmethod
    def parse(cls, line: bytes) -> Self:
        """From a stored line. Raises `ValueError` for what is none."""
        return cls(line, None, *msgspec.structs.astuple(_decode_line(line)))

    @property
    def data(self) -> dict[str, Any]:
        """The data of the event, as JSON values; see the table of events in `docs/ledger.md`."""
        if self._data is None:
            self._data = cast("dict[str, Any]", msgspec.json.decode(self._raw))
        return self._data

    @property
    def data_json(self) -> bytes:
        """The data as it stands in the line: canonical JSON."""
        return bytes(self._raw)

    @property
    def head(self) -> Head:
        return Head(sequence=self.sequence, hash=self.hash)

    def wire(self) -> dict[str, Any]:
        """The line as JSON values."""
        return cast(dict[str, Any], msgspec.json.decode(self.line))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LedgerEntry) and self.line == other.line

    def __hash__(self) -> int:
        return hash(self.line)

    def __repr__(self) -> str:
        return f"LedgerEntry({self.line.decode()})"


_NAMES_TYPE = b'"event_type":"'


def event_type_in(line: bytes) -> str:
    """The type of the event that a stored line tells of, found without reading the rest of it."""
    # The last such name is the line's own: behind it come hashes, a number and a tenant's id.
    start = line.rindex(_NAMES_TYPE) + len(_NAMES_TYPE)
    return line[start : line.index(b'"', start)].decode()


def entry_hash(entry: dict[str, Any]) -> str:
    """The hash an exported line must carry."""
    return digest_of({name: value for name, value in entry.items() if name != "hash"})


def next_entry(
    head: Head | LedgerEntry,
    event_type: EventType,
    data: dict[str, Any] | Record,
    *,
    entry_id: str,
    tenant_id: str,
    account_id: str | None,
    action_intent_id: str | None,
    actor: str,
    at: datetime,
    written: bytes | None = None,
) -> LedgerEntry:
    """The entry that follows `head` in its chain. `written` is the canonical form of `data`, where it is at hand."""
    if type(data) is dict:
        record, form = None, written or canonical(data)
    else:
        record = cast("Record", data)
        form = written or record.canonical()
    carried, sequence, moment, previous = msgspec.Raw(form), head.sequence + 1, instant(at), head.hash
    hashed = _encode(
        _Hashed(
            account_id,
            action_intent_id,
            actor,
            moment,
            carried,
            entry_id,
            event_type,
            previous,
            sequence,
            tenant_id,
            FORMAT,
        )
    )
    hash = sha256_hex(hashed)
    # No text can hold this: within one, quotation marks are escaped.
    place = hashed.rindex(b',"previous_hash":')
    return LedgerEntry(
        b'%b,"hash":"%b"%b' % (hashed[:place], hash.encode(), hashed[place:]),
        record,
        account_id,
        action_intent_id,
        actor,
        moment,
        carried,
        entry_id,
        event_type,
        hash,
        previous,
        sequence,
        tenant_id,
        FORMAT,
    )


class ChainHead(Record, frozen=True):
    """The head of a tenant's own chain (bounds, stops, keys, seals), or of the platform's."""

    chain: Head = NO_CHAIN
