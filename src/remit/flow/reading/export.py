"""Export of a tenant's ledger, closed with a seal."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from msgspec import Struct

from remit.core.errors import NotFound
from remit.core.ledger.entries import EVENT_TYPES, LedgerEntry
from remit.core.ledger.seal import HeadFold
from remit.core.mirrors import view_of
from remit.flow.context import Context, chain_head_key, one
from remit.flow.writers import TenantLedgerWriter
from remit.ports import Snapshot, UnitOfWork, Writes, answer_of

if TYPE_CHECKING:
    from remit.core.views import EntryAnswer

_AT_ONCE = 500
_BEFORE_ALL = datetime(2000, 1, 1, tzinfo=UTC)
"""Before anything that a ledger holds."""


def export(context: Context, tenant_id: str, now: datetime, *, by: str) -> Iterator[EntryAnswer]:
    """
    Every entry of a tenant, chain by chain as of one moment, and at the end a seal written now.

    The seal is part of the ledger. Who keeps the export can compare it with any later one.
    """
    for entry in _export(context, tenant_id, now, by=by):
        yield view_of(entry)


def export_lines(context: Context, tenant_id: str, now: datetime, *, by: str) -> Iterator[bytes]:
    """The lines of `export`, as they are stored."""
    for entry in _export(context, tenant_id, now, by=by):
        yield entry.line


def extract_lines(context: Context, tenant_id: str, first: datetime | None, before: datetime | None) -> Iterator[bytes]:
    """
    The entries from `first` on and before `before`, as they are stored, in the order in which the store took them in.

    A part to read and to count: without a seal, and with chains that began before it. A proof is of the whole alone.
    Raises `NotFound`.
    """
    require_known(context, tenant_id, 0)
    position, more = context.store.ledger_position(tenant_id, since=first or _BEFORE_ALL), True
    while more:
        found = context.store.ledger_after(tenant_id, EVENT_TYPES, position, _AT_ONCE)
        for entry, _ in found.entries:
            at = datetime.fromisoformat(entry.at)
            if (first is None or at >= first) and (before is None or at < before):
                yield entry.line
        position, more = found.position, found.more


def _export(context: Context, tenant_id: str, now: datetime, *, by: str) -> Iterator[LedgerEntry]:
    fold, last = HeadFold(), cast("LedgerEntry | None", None)
    for entry in context.store.export(tenant_id):
        if last is not None and last.action_intent_id != entry.action_intent_id:
            fold.add(last.action_intent_id or "", last.head)
        fold.entries, last = fold.entries + 1, entry
        yield entry
    if last is not None:
        fold.add(last.action_intent_id or "", last.head)
    require_known(context, tenant_id, fold.entries)
    sealed_at = _seal(context, tenant_id, fold, by=by, now=now)
    # What came after the seal, another export's seal among it, belongs to the next export.
    yield from context.store.chain(tenant_id, None)[:sealed_at]


def ledger_entries(context: Context, tenant_id: str, action_intent_id: str | None) -> Iterator[LedgerEntry]:
    """
    One intent's chain, or all of a tenant's, each from its first entry, its own chain last. Writes nothing.

    Raises `NotFound` where there is none.
    """
    if action_intent_id is not None:
        # A store may have the tenant's own chain under an empty name.
        entries = context.store.chain(tenant_id, action_intent_id) if action_intent_id else []
        if not entries:
            raise NotFound("intent", action_intent_id, tenant_id)
        yield from entries
    else:
        yield from context.store.export(tenant_id)
        yield from context.store.chain(tenant_id, None)


def require_known(context: Context, tenant_id: str, entries: int) -> None:
    """Raises `NotFound` for a tenant that has no entry, nor a chain of its own."""
    # A misspelt name would otherwise be a ledger without a flaw.
    if not entries and one(context, chain_head_key(tenant_id)) is None:
        raise NotFound("tenant", tenant_id, tenant_id)


def _seal(context: Context, tenant_id: str, fold: HeadFold, *, by: str, now: datetime) -> int:
    """Answers the seal's sequence in the tenant's chain."""
    return answer_of(context.store.transact([SealLedger(context, tenant_id, fold, by, now).unit()]))


class SealLedger(Struct, frozen=True):
    """Close an export with a seal in the tenant's chain, of which it answers the sequence."""

    context: Context
    tenant_id: str
    fold: HeadFold
    by: str
    now: datetime

    def unit(self) -> UnitOfWork[int]:
        return UnitOfWork([chain_head_key(self.tenant_id)], self.decide)

    def decide(self, snapshot: Snapshot) -> Writes[int]:
        writer = TenantLedgerWriter(self.context, snapshot, self.tenant_id, self.now)
        writer.append("LEDGER_SEALED", self.fold.seal(writer.head), actor=self.by)
        return writer.writes(writer.head.sequence)
