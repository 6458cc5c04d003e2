"""
Close an export with a seal: an entry of the tenant's own chain that names the head of every other chain.

A large tenant's seal has many parts, and what one write holds is bounded. Parts that follow each other without
a gap are one seal; one that somebody wrote between is left unfinished, counts for nothing, and is begun anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from remit.core.errors import TryLater
from remit.core.ledger.entries import Head, seal_parts
from remit.flow.context import Context, TenantLedgerWriter, chain_head_key
from remit.ports import Snapshot, UnitOfWork, Writes, answer_of

PARTS_AT_ONCE = 10
"""In one write: ten thousand intents, and with the longest ids 2.5 MB."""
_TRIES = 10


@dataclass(frozen=True, slots=True)
class Begun:
    """A seal of which some parts are written: all of them, and where the chain ends after those."""

    parts: list[dict[str, Any]]
    written: int
    head: Head


def seal(context: Context, tenant_id: str, heads: dict[str, Head], entries: int, *, by: str, now: datetime) -> int:
    """
    Answers the sequence of the seal's last part. `entries` is how many the export holds before the tenant's chain.

    Raises `TryLater` if others kept writing to that chain.
    """
    for _ in range(_TRIES):
        begun = _next_parts(context, tenant_id, heads, entries, None, by, now)
        while begun is not None and begun.written < len(begun.parts):
            begun = _next_parts(context, tenant_id, heads, entries, begun, by, now)
        if begun is not None:
            return begun.head.sequence
    raise TryLater(f"others kept writing to the chain of tenant {tenant_id!r} while it was sealed; export it again")


def _next_parts(
    context: Context,
    tenant_id: str,
    heads: dict[str, Head],
    entries: int,
    begun: Begun | None,
    by: str,
    now: datetime,
) -> Begun | None:
    """`None` if somebody wrote between the parts."""

    def change(snapshot: Snapshot) -> Writes[Begun | None]:
        writer = TenantLedgerWriter(context, snapshot, tenant_id, now)
        if begun is not None and writer.head != begun.head:
            return Writes(answer=None)
        parts = begun.parts if begun else seal_parts(heads, entries + writer.head.sequence, writer.head)
        written = begun.written if begun else 0
        for part in parts[written : written + PARTS_AT_ONCE]:
            writer.append("LEDGER_SEALED", part, actor=by)
        return writer.writes(Begun(parts, min(len(parts), written + PARTS_AT_ONCE), writer.head))

    return answer_of(context.store.transact([UnitOfWork(reads=[chain_head_key(tenant_id)], decide=change)]))
