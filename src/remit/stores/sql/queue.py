"""
The workers' queue: the rows of `case_states` that have a `queue`, which names a tool.

They are indexed by queue, then by tenant: what a worker can run is a few spans of that index, and whatever else is
queued lies between them, unread.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from remit.core.lifecycle import Case
from remit.core.records import CASE
from remit.ports import Claim, Runnable
from remit.stores.sql import queries
from remit.stores.sql.batch import SqlBatch
from remit.stores.sql.dialect import Dialect
from remit.stores.sql.rows import microseconds, queue_name, queue_span
from remit.stores.turns import QueuedTool, chosen, in_turns, last_of

_MOST_TOOLS = 256
"""How many tools one look knows; the next goes on behind them."""


class QueueSpan(NamedTuple):
    """Queues that a worker can run all of: from the `first` name to the `last`."""

    first: str
    last: str


class QueuePlace(NamedTuple):
    """A tool's place in the index."""

    queue: str
    tenant_id: str


class Queue:
    """Not for two threads at once, but for `has`: whoever takes is in the one transaction that writes."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._last: QueuedTool | None = None
        self._known_upto: dict[QueueSpan, QueuePlace] = {}

    def has(self, driver: Any, wanted: Claim) -> bool:
        return any(_has_room(tool, wanted) for tool in _due(self._known(driver, wanted)))

    def take(self, driver: Any, wanted: Claim, batch: SqlBatch) -> list[Case]:
        """
        The wanted cases, in turns, and locked where others could take them too: `batch` need not look them up again.
        """

        def fetch(tool: QueuedTool, limit: int) -> list[Case]:
            queue, now = queue_name(tool.connector, tool.action_type), microseconds(wanted.now)
            given = {"tenant": tool.tenant_id, "queue": queue, "now": now, "limit": limit}
            rows = self._dialect.take(driver, queries.QUEUED, given)
            return [batch.read_before((CASE.name, tool.tenant_id, id), body) for id, body in rows]

        known = self._known(driver, wanted)
        found = chosen(in_turns(_due(known), self._last), wanted, fetch)
        self._last = last_of(found, self._last)
        # Where not all are known, the next look begins behind these, even if they had nothing that could be taken.
        self._known_upto = _furthest(known) if len(known) >= _MOST_TOOLS else {}
        return found

    def _known(self, driver: Any, wanted: Claim) -> dict[tuple[QueueSpan, QueuePlace], bool]:
        """The tools that have something queued, as many as one look knows, and whether it is due."""
        upto = self._known_upto
        behind = self._behind(driver, wanted, upto)
        if len(behind) >= _MOST_TOOLS or not upto:
            return behind
        return self._behind(driver, wanted, {}) | behind

    def _behind(
        self, driver: Any, wanted: Claim, upto: dict[QueueSpan, QueuePlace]
    ) -> dict[tuple[QueueSpan, QueuePlace], bool]:
        spans = spans_of(wanted.runnable)
        if not spans:
            return {}
        given: dict[str, Any] = {"now": microseconds(wanted.now), "limit": _MOST_TOOLS}
        for number, span in enumerate(spans):
            place = upto.get(span, QueuePlace(span.first, ""))
            given |= {f"queue_{number}": place.queue, f"tenant_{number}": place.tenant_id, f"last_{number}": span.last}
        rows = self._dialect.fetch(driver, queries.queued_tools(len(spans)), given)
        return {(spans[number], QueuePlace(queue, tenant_id)): bool(due) for number, tenant_id, queue, due in rows}


def spans_of(runnable: Runnable) -> list[QueueSpan]:
    """The queues of what a worker can run, as spans."""
    return [
        QueueSpan(*queue_span(connector, action_type))
        for connector, named in runnable.action_types.items()
        for action_type in ([None] if named is None else sorted(named))
    ]


def busy_query(runnable: Runnable | None) -> tuple[str, dict[str, str]]:
    """The statement that says whether anything has to be moved on, with what it is given."""
    if runnable is None:
        return queries.BUSY, {}
    spans, given = spans_of(runnable), dict[str, str]()
    for number, span in enumerate(spans):
        given |= {f"queue_{number}": span.first, f"last_{number}": span.last}
    return queries.busy_with(len(spans)), given


def _due(known: dict[tuple[QueueSpan, QueuePlace], bool]) -> list[QueuedTool]:
    """Those of them that can be taken from now, sorted."""
    return sorted(_tool(place) for (_, place), due in known.items() if due)


def _has_room(tool: QueuedTool, wanted: Claim) -> bool:
    return wanted.places.room_for(tool.tenant_id, tool.action_type) > 0


def _furthest(known: dict[tuple[QueueSpan, QueuePlace], bool]) -> dict[QueueSpan, QueuePlace]:
    """The last place that is known of each span."""
    return dict(sorted(known))


def _tool(place: QueuePlace) -> QueuedTool:
    connector, _, action_type = place.queue.rpartition(" ")
    return QueuedTool(place.tenant_id, connector, action_type)
