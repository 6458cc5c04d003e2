"""Clients of Remit that are killed, cancelled or made to wait at a certain request, as a job says."""

from __future__ import annotations

import asyncio
from typing import Any

from remit import AsyncRemitClient, RemitClient
from remit.client.calls import RouteCall
from remit.client.permit import Permit, Proposed
from tests.agents.suite.jobs import Job, die_at, meet
from tests.waiting import PATIENCE_S


class _Forced:
    def __init__(self, job: Job) -> None:
        self._job, self._has_met = job, False

    def before(self, call: RouteCall[Any]) -> None:
        if _begins(call):
            die_at(self._job, "before the mark")
            if not self._has_met:
                self._has_met = True
                meet(self._job)

    def after(self, call: RouteCall[Any], answer: Any) -> None:
        permit = answer.permit if isinstance(answer, Proposed) else answer
        if _begins(call) and isinstance(permit, Permit):
            die_at(self._job, "after the mark")
        if call.route.endswith("/finish"):
            die_at(self._job, "after finish")

    def cancels(self, call: RouteCall[Any]) -> bool:
        """Whoever waits is held by this question."""
        return self._job.cancelled and call.held_s > 0


def _begins(call: RouteCall[Any]) -> bool:
    return call.route.endswith("/begin") or bool(call.query.get("begin"))


class ForcedClient(RemitClient):
    def __init__(self, job: Job) -> None:
        assert job.url is not None
        super().__init__(job.url, job.key, timeout_s=PATIENCE_S)
        self._forced = _Forced(job)

    def _ask(self, call: RouteCall[Any]) -> Any:
        self._forced.before(call)
        if self._forced.cancels(call):
            raise KeyboardInterrupt
        answer = super()._ask(call)
        self._forced.after(call, answer)
        return answer


class ForcedAsyncClient(AsyncRemitClient):
    def __init__(self, job: Job) -> None:
        assert job.url is not None
        super().__init__(job.url, job.key, timeout_s=PATIENCE_S)
        self._forced = _Forced(job)

    async def _ask(self, call: RouteCall[Any]) -> Any:
        await asyncio.to_thread(self._forced.before, call)
        if self._forced.cancels(call):
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
        answer = await super()._ask(call)
        self._forced.after(call, answer)
        return answer
