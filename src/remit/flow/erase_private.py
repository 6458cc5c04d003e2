"""Erase: forget private values of an intent for good. Its chain says which, by whom and why; no hash changes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from remit.core.erasure import Erased, erased_data, hashes_to_erase
from remit.core.identity.credential import Credential
from remit.core.private_values import PrivateValues
from remit.core.records import Key, chain_key, private_key
from remit.flow.context import Context, found_in, intent_keys
from remit.flow.private_values import private_keys
from remit.flow.writers import CaseWriter
from remit.ports import Snapshot, UnitOfWork, Writes


class ErasePrivateValues(Struct, frozen=True):
    """
    Erase the values at these paths, or all that are there. What was erased before stays as it was told then.

    Raises `NotFound`, and `InvalidInput` for a path that is not private in this intent.
    """

    context: Context
    tenant_id: str
    action_intent_id: str
    paths: Sequence[str] | None
    by: str
    credential: Credential
    reason: str
    now: datetime

    def unit(self) -> UnitOfWork[Erased]:
        return UnitOfWork(intent_keys(self.tenant_id, self.action_intent_id), self.decide, self.then_reads)

    def then_reads(self, snapshot: Snapshot) -> list[Key[PrivateValues]]:
        return private_keys(snapshot.get(chain_key(self.tenant_id, self.action_intent_id)))

    def decide(self, snapshot: Snapshot) -> Writes[Erased]:
        case, history = found_in(snapshot, self.tenant_id, self.action_intent_id)
        gone = hashes_to_erase(history, self.paths)
        if not gone:
            return Writes(answer=Erased(action_intent_id=self.action_intent_id, paths=[]))
        writer, erased = CaseWriter(self.context, case, self.now), sorted(gone.values())
        told = erased_data(erased, by=self.by, credential=self.credential, reason=self.reason)
        writer.append("CONTENT_ERASED", told, actor=self.by)
        self._forget(writer, snapshot, [*gone])
        return writer.writes(Erased(action_intent_id=self.action_intent_id, paths=erased))

    def _forget(self, writer: CaseWriter, snapshot: Snapshot, gone: list[str]) -> None:
        keys = self.then_reads(snapshot)
        kept = snapshot.get(keys[0]) if keys else None
        left = kept.without(gone) if kept else None
        key = private_key(self.tenant_id, self.action_intent_id)
        if left is not None and left.values:
            writer.put(key, left)
        else:
            writer.delete(key)
