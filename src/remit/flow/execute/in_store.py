"""Actions in this very store: made, where a worker asks for it, in the one write that takes them and ends them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from remit.core.execution.outcome import CallResult
from remit.core.records import Key
from remit.flow.context import Context, bounds_of
from remit.flow.execute.common import Keys, kept_of
from remit.ports import Snapshot, Writes, acts_in_store

if TYPE_CHECKING:
    from remit.flow.execute.take import Taken


def touched_keys(context: Context, snapshot: Snapshot, keys: Keys) -> Sequence[Key[Any]]:
    """
    The records that an intent's action touches in this store; none where it acts elsewhere.

    By the bounds in force: of an intent that pinned another version nothing is named, and it is called by itself.
    """
    intent = keys.intent(snapshot)
    in_force = bounds_of(snapshot, keys.case.tenant_id).type_in_force(intent.action_type) if intent else None
    if intent is None or in_force is None or in_force.spec is None or in_force.version != intent.registry_version:
        return ()
    tool = in_force.spec.tool
    connector = context.connectors.get(tool.connector)
    if connector is None or not acts_in_store(connector):
        return ()
    return connector.touched(intent.tenant_id, keys.idempotency_key(intent, tool))


def acted_in(snapshot: Snapshot, taken: Taken) -> Writes[CallResult] | None:
    """The action, if it can be made in the write that was shown `snapshot`; `None`: it is to be called by itself."""
    connector = taken.connector
    if not acts_in_store(connector):
        return None
    try:
        acted = connector.act(taken.call, snapshot)
        result = kept_of(acted.answer, taken.call.intent, taken.results, taken.call.now)
    except Exception:
        # Its records were not named; or whatever else is wrong is said, and recorded, when it is called by itself.
        return None
    return Writes(result, acted.puts) if result.acted == "yes" else None
