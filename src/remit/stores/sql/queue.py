"""The workers' queue: the rows of `case_states` that have a `queue`, which names a tool."""

from __future__ import annotations

from typing import Any

from remit.core.lifecycle import Case
from remit.ports import Claim
from remit.stores.sql import queries
from remit.stores.sql.dialect import Dialect
from remit.stores.sql.loading import cases_of
from remit.stores.sql.rows import microseconds, queue_name
from remit.stores.turns import QueuedTool, chosen, in_turns, last_of

_MOST_TOOLS = 256
"""How many tools one look knows; the next goes on behind them."""


class Queue:
    """Not for two threads at once, but for `has`: whoever takes is in the one transaction that writes."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._last: QueuedTool | None = None
        self._last_known: QueuedTool | None = None

    def has(self, driver: Any, wanted: Claim) -> bool:
        return any(_has_room(tool, wanted) for tool in _due(self._known(driver, wanted), wanted))

    def take(self, driver: Any, wanted: Claim) -> list[Case]:
        """What is wanted, in turns, and locked where others could take it too."""

        def fetch(tool: QueuedTool, limit: int) -> list[Case]:
            queue, now = queue_name(tool.connector, tool.action_type), microseconds(wanted.now)
            given = {"tenant": tool.tenant_id, "queue": queue, "now": now, "limit": limit}
            return cases_of(self._dialect.take(driver, queries.QUEUED, given))

        known = self._known(driver, wanted)
        found = chosen(in_turns(_due(known, wanted), self._last), wanted, fetch)
        self._last = last_of(found, self._last)
        # Where not all are known, the next look begins behind these, even if they had nothing that could be taken.
        self._last_known = max(known) if len(known) >= _MOST_TOOLS else None
        return found

    def _known(self, driver: Any, wanted: Claim) -> dict[QueuedTool, bool]:
        """The tools that have something queued, as many as one look knows, and whether it is due."""
        behind = self._behind(driver, wanted, self._last_known)
        if len(behind) >= _MOST_TOOLS or self._last_known is None:
            return behind
        return self._behind(driver, wanted, None) | behind

    def _behind(self, driver: Any, wanted: Claim, after: QueuedTool | None) -> dict[QueuedTool, bool]:
        tenant, queue = ("", "") if after is None else (after.tenant_id, queue_name(after.connector, after.action_type))
        given = {"tenant": tenant, "queue": queue, "now": microseconds(wanted.now), "limit": _MOST_TOOLS}
        rows = self._dialect.fetch(driver, queries.QUEUED_TOOLS, given)
        return {_tool(tenant_id, name): bool(due) for tenant_id, name, due in rows}


def _due(known: dict[QueuedTool, bool], wanted: Claim) -> list[QueuedTool]:
    """Those of them that can be taken from now, sorted."""
    return sorted(tool for tool, due in known.items() if due and tool.connector in wanted.connectors)


def _has_room(tool: QueuedTool, wanted: Claim) -> bool:
    return wanted.places.room_for(tool.tenant_id, tool.action_type) > 0


def _tool(tenant_id: str, queue: str) -> QueuedTool:
    connector, _, action_type = queue.rpartition(" ")
    return QueuedTool(tenant_id, connector, action_type)
