"""Export of a tenant's ledger, closed with a seal; and verification of it as it lives in the store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, cast

from remit.core.errors import NotFound
from remit.core.gate.budget import Counter
from remit.core.ledger.entries import Head, LedgerEntry
from remit.core.ledger.seal import HeadFold
from remit.core.ledger.verification import Report, heads_named, verify
from remit.core.records import USAGE, case_key
from remit.flow.context import Context, TenantLedgerWriter, chain_head_key, one
from remit.ports import Snapshot, UnitOfWork, Writes, answer_of


def export(context: Context, tenant_id: str, now: datetime, *, by: str) -> Iterator[dict[str, Any]]:
    """
    Every entry of a tenant, chain by chain as of one moment, and at the end a seal written now.

    The seal is part of the ledger. Who keeps the export can compare it with any later one.
    """
    for entry in export_entries(context, tenant_id, now, by=by):
        yield entry.wire()


def export_entries(context: Context, tenant_id: str, now: datetime, *, by: str) -> Iterator[LedgerEntry]:
    """The entries of an export; each one's `line` is the exported line."""
    fold, last = HeadFold(), cast("LedgerEntry | None", None)
    for entry in context.store.export(tenant_id):
        if last is not None and last.action_intent_id != entry.action_intent_id:
            fold.add(last.action_intent_id or "", last.head)
        fold.entries, last = fold.entries + 1, entry
        yield entry
    if last is not None:
        fold.add(last.action_intent_id or "", last.head)
    _require_known(context, tenant_id, fold.entries)
    sealed_at = _seal(context, tenant_id, fold, by=by, now=now)
    # What came after the seal, another export's seal among it, belongs to the next export.
    yield from context.store.chain(tenant_id, None)[:sealed_at]


def verify_live(context: Context, tenant_id: str) -> Report:
    """The invariants over the store as it is: its ledger, and its counters against it."""
    report = verify(
        _live_entries(context, tenant_id),
        sealed=False,
        sealed_heads=heads_named(entry.wire() for entry in context.store.chain(tenant_id, None)),
        counters=_counters(context, tenant_id),
        counters_after=lambda: _counters(context, tenant_id),
        live_heads=lambda names: _heads(context, tenant_id, names),
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


def _heads(context: Context, tenant_id: str, names: Sequence[str]) -> dict[str, Head]:
    """Where the cases of these intents say that their chains end."""
    keys = [case_key(tenant_id, name) for name in names]
    snapshot = context.store.read(keys)
    cases = [case for case in map(snapshot.get, keys) if case is not None]
    return {case.action_intent_id: case.chain for case in cases}


def _live_entries(context: Context, tenant_id: str) -> Iterator[dict[str, Any]]:
    # The tenant's chain last: every configuration that a decision saw was written before the decision.
    for entry in context.store.export(tenant_id):
        yield entry.wire()
    for entry in context.store.chain(tenant_id, None):
        yield entry.wire()


def _seal(context: Context, tenant_id: str, fold: HeadFold, *, by: str, now: datetime) -> int:
    """Answers the seal's sequence in the tenant's chain."""

    def change(snapshot: Snapshot) -> Writes[int]:
        writer = TenantLedgerWriter(context, snapshot, tenant_id, now)
        writer.append("LEDGER_SEALED", fold.seal(writer.head), actor=by)
        return writer.writes(writer.head.sequence)

    return answer_of(context.store.transact([UnitOfWork(reads=[chain_head_key(tenant_id)], decide=change)]))
