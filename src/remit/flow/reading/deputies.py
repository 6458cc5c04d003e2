"""Deputies: whose cards are whose at the moment, from the entries that say so."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from remit.core.execution.assignment import Handover, deputy_of, in_force
from remit.core.ledger.history import IntentHistory
from remit.flow.context import Context

if TYPE_CHECKING:
    from typing_extensions import TypedDict

    class Assigned(TypedDict):
        """The person whose card it is, and who has it for now."""

        assigned_to: str | None
        deputy: str | None


MOST_HANDOVERS = 200
"""So many of the latest are looked at."""


def handovers(context: Context, tenant_id: str, now: datetime) -> list[Handover]:
    """Those that last."""
    return in_force(context.store.recent(tenant_id, ["QUEUE_HANDED_OVER"], None, None, MOST_HANDOVERS), now)


def assigned(
    context: Context, tenant_id: str, histories: Sequence[IntentHistory | None], now: datetime
) -> list[Assigned]:
    """Of each, to whom it is assigned, and the deputy who has that person's cards now."""
    names = [history.assigned_to if history is not None else None for history in histories]
    # Most tenants assign nothing, and nothing more is read for them.
    lasting = handovers(context, tenant_id, now) if any(names) else []
    return [{"assigned_to": name, "deputy": deputy_of(name, lasting) if name else None} for name in names]
