"""
Layout: where each item is; partition keys name the tenant first and the kind next, then one of a few parts.

A kind that is written with every intent is spread over several parts by a hash of its id, so that no
partition takes all the writes of a tenant; and the parts are known, so that everything of a kind can be
read from the table itself, consistently, and not from an index that lags behind.
"""

from __future__ import annotations

import random
import zlib
from datetime import UTC, datetime, timedelta
from typing import Literal

from remit.core.errors import InvalidInput
from remit.core.records import (
    ACTION_TYPE,
    API_KEY,
    BOUNDS,
    CASE,
    CHAIN,
    CHAIN_HEAD,
    POLICY_VERSION,
    STOPS,
    USAGE,
)
from remit.ports import cursor_of
from remit.stores.units import RecordId

ItemKey = tuple[str, str]
"""Partition key and sort key."""

LEDGER = "ledger"
TENANT_CHAIN = "-"
"""The tenant's own chain has a partition of its own, so that an export of the intents never meets it."""

PARTS = 8
"""A table is read with as many as it was written with; the index of what is due begins with as many."""
STOPS_COPIES = 16
_MARKS = 4
_PARTS_OF = {
    **dict.fromkeys((CHAIN_HEAD.name, BOUNDS.name, STOPS.name, ACTION_TYPE.name), 1),
    **dict.fromkeys((POLICY_VERSION.name, API_KEY.name), 1),
    # One item an account and day, listed by every look at what is left.
    USAGE.name: 4,
}
DueGroup = Literal["reserved", "moving", "resting"]
"""Of cases that are due: approvals that have to leave, what else Remit has to move on, and all others."""
CHANGED = f"*changed#{LEDGER}"
"""The partitions of the marks of tenants whose ledgers changed begin so; no tenant can be called this."""
TENANTS = "*tenants"
"""The partition that names every tenant; no tenant can be called this."""

_FIRST_MOMENT = datetime.min.replace(tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
NEVER = "9" * 18


def parts_of(kind: str) -> int:
    return min(_PARTS_OF.get(kind, PARTS), PARTS)


def partitions(kind: str, tenant_id: str) -> list[str]:
    """Every partition that holds this kind of this tenant."""
    return [f"{tenant_id}#{kind}#{part}" for part in range(parts_of(kind))]


def record_key(place: RecordId) -> ItemKey:
    kind, tenant_id, id = place
    return f"{tenant_id}#{kind}#{part(id, parts_of(kind))}", id


def copies_of(place: RecordId) -> list[ItemKey]:
    """
    Every item that a record has, `record_key` first: all of them are written in one transaction.

    Everybody's executions read the stops: so many copies carry so many times what one item does.
    """
    first = record_key(place)
    _, tenant_id, id = place
    others = range(1, STOPS_COPIES) if place[0] == STOPS.name else ()
    return [first, *((f"{tenant_id}#{STOPS.name}#{number}", id) for number in others)]


def read_key(place: RecordId) -> ItemKey:
    """One of them, to be read."""
    return random.choice(copies_of(place)) if place[0] == STOPS.name else record_key(place)  # noqa: S311 - no secret


def home(place: RecordId) -> RecordId:
    """The record that is read for what is at `place`: of a chain its case, whose item names the chain's segments."""
    return (CASE.name, *place[1:]) if place[0] == CHAIN.name else place


def chain_key(tenant_id: str, action_intent_id: str | None) -> ItemKey:
    """The partition of a chain, and what the sort keys of its segments begin with."""
    if action_intent_id is None:
        return f"{tenant_id}#{LEDGER}#{TENANT_CHAIN}", f"{TENANT_CHAIN}#"
    return f"{tenant_id}#{LEDGER}#{part(action_intent_id, PARTS)}", f"{action_intent_id}#"


def segment_key(tenant_id: str, action_intent_id: str | None, first: int) -> ItemKey:
    """Of the segment whose first entry has this place in its chain."""
    partition, prefix = chain_key(tenant_id, action_intent_id)
    # The sign between them sorts before every character of an id: chains follow each other as their names do.
    return partition, f"{prefix}{first:016d}"


def tenant_key(tenant_id: str) -> ItemKey:
    return TENANTS, tenant_id


def changed_key(tenant_id: str, process: str) -> ItemKey:
    """The place of the mark that a tenant's ledger changed; a few processes share one."""
    return f"{CHANGED}#{part(tenant_id, PARTS)}", f"{tenant_id}#{part(process, _MARKS)}"


# Partitions of the index of what is due, of which a table says how many there are of each.


def changed_parts(parts: int) -> list[str]:
    """Those of the marks of tenants whose ledgers changed, by when."""
    return _numbered("changed", parts)


def changed_part(tenant_id: str, parts: int) -> str:
    return f"changed#{part(tenant_id, parts)}"


def timed_parts(kind: str, parts: int) -> list[str]:
    """Those of a kind of record that says when it has to be looked at."""
    return _numbered(kind, parts)


def timed_part(kind: str, tenant_id: str, parts: int) -> str:
    return f"{kind}#{part(tenant_id, parts)}"


def due_parts(group: DueGroup, parts: int) -> list[str]:
    return _numbered(group, parts)


def due_part(group: DueGroup, tenant_id: str, action_intent_id: str, parts: int) -> str:
    return f"{group}#{part(f'{tenant_id}#{action_intent_id}', parts)}"


def _numbered(name: str, parts: int) -> list[str]:
    return [f"{name}#{number}" for number in range(parts)]


def time_partitions(tenant_id: str) -> list[str]:
    """The place of a tenant's segments in the index by time."""
    return [f"{tenant_id}#{LEDGER}#{number}" for number in range(PARTS)]


def time_partition(tenant_id: str, entry_id: str) -> str:
    return f"{tenant_id}#{LEDGER}#{part(entry_id, PARTS)}"


def part(id: str, parts: int) -> int:
    """Raises `InvalidInput` for what no store can hold: of the bytes of a command line, say, that are no UTF-8."""
    try:
        written = id.encode()
    except UnicodeEncodeError:
        raise InvalidInput("(record)", f"{id!r:.60} is not plain Unicode text", "send UTF-8") from None
    return zlib.crc32(written) % parts


def moment(at: datetime) -> str:
    """Text of one length that sorts as the moments do; `at` is aware."""
    return f"{(at - _FIRST_MOMENT) // _MICROSECOND:018d}"


def instant_of(text: str) -> datetime:
    """The moment that `moment` wrote."""
    return _FIRST_MOMENT + int(text) * _MICROSECOND


def at_place(at: datetime, *names: str) -> str:
    """A sort key: the moment first, then the names."""
    return "#".join((moment(at), *names))


def cursor_place(text: str) -> str:
    """
    The sort key that a cursor names.

    Raises `InvalidInput` if it is none.
    """
    return at_place(*cursor_of(text))
