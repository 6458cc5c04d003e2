"""Erase: what is kept of a result goes when its time is over, or when somebody asks for it; its hash stays."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from remit.core.errors import NotFound, RemitError
from remit.core.execution.result import StoredResult, ToolResult, is_readable
from remit.core.identity.credential import Credential
from remit.core.ledger.history import RESULT_CONTENT
from remit.core.records import RESULT, Key, case_key, chain_key, result_key
from remit.flow.context import CaseWriter, Context
from remit.ports import Snapshot, UnitOfWork, Writes

MOST_AT_ONCE = 20
"""Results that are erased in one round: each may be large, and is read once more."""


def erase_unit(
    context: Context,
    tenant_id: str,
    action_intent_id: str,
    *,
    by: str,
    credential: Credential,
    reason: str | None,
    now: datetime,
) -> UnitOfWork[ToolResult]:
    """
    Erase the content of a result before its time; the entry says who asked for it, and why. A second time changes
    nothing, and neither does it where no content was kept, or its time is over.

    Raises `NotFound` for an intent that is not there, and for one of which no answer is told.
    """
    case_at, chain_at = case_key(tenant_id, action_intent_id), chain_key(tenant_id, action_intent_id)
    result_at = result_key(tenant_id, action_intent_id)

    def change(snapshot: Snapshot) -> Writes[ToolResult]:
        case, history = snapshot.get(case_at), snapshot.get(chain_at)
        if case is None or history is None:
            raise NotFound("intent", action_intent_id, tenant_id)
        known = history.result
        if known is None:
            raise NotFound("result of intent", action_intent_id, tenant_id)
        gone = _deletes(snapshot, result_at)
        if not is_readable(known, now, erased=history.result_erased):
            return Writes(answer=known, deletes=gone)
        writer = CaseWriter(context, case, now)
        which = {"content": RESULT_CONTENT, "sha256": known.sha256}
        erased = {**which, "erased_by": by, "credential": credential.wire(), "reason": reason}
        writer.append("CONTENT_ERASED", erased, actor=by)
        writes = writer.writes(known)
        writes.deletes += gone
        return writes

    return UnitOfWork(reads=[case_at, chain_at, result_at], decide=change)


def _deletes(snapshot: Snapshot, key: Key[StoredResult]) -> list[Key[Any]]:
    return [] if snapshot.get(key) is None else [key]


def erase_over(context: Context, now: datetime) -> list[bool | RemitError]:
    """Erase results whose time is over, as many as one round takes; no entry tells of it, for it was said before."""
    due = context.store.due_records(RESULT, now, MOST_AT_ONCE)
    keys = [result_key(tenant_id, stored.action_intent_id) for tenant_id, stored in due]
    return context.store.transact([_erase_over_unit(key, now) for key in keys]) if keys else []


def _erase_over_unit(key: Key[StoredResult], now: datetime) -> UnitOfWork[bool]:
    def change(snapshot: Snapshot) -> Writes[bool]:
        stored = snapshot.get(key)
        # Another call of the same intent may have stored its own meanwhile.
        over = stored is not None and stored.is_over(now)
        return Writes(answer=over, deletes=[key] if over else [])

    return UnitOfWork(reads=[key], decide=change)
