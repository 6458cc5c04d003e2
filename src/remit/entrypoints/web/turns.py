"""
Turns of tenants at the threads of a door: however much one of them sends, another's request is looked at soon.

Threads of one process share one interpreter. Ten requests of one tenant at work in ten threads make an eleventh wait
for each of them, at every step that it takes.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

AT_ONCE = 8
"""How many requests of a process are at work in threads at a time,"""
AT_ONCE_OF_TENANT = 2
"""how many of one tenant's,"""
BESIDE_OTHERS = 1
"""and how many of one tenant's where another has just asked for something: alone, a second request is read while the
first one is written."""
RECENT_S = 1.0
"""How long it counts as just asked."""


class Turns:
    """
    Tenants at work, and those that wait: one line a tenant, and the lines in turns. To be used from one event loop.
    """

    def __init__(
        self, most: int = AT_ONCE, most_of_tenant: int = AT_ONCE_OF_TENANT, beside_others: int | None = None
    ) -> None:
        """`beside_others` is how many of a tenant's where another has just asked for something; else the same."""
        self._most, self._most_of_tenant = most, most_of_tenant
        self._beside_others = most_of_tenant if beside_others is None else beside_others
        self._latest, self._before_that = ("", -math.inf), ("", -math.inf)
        """Who asked last and when, and who did last of all others."""
        self._at_work: Counter[str] = Counter()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    @asynccontextmanager
    async def of(self, tenant_id: str) -> AsyncIterator[None]:
        """Begins when it is the tenant's turn."""
        self.asked(tenant_id)
        await self._begin(tenant_id)
        try:
            yield
        finally:
            self._end(tenant_id)

    def asked(self, tenant_id: str) -> None:
        """Somebody of this tenant asks for something; empty where nobody knows yet whose it is."""
        if self._latest[0] != tenant_id:
            self._before_that = self._latest
        self._latest = tenant_id, _now()

    async def _begin(self, tenant_id: str) -> None:
        if tenant_id not in self._waiting and self._has_room(tenant_id):
            self._at_work[tenant_id] += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(tenant_id, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            # Gone while it waited, or in the moment in which its turn came.
            if turn.done() and not turn.cancelled():
                self._end(tenant_id)
            else:
                self._leave(tenant_id, turn)
            raise

    def _end(self, tenant_id: str) -> None:
        self._at_work[tenant_id] -= 1
        if not self._at_work[tenant_id]:
            del self._at_work[tenant_id]
        for name in [name for name in self._waiting if self._has_room(name)]:
            if self._has_room(name):
                self._at_work[name] += 1
                self._next(name).set_result(None)

    def _next(self, tenant_id: str) -> asyncio.Future[None]:
        """The first of a tenant's line, which goes behind all others."""
        line = self._waiting.pop(tenant_id)
        turn = line.popleft()
        if line:
            self._waiting[tenant_id] = line
        return turn

    def _leave(self, tenant_id: str, turn: asyncio.Future[None]) -> None:
        line = self._waiting.get(tenant_id, deque())
        if turn in line:
            line.remove(turn)
            if not line:
                del self._waiting[tenant_id]

    def _has_room(self, tenant_id: str) -> bool:
        _, asked = self._before_that if self._latest[0] == tenant_id else self._latest
        most = self._beside_others if _now() - asked < RECENT_S else self._most_of_tenant
        return self._at_work.total() < self._most and self._at_work[tenant_id] < most


def _now() -> float:
    return asyncio.get_running_loop().time()
