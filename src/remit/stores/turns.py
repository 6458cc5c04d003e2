"""Turns: which queued cases a claim takes, so that tenants, and within one its tools, come one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple, Self

from remit.core.execution.places import Places
from remit.core.lifecycle import Case
from remit.ports import Claim


class QueuedTool(NamedTuple):
    """A tool for which something is queued: an action type of a tenant, and its connector."""

    tenant_id: str
    connector: str
    action_type: str

    @classmethod
    def of(cls, case: Case) -> Self:
        return cls(case.tenant_id, case.connector, case.action_type)


Fetch = Callable[[QueuedTool, int], Sequence[Case]]
"""The longest due cases of a tool, at most so many."""


def in_turns(tools: Sequence[QueuedTool], last: QueuedTool | None) -> list[list[QueuedTool]]:
    """Sorted tools by tenant, from the tenant after that of the `last` one; its own last, from the tool after it on."""
    tenants = [list(of_tenant) for _, of_tenant in groupby(tools, key=attrgetter("tenant_id"))]
    if last is None:
        return tenants
    behind = [each for each in tenants if each[0].tenant_id > last.tenant_id]
    before = [_rotated(each, last) for each in tenants if each[0].tenant_id <= last.tenant_id]
    return behind + before


def _rotated(tools: list[QueuedTool], last: QueuedTool) -> list[QueuedTool]:
    return [each for each in tools if each > last] + [each for each in tools if each <= last]


def chosen(tenants: Sequence[Sequence[QueuedTool]], wanted: Claim, fetch: Fetch) -> list[Case]:
    """Equal shares of what is wanted; what one leaves is shared by those after it."""
    places, found = wanted.places.copy(), list[Case]()
    for turn, tools in enumerate(tenants):
        share = _share(wanted.limit - len(found), len(tenants) - turn)
        found += _of_tenant(tools, share, places, fetch)
    return found


def _of_tenant(tools: Sequence[QueuedTool], share: int, places: Places, fetch: Fetch) -> list[Case]:
    found: list[Case] = []
    for turn, (tenant_id, _, action_type) in enumerate(tools):
        of_tool = _share(share - len(found), len(tools) - turn)
        most = min(of_tool, places.room_for(tenant_id, action_type))
        cases = fetch(tools[turn], most) if most > 0 else ()
        for _ in cases:
            places.take(tenant_id, action_type)
        found += cases
    return found


def _share(left: int, among: int) -> int:
    return -(-left // among)


def last_of(taken: Sequence[Case], before: QueuedTool | None) -> QueuedTool | None:
    """The last that came; as `before` where nobody did."""
    return QueuedTool.of(taken[-1]) if taken else before
