"""Circuit breakers: what is known of tools whose calls fail, what calls add to that, and the end of a pause by hand."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from remit.core.errors import RemitError
from remit.core.execution.breaker import (
    Answered,
    BreakerRules,
    ToolBreaker,
    after_calls,
    described,
    explanation,
    heard_in,
    may_call,
)
from remit.core.lifecycle import Case
from remit.core.records import TOOL_BREAKER, breaker_key
from remit.core.values import LAST_MOMENT
from remit.flow.context import Context
from remit.ports import Snapshot, UnitOfWork, Writes

if TYPE_CHECKING:
    from remit.core.views import FailingToolAnswer

log = logging.getLogger(__name__)
MOST_KNOWN = 1000
"""Of all tenants together, paused ones first; a tool beyond them is called as if nothing were known of it."""


class ToolId(NamedTuple):
    tenant_id: str
    action_type: str


Breakers = Mapping[ToolId, ToolBreaker]


class CalledTool(NamedTuple):
    """A call that was made; `known` if something was known of its tool when it was marked."""

    tool: ToolId
    answered: Answered
    known: bool


def failing_tools(context: Context) -> Breakers:
    """The tools of all tenants whose latest calls failed."""
    if context.breaker is None:
        return {}
    found = context.store.due_records(TOOL_BREAKER, LAST_MOMENT, MOST_KNOWN)
    return {ToolId(tenant_id, breaker.action_type): breaker for tenant_id, breaker in found}


def failing_tools_of(context: Context, tenant_id: str) -> list[ToolBreaker]:
    """One tenant's, by name."""
    return [] if context.breaker is None else context.store.scan(TOOL_BREAKER, tenant_id)


def breaker_in(context: Context, snapshot: Snapshot, tool: ToolId) -> ToolBreaker | None:
    """The breaker of a tool, in a snapshot that was asked for its breaker."""
    return snapshot.get(breaker_key(*tool)) if context.breaker is not None else None


def paused_tools(context: Context, tenant_id: str, cases: Sequence[Case]) -> dict[str, FailingToolAnswer]:
    """The paused tools of these cases by action type, as they are shown."""
    if not cases:
        return {}
    tools = [ToolId(tenant_id, name) for name in dict.fromkeys(case.action_type for case in cases)]
    seen = context.store.read([breaker_key(*tool) for tool in tools])
    known = {tool.action_type: breaker_in(context, seen, tool) for tool in tools}
    return {name: described(each) for name, each in known.items() if each is not None and each.paused_since}


def room_under(breakers: Breakers, now: datetime) -> dict[tuple[str, str], int]:
    """The number of calls of each paused tool that may begin now: none, or the trial."""
    paused = ((tool, breaker) for tool, breaker in breakers.items() if breaker.paused_since is not None)
    return {tool: int(may_call(breaker, now) == "trial") for tool, breaker in paused}


def note_units(context: Context, calls: Iterable[CalledTool], now: datetime) -> list[UnitOfWork[None]]:
    """
    The news that calls have of their tools, in the order in which they ended: one unit a tool, and none for one whose
    calls succeed and of which nothing is known.
    """
    if context.breaker is None:
        return []
    by_tool: dict[ToolId, list[CalledTool]] = {}
    for call in calls:
        by_tool.setdefault(call.tool, []).append(call)
    return [
        NoteCalls(tool, [call.answered for call in made], context.breaker, now).unit()
        for tool, made in by_tool.items()
        if any(map(_says_something, made))
    ]


def _says_something(call: CalledTool) -> bool:
    heard = heard_in(call.answered.result)
    return heard == "failed" or (heard == "answered" and call.known)


class NoteCalls(Struct, frozen=True):
    """Write down what calls say of their tool, where that changes what is known of it."""

    tool: ToolId
    calls: Sequence[Answered]
    rules: BreakerRules
    now: datetime

    def unit(self) -> UnitOfWork[None]:
        return UnitOfWork([breaker_key(*self.tool)], self.decide)

    def decide(self, snapshot: Snapshot) -> Writes[None]:
        at = breaker_key(*self.tool)
        before = snapshot.get(at)
        after = after_calls(before, self.tool.action_type, self.calls, self.rules, self.now)
        if after == before:
            return Writes(answer=None)
        _log_change(self.tool, before, after)
        return Writes(answer=None, deletes=[at]) if after is None else Writes(answer=None, puts=[(at, after)])


def _log_change(tool: ToolId, before: ToolBreaker | None, after: ToolBreaker | None) -> None:
    if after is not None and after.paused_since is not None:
        log.warning("tenant %s: %s", tool.tenant_id, explanation(after))
    elif before is not None and before.paused_since is not None:
        log.warning("tenant %s: %s's tool answers again and is called as before", tool.tenant_id, tool.action_type)


def note_calls(context: Context, calls: Iterable[CalledTool], now: datetime) -> None:
    """Note calls in a write of its own. Where that fails, the calls are not counted: what they came to is recorded."""
    units = note_units(context, calls, now)
    try:
        answers = context.store.transact(units) if units else []
    except RemitError as error:
        answers = [error]
    log_uncounted(answers)


def log_uncounted(answers: Iterable[object]) -> None:
    for error in answers:
        if isinstance(error, RemitError):
            log.warning("calls are not counted for their tool: %s", error)


class ResumeTool(Struct, frozen=True):
    """Forget what is known of a tool, so that it is called at once. Answers false if it was not paused."""

    tool: ToolId

    def unit(self) -> UnitOfWork[bool]:
        return UnitOfWork([breaker_key(*self.tool)], self.decide)

    def decide(self, snapshot: Snapshot) -> Writes[bool]:
        at = breaker_key(*self.tool)
        breaker = snapshot.get(at)
        if breaker is None or breaker.paused_since is None:
            return Writes(answer=False)
        return Writes(answer=True, deletes=[at])
