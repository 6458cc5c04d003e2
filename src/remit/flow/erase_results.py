"""Erase: what is kept of a result goes when its time is over, or when somebody asks for it; its hash stays."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import Struct

from remit.core.errors import NotFound
from remit.core.execution.result import StoredResult, ToolResult, is_readable
from remit.core.identity.credential import Credential
from remit.core.ledger.history import RESULT_CONTENT
from remit.core.records import RESULT, SAMPLE, Key, result_key
from remit.flow.context import Context, found_in, intent_keys
from remit.flow.writers import CaseWriter
from remit.ports import Snapshot, UnitOfWork, Writes


class EraseResult(Struct, frozen=True):
    """
    Erase the content of a result before its time; the entry says who asked for it, and why. A second time changes
    nothing, and neither does it where no content was kept, or its time is over.

    Raises `NotFound` for an intent that is not there, and for one of which no answer is told.
    """

    context: Context
    tenant_id: str
    action_intent_id: str
    by: str
    credential: Credential
    reason: str | None
    now: datetime

    def unit(self) -> UnitOfWork[ToolResult]:
        names = self.tenant_id, self.action_intent_id
        return UnitOfWork([*intent_keys(*names), result_key(*names)], self.decide)

    def decide(self, snapshot: Snapshot) -> Writes[ToolResult]:
        case, history = found_in(snapshot, self.tenant_id, self.action_intent_id)
        known = history.result
        if known is None:
            raise NotFound.of_result(self.action_intent_id, self.tenant_id)
        gone = _deletes(snapshot, result_key(self.tenant_id, self.action_intent_id))
        if not is_readable(known, self.now, erased=history.result_erased):
            return Writes(answer=known, deletes=gone)
        writer = CaseWriter(self.context, case, self.now)
        writer.append("CONTENT_ERASED", self._told(known), actor=self.by)
        writes = writer.writes(known)
        writes.deletes += gone
        return writes

    def _told(self, known: ToolResult) -> dict[str, Any]:
        which = {"content": RESULT_CONTENT, "sha256": known.sha256}
        return {**which, "erased_by": self.by, "credential": self.credential.wire(), "reason": self.reason}


def _deletes(snapshot: Snapshot, key: Key[StoredResult]) -> list[Key[Any]]:
    return [] if snapshot.get(key) is None else [key]


def erase_over(context: Context, now: datetime, most: int) -> int:
    """
    Erase results whose time is over, and take sampled actions off the list that nobody judged in time, at most so many
    of each; answers how many. No entry tells of it: of results it was said before, and what was sampled can be judged
    still. So nothing is read for it, and no intent costs a write of its own.
    """
    return sum(context.store.drop_due(kind, now, most) for kind in (RESULT, SAMPLE))
