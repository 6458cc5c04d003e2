"""
Decisions that wait for facts: in threads and turns of their own, so that a slow system of record holds up nobody else.

One of a tenant's decisions that waits holds a thread, and no turn of those who compute.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

from remit.entrypoints.web.turns import Turns

T = TypeVar("T")
AT_ONCE = 64
"""How many decisions of a process wait for facts at a time,"""
AT_ONCE_OF_TENANT = 4
"""and how many of one tenant's."""


class FactWaits:
    """To be used from one event loop."""

    def __init__(self) -> None:
        self._turns = Turns(AT_ONCE, AT_ONCE_OF_TENANT)
        self._threads = CapacityLimiter(AT_ONCE)

    async def carry_out(self, tenant_id: str, work: Callable[[], T]) -> T:
        async with self._turns.of(tenant_id):
            return await to_thread.run_sync(work, limiter=self._threads)
