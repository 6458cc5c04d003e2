"""Erase: forget private values of an intent for good. Its chain says which, by whom and why; no hash changes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from remit.core.erasure import Erased, erased_data, hashes_to_erase
from remit.core.errors import NotFound
from remit.core.identity.credential import Credential
from remit.core.records import case_key, chain_key, private_key
from remit.flow.context import CaseWriter, Context
from remit.flow.private_values import private_keys
from remit.ports import Snapshot, UnitOfWork, Writes


def erase_private_unit(
    context: Context,
    tenant_id: str,
    action_intent_id: str,
    *,
    paths: Sequence[str] | None,
    by: str,
    credential: Credential,
    reason: str,
    now: datetime,
) -> UnitOfWork[Erased]:
    """
    Erase the values at these paths, or all that are there. What was erased before stays as it was told then.

    Raises `NotFound`, and `InvalidInput` for a path that is not private in this intent.
    """
    case_at, chain_at = case_key(tenant_id, action_intent_id), chain_key(tenant_id, action_intent_id)

    def change(snapshot: Snapshot) -> Writes[Erased]:
        case, history = snapshot.get(case_at), snapshot.get(chain_at)
        if case is None or history is None:
            raise NotFound("intent", action_intent_id, tenant_id)
        keys = private_keys(history)
        kept = snapshot.get(keys[0]) if keys else None
        gone = hashes_to_erase(history, paths)
        if not gone:
            return Writes(answer=Erased(action_intent_id=action_intent_id, paths=[]))
        writer = CaseWriter(context, case, now)
        erased = sorted(gone.values())
        writer.append("CONTENT_ERASED", erased_data(erased, by=by, credential=credential, reason=reason), actor=by)
        left = kept.without([*gone]) if kept else None
        if left is not None and left.values:
            writer.put(private_key(tenant_id, action_intent_id), left)
        else:
            writer.delete(private_key(tenant_id, action_intent_id))
        return writer.writes(Erased(action_intent_id=action_intent_id, paths=erased))

    return UnitOfWork(
        reads=[case_at, chain_at], decide=change, then_reads=lambda snapshot: private_keys(snapshot.get(chain_at))
    )
