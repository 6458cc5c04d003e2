"""Obstacles in the way of a waiting intent, found out from its bounds, stops and tool, and without a call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from remit.core.errors import InvalidInput
from remit.core.execution.obstacle import (
    Obstacle,
    blocked,
    connector_missing,
    host_not_allowed,
    not_mapped,
    over,
    stopped,
    unregistered,
    version_gone,
)
from remit.core.gate.action_type import ActionType
from remit.core.gate.autonomy import Stops, stop_in_force
from remit.core.gate.bounds import Bounds, BoundsInForce
from remit.core.gate.fact import Facts
from remit.core.intent import ActionIntentV1
from remit.core.opened_intent import redacted
from remit.core.records import Key
from remit.flow.context import Context, bounds_of, pinned_type_key, stops_over
from remit.flow.private_values import mapped
from remit.ports import Connector, ForeseesHost, ForeseesRefusal, Snapshot


def obstacle_now(
    context: Context, snapshot: Snapshot, intent: ActionIntentV1, facts: Facts, now: datetime
) -> Obstacle | None:
    """
    The first thing that stands in the way of carrying it out, by the facts that were recorded; `None` if nothing is
    seen to.

    `snapshot` was asked for the tenant's bounds and stops, and for what `tool_keys` names.
    """
    bounds = bounds_of(snapshot, intent.tenant_id)
    return (
        over(intent, now)
        or blocked(intent, bounds, now, facts)
        or of_tool(context, snapshot, intent, bounds)
        or _of_stops(intent, stops_over(snapshot, intent.tenant_id))
    )


def tool_keys(intent: ActionIntentV1 | None) -> list[Key[ActionType]]:
    """The record of the tool that an intent pinned."""
    return [pinned_type_key(intent)] if intent is not None and intent.registry_version is not None else []


def of_tool(context: Context, snapshot: Snapshot, intent: ActionIntentV1, bounds: BoundsInForce) -> Obstacle | None:
    """The obstacle that would make its execution fail before anything is called, whenever that is."""
    if (nothing := unregistered(intent)) is not None:
        return nothing
    pinned = snapshot.get(pinned_type_key(intent))
    if pinned is None:
        return version_gone(intent)
    tool = pinned.spec.tool.wire()
    connector = context.connectors.get(tool["connector"])
    if connector is None:
        return connector_missing(tool["connector"])
    try:
        request = mapped(connector, tool, intent)
    except InvalidInput as error:
        return not_mapped(redacted(str(error), intent))
    except Exception as error:
        # A connector of somebody else's that breaks here breaks when it is executed too.
        return not_mapped(type(error).__name__)
    refused = (
        connector.refusal(request, bounds.bounds.allowed_hosts) if isinstance(connector, ForeseesRefusal) else None
    )
    return host_not_allowed(refused) if refused else None


def _of_stops(intent: ActionIntentV1, stops: Sequence[Stops]) -> Obstacle | None:
    """Of level `everything`: that of autonomy leaves what a person approves alone."""
    stop = stop_in_force([each.of_level("everything") for each in stops], intent)
    return stopped(stop) if stop is not None else None


def unlisted_hosts(bounds: Bounds, connectors: Mapping[str, Connector]) -> list[str]:
    """Of each tool whose host is known from its URL and is not listed: every call of it would be refused."""
    told: list[str] = []
    for name, spec in bounds.action_types.items():
        connector = connectors.get(spec.tool.connector)
        if isinstance(connector, ForeseesHost) and (
            refused := connector.refusal_of_tool(spec.tool.wire(), bounds.allowed_hosts)
        ):
            told.append(f"action_types.{name}.tool: {refused}")
    return told
