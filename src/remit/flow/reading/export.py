"""
Export of a tenant's ledger, closed with a seal; and verification of it as it lives in the store.

A seal is an entry of the tenant's own chain that names the head of every other chain. A large tenant's has many
parts, and what one write holds is bounded. Parts that follow each other without a gap are one seal; one that
somebody wrote between is left unfinished, counts for nothing, and is begun anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from remit.core.errors import NotFound, TryLater
from remit.core.gate.budget import Counter
from remit.core.ledger.entries import Head, seal_parts
from remit.core.ledger.verification import Report, heads_named, verify
from remit.core.records import USAGE
from remit.flow.context import Context, TenantLedgerWriter, chain_head_key, one
from remit.ports import Snapshot, UnitOfWork, Writes, answer_of

PARTS_AT_ONCE = 10
"""In one write: ten thousand intents, and with the longest ids 2.5 MB."""
_TRIES = 10


def export(context: Context, tenant_id: str, now: datetime, *, by: str) -> Iterator[dict[str, Any]]:
    """
    Every entry of a tenant, chain by chain as of one moment, and at the end a seal written now.

    The seal is part of the ledger: keep a copy of it elsewhere, and a later rewriting shows.
    """
    heads: dict[str, Head] = {}
    entries = 0
    for entry in context.store.export(tenant_id):
        entries += 1
        heads[entry.action_intent_id or ""] = entry.head
        yield entry.wire()
    _require_known(context, tenant_id, entries)
    sealed_at = _seal(context, tenant_id, heads, entries, by=by, now=now)
    # What came after the seal, another export's seal among it, belongs to the next export.
    for entry in context.store.chain(tenant_id, None)[:sealed_at]:
        yield entry.wire()


def verify_live(context: Context, tenant_id: str) -> Report:
    """The invariants over the store as it is: its ledger, and its counters against it."""
    report = verify(
        _live_entries(context, tenant_id),
        sealed=False,
        sealed_heads=heads_named(entry.wire() for entry in context.store.chain(tenant_id, None)),
        counters=_counters(context, tenant_id),
        counters_after=lambda: _counters(context, tenant_id),
    )
    _require_known(context, tenant_id, report.entries)
    report.tenant_id = tenant_id
    return report


def _require_known(context: Context, tenant_id: str, entries: int) -> None:
    # A misspelt name would otherwise be a ledger without a flaw.
    if not entries and one(context, chain_head_key(tenant_id)) is None:
        raise NotFound("tenant", tenant_id, tenant_id)


def _counters(context: Context, tenant_id: str) -> dict[str, Counter]:
    """By window id."""
    return {
        f"{usage.usage_id}|{name}": counter
        for usage in context.store.scan(USAGE, tenant_id)
        for name, counter in usage.counters.items()
    }


def _live_entries(context: Context, tenant_id: str) -> Iterator[dict[str, Any]]:
    # The tenant's chain last: every configuration that a decision saw was written before the decision.
    for entry in context.store.export(tenant_id):
        yield entry.wire()
    for entry in context.store.chain(tenant_id, None):
        yield entry.wire()


@dataclass(frozen=True, slots=True)
class Begun:
    """A seal of which some parts are written: all of them, and where the chain ends after those."""

    parts: list[dict[str, Any]]
    written: int
    head: Head


def _seal(context: Context, tenant_id: str, heads: dict[str, Head], entries: int, *, by: str, now: datetime) -> int:
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
