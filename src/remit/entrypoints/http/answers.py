"""The answer to a proposal, read as it stands or waited for."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from remit.app.answers import Watch
from remit.core.identity.principal import Principal
from remit.core.views import AgentAnswer
from remit.entrypoints.web.bodies import IntentId
from remit.entrypoints.web.callers import (
    CurrentRemit,
    Entry,
    OwnReaderCaller,
    admit,
    remit_of,
    require_within_tenant,
)
from remit.entrypoints.web.reading_bodies import JsonAnswer, LeanRoute, is_usual_id, leanly
from remit.entrypoints.web.waits import Waits, Wakening
from remit.wiring import Remit

LONGEST_WAIT_S = 60

router = APIRouter(tags=["results"], route_class=LeanRoute)


async def _waits_of(request: Request) -> Waits:
    waits: Waits = request.app.state.waits
    return waits


async def _answer_one(request: Request, entry: Entry, _: Any) -> Response | None:
    asked, name = _USUAL_WAIT.fullmatch(request.scope["query_string"]), request.path_params["action_intent_id"]
    if asked is None or not is_usual_id(name):
        return None
    wait_s = float(asked["seconds"] or 0)
    if wait_s > LONGEST_WAIT_S:
        return None
    remit = await remit_of(request)
    if wait_s:
        caller = require_within_tenant(await admit(request), "read_own")
        with (await _waits_of(request)).enter(caller) as wakening:
            return JsonAnswer(await _awaited(request, remit, caller, name, wakening, wait_s))

    def read() -> AgentAnswer:
        caller = require_within_tenant(entry.principal(), "read_own")
        return remit.answers.read(caller.tenant_id, name, caller).wire()

    return JsonAnswer(await run_in_threadpool(read))


_USUAL_WAIT = re.compile(rb"(?:wait_s=(?P<seconds>[0-9]{1,2}(?:\.[0-9]{1,6})?))?")


@router.get("/v1/intents/{action_intent_id}/answer")
@leanly(_answer_one)
async def answer(
    request: Request,
    remit: CurrentRemit,
    caller: OwnReaderCaller,
    waits: Annotated[Waits, Depends(_waits_of)],
    action_intent_id: IntentId,
    wait_s: Annotated[
        float, Query(ge=0, le=LONGEST_WAIT_S, allow_inf_nan=False, description="seconds to wait at most")
    ] = 0,
) -> AgentAnswer:
    """
    The answer to an intent, or to what took its place, in words for a model and in fields for a program.

    With `wait_s`, as soon as it is settled, or then as it stands. What a tool answered is another system's text.
    """
    if not wait_s:
        return (await run_in_threadpool(remit.answers.read, caller.tenant_id, action_intent_id, caller)).wire()
    with waits.enter(caller) as wakening:
        return await _awaited(request, remit, caller, action_intent_id, wakening, wait_s)


async def _awaited(
    request: Request, remit: Remit, caller: Principal, name: str, wakening: Wakening, wait_s: float
) -> AgentAnswer:
    until = time.monotonic() + wait_s
    watch = await run_in_threadpool(remit.answers.watch, caller.tenant_id, name, wakening.wake, wait_s, caller)
    with watch, _ended_by_hanging_up(request, wakening):
        while True:
            wakening.rest()
            settled, told = await run_in_threadpool(_looked, watch)
            if settled or not await _woken(wakening, until):
                return told


def _looked(watch: Watch) -> tuple[bool, AgentAnswer]:
    # Kept while it is waited, and so without the history that it is made of.
    found = watch.look()
    return found.settled, found.wire()


async def _woken(wakening: Wakening, until: float) -> bool:
    """Wait to be woken. False when there is no more time, or nobody who waits."""
    left_s = until - time.monotonic()
    return not wakening.over and left_s > 0 and await wakening.wait(left_s) and not wakening.over


@contextmanager
def _ended_by_hanging_up(request: Request, wakening: Wakening) -> Iterator[None]:
    """Whoever has gone keeps no place. Told by the connection: nobody is looked after while nothing happens."""

    async def listen() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            """The rest of a body that nobody reads."""
        wakening.end()

    listening = asyncio.create_task(listen())
    try:
        yield
    finally:
        listening.cancel()
