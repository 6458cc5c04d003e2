"""Verification of a tenant as it lives in the store: its ledger, and what is stored beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import chain
from typing import Any

from remit.core.gate.budget import Counter, kept_from
from remit.core.ledger.entries import LedgerEntry
from remit.core.ledger.verification import KeptHead, Report, listed_heads, sound_entry, verify
from remit.core.records import USAGE, private_key
from remit.flow.context import Context, one
from remit.flow.reading.export import require_known
from remit.flow.reading.live_rows import LiveRows


def verify_live(context: Context, tenant_id: str, now: datetime, *, kept: Iterable[KeptHead] | None = None) -> Report:
    """
    The invariants over the store as it is: its ledger, and every row that follows from it.

    `kept` are the heads of an earlier export: each must still stand where it stood. Without one, so must those that
    seals of format 1 list.
    """
    counters = _counters(context, tenant_id)
    intents = context.store.export(tenant_id)
    # Once the export has begun it holds nothing newer than now: whatever bounds an entry in it names are written.
    begun = chain([*_first(intents)], intents)
    report = Report()
    own = context.store.chain(tenant_id, None)
    rows = LiveRows(context, tenant_id, own, report, now)
    own_chain = [entry.wire() for entry in own]
    verify(
        chain(map(_read, rows.beside(begun)), own_chain),
        own_chain=own_chain,
        sealed=False,
        counters=counters,
        counters_after=lambda: _counters(context, tenant_id),
        counters_from=kept_from(now),
        kept=listed_heads(own_chain) if kept is None else kept,
        report=report,
        private=lambda name: one(context, private_key(tenant_id, name)),
    )
    rows.compare_others()
    require_known(context, tenant_id, report.entries)
    report.tenant_id = tenant_id
    return report


def _read(entry: LedgerEntry) -> dict[str, Any]:
    return sound_entry(entry.line) or entry.wire()


def _first(stream: Iterator[Any]) -> Iterator[Any]:
    first = next(stream, None)
    if first is not None:
        yield first


def _counters(context: Context, tenant_id: str) -> dict[str, Counter]:
    """By window id."""
    usages = context.store.scan(USAGE, tenant_id)
    return {window_id: counter for usage in usages for window_id, counter in usage.windows().items()}
