"""
Places: how many calls a worker makes at once, and how many of them are whose.

A tool is an action type of one tenant. Wherever calls of one tool, or of one tenant, last long, the others' calls must
find a place at once; so nobody may hold more than half of what the others leave, and who holds nothing begins one call
even if all places are taken.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

_TIMES_IN_ALL = 4
_TIMES_BEYOND = 2
"""First calls of tools may take the places beyond all, up to so many times as there are."""
_TIMES_OF_THREADS = 16


class Places:
    """
    The places of a worker, and who holds them. One tool alone may have `of_tool` calls at once.

    | whose        | holds at most                                                                         |
    |--------------|---------------------------------------------------------------------------------------|
    | a tenant's   | half of what other tenants leave of 4 x `of_tool`                                     |
    | a tool's     | half of what the tenant's other tools leave of twice what the tenant may hold         |
    | a tool's     | one, while it holds none: up to 8 x `of_tool` in all, and as many of a tenant beyond  |
    | a tenant's   | one, while it holds none: up to 16 x `of_tool` in all                                 |
    """

    def __init__(self, of_tool: int) -> None:
        self._of_tool = of_tool
        self._tenants: Counter[str] = Counter()
        self._tools: Counter[tuple[str, str]] = Counter()
        self._at_most: Mapping[tuple[str, str], int] = {}

    @property
    def most(self) -> int:
        """The number of calls that can be under way at all."""
        return _TIMES_OF_THREADS * self._of_tool

    @property
    def held(self) -> int:
        return self._tenants.total()

    def room_for(self, tenant_id: str, action_type: str) -> int:
        """The number of further calls of this tool that may begin now."""
        own, held = self._tenants[tenant_id], self._tools[tenant_id, action_type]
        of_tenant = (_TIMES_IN_ALL * self._of_tool - (self.held - own)) // 2
        of_tool = (of_tenant - (own - held)) // 2
        room = min(of_tenant - own, of_tool - held)
        room = room if room > 0 else int(self._may_begin_first(own, held, of_tenant))
        return min(room, self._at_most.get((tenant_id, action_type), room))

    def _may_begin_first(self, own: int, held: int, of_tenant: int) -> bool:
        if own == 0:
            return self.held < self.most
        beyond = max(of_tenant, 0) + self._of_tool
        return held == 0 and own < beyond and self.held < _TIMES_BEYOND * _TIMES_IN_ALL * self._of_tool

    def take(self, tenant_id: str, action_type: str) -> None:
        self._tenants[tenant_id] += 1
        self._tools[tenant_id, action_type] += 1

    def give_back(self, tenant_id: str, action_type: str) -> None:
        self._tenants[tenant_id] -= 1
        self._tools[tenant_id, action_type] -= 1
        # Counts of nobody would stay for good.
        self._tenants += Counter()
        self._tools += Counter()

    def copy(self) -> Places:
        """As they are now, to be filled in thought."""
        copied = Places(self._of_tool)
        copied._tenants, copied._tools = self._tenants.copy(), self._tools.copy()
        copied._at_most = self._at_most
        return copied

    def at_most(self, of: Mapping[tuple[str, str], int]) -> Places:
        """As they are now, with no more room for these tools, each a tenant and an action type, than so much."""
        copied = self.copy()
        copied._at_most = of
        return copied
