"""A server, an agent's clients for it, and a tool that notes how it was called."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from remit import AsyncRemitClient, RemitClient
from remit.agents import AsyncGuard, Guard, ToolCall
from remit.entrypoints.server.worker import work
from tests.entrypoints.http_world import ACME, OWN, World, bounds, http_world
from tests.waiting import PATIENCE_S, until


class Shop:
    """A tool that refunds; `fails` is raised instead, after `acts` says whether it has acted."""

    def __init__(self) -> None:
        self.refunds: list[dict[str, Any]] = []
        self.fails: BaseException | None = None

    def refund(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self.refunds.append(arguments)
        if self.fails is not None:
            raise self.fails
        return {"refunded": arguments["amount"]}


class Agents:
    """Guards of one kind, blocking or not, each as a new process would have its own."""

    def __init__(self, world: World, kind: str) -> None:
        self.world, self.kind, self.shop = world, kind, Shop()

    def run(
        self,
        call: ToolCall,
        act: Callable[[dict[str, Any]], Any] | None = None,
        *,
        wait_s: float = 0.0,
        worker_s: float = 0.0,
    ) -> Any:
        url, key, act = self.world.url, self.world.keys[ACME, "agent"], act or self.shop.refund
        if self.kind == "blocking":
            with RemitClient(url, key, timeout_s=PATIENCE_S) as client:
                return Guard(client, wait_s=wait_s, worker_s=worker_s).call(call, act)

        async def awaited() -> Any:
            async with AsyncRemitClient(url, key, timeout_s=PATIENCE_S) as client:
                return await AsyncGuard(client, wait_s=wait_s, worker_s=worker_s).call(call, act)

        return asyncio.run(awaited())

    def digest(self, name: str) -> str:
        return str(self.world.remit.intent(ACME, name).digest)

    def status(self, name: str) -> str:
        return str(self.world.remit.status(ACME, name)["status"])

    def approve(self, name: str, by: str = "bob") -> None:
        self.world.remit.approve(ACME, name, by=by, digest=self.digest(name))

    def at_worker(self) -> None:
        """From here on a worker executes what its proposer executed."""
        note = {"risk_tier": "LOW", "tool": {"connector": "internal", "operation": "create_note"}}
        self.world.remit.apply(bounds(action_types={OWN: note}, allowlist=[OWN]), by="ann")

    def working(self) -> threading.Event:
        """A worker that runs until the event that is answered is set."""
        stop = threading.Event()
        threading.Thread(target=work, args=(self.world.remit,), kwargs={"stop": stop}).start()
        return stop

    async def cancelled(self, run: Any, *, when: Callable[[], Any]) -> None:
        """Cancel what is run, when it is time."""
        task = asyncio.ensure_future(run)
        await asyncio.to_thread(until, lambda: when() or task.done(), what="it waits")
        task.cancel()
        with suppress(asyncio.CancelledError):
            raise AssertionError(f"it answered {await task!r}")


def call(call_id: str = "call-1", **changes: Any) -> ToolCall:
    known: dict[str, Any] = {
        "action_type": OWN,
        "arguments": {"order_id": "o-1", "amount": 5},
        "account_id": "acct-1",
        "session": "thread-1",
        "target": {"entity_type": "order", "entity_id": "o-1"},
        "more": {"confidence_score": 0.9},
    }
    return ToolCall(**{**known, "call_id": call_id, **changes})


def asked(call_id: str = "call-1", **changes: Any) -> ToolCall:
    """One that a person is asked about."""
    return call(call_id, more={"confidence_score": 0.1}, **changes)


@contextmanager
def agents_world(directory: Path, kind: str) -> Iterator[Agents]:
    with http_world(directory) as world:
        yield Agents(world, kind)
        assert world.remit.verify(ACME).ok, world.remit.verify(ACME).findings
