"""Functions with `@action`: what is not over is called again, as the same call."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from remit.agents import Action, Asked, NotRun, action, calling
from remit.agents.endings import NotActed
from remit.core.errors import RemitError
from tests.agents.suite.forced import ForcedAsyncClient, ForcedClient
from tests.agents.suite.jobs import ORDER, SESSION, Job, Told, far_side
from tests.entrypoints.http_world import OWN

_INSIDE = "a function is innermost: nothing is between Remit and it"


class Function:
    alone = False
    in_table = True
    shortens = False
    cannot: Mapping[str, str] = {"rewritten": _INSIDE}
    cannot_alone: Mapping[str, str] = {}

    def start(self, job: Job) -> Told:
        with calling(SESSION, job.call_id):
            try:
                return Told(heard=(self._answer(job),))
            except Asked as asked:
                return Told(paused=True, heard=(asked.text,))
            except (NotRun, NotActed, RemitError) as ending:
                return Told(heard=(str(ending),), error=type(ending).__name__)

    # A function keeps nothing: who calls it again by the same name goes on.
    resume = start

    def _answer(self, job: Job) -> str:
        def refund(order_id: str, amount: int) -> str:
            return far_side(job, amount)

        with ForcedClient(job) as client:
            return _guarded(job, refund, client)(ORDER, job.amount)


class CoroutineFunction(Function):
    in_table = False

    def _answer(self, job: Job) -> str:
        return asyncio.run(self._awaited(job))

    async def _awaited(self, job: Job) -> str:
        async def refund(order_id: str, amount: int) -> str:
            return far_side(job, amount)

        async with ForcedAsyncClient(job) as client:
            answer: str = await _guarded(job, refund, client)(ORDER, job.amount)
            return answer


def _guarded(job: Job, refund: Any, client: Any) -> Action[Any, Any]:
    more = job.tools().specs["refund"].more
    target = ("order", "order_id")
    return action(OWN, target=target, account_id="acct-1", client=client, wait_s=job.wait_s, **more)(refund)
