"""Suggestions with evidence, from a tenant's ledger and its bounds as they are. Writes nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from remit.core.gate.bounds import BoundsInForce
from remit.core.gate.bounds_diff import changes
from remit.core.mirrors import view_of
from remit.flow.context import Context, bounds_now
from remit.flow.reading.export import require_known
from remit.flow.reading.replay import told
from remit.lab.suggestions import ShapeEvidence, Suggestion, evidence, suggestion

if TYPE_CHECKING:
    from remit.core.views.bounds import SuggestedChange, SuggestionsAnswer


def suggestions(context: Context, tenant_id: str, now: datetime, advance: Callable[[int], None]) -> SuggestionsAnswer:
    """Each shape that people were asked about, with what they said and, where that speaks for one, a change."""
    bounds = bounds_now(context, tenant_id)
    require_known(context, tenant_id, bounds.config_sequence)
    shapes = evidence(told(context.store.export(tenant_id), advance))

    def shown(found: Suggestion | None) -> SuggestedChange | None:
        if found is None:
            return None
        return {
            "direction": found.direction,
            "changes": [view_of(change) for change in changes(bounds, found.after)],
            "bounds": found.after.bounds.model_dump(mode="json"),
        }

    return {
        "tenant_id": tenant_id,
        "config_sequence": bounds.config_sequence,
        "items": [shape.wire(_tool(shape, bounds), shown(suggestion(shape, bounds, now))) for shape in shapes],
    }


def _tool(shape: ShapeEvidence, bounds: BoundsInForce) -> str | None:
    """The tool of its version, where that is the one in force."""
    spec = bounds.action_type(shape.action_type)
    in_force = bounds.registry_version(shape.action_type) == shape.version
    return spec.tool.name if spec is not None and in_force else None
