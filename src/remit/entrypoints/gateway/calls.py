"""
Guarded calls on their way, a task each.

Whoever asks for a call waits for its task and may leave: the task goes on, and what is approved is carried out when its
client has gone. Asked again, a call that is on its way is not made a second time. What was on its way when a gateway
ended is gone on with by the next (`Calls.resume`).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mcp.shared.dispatcher import ProgressFnT

from remit.agents.call import ToolCall
from remit.agents.endings import Asked, NotActed, NotRun, ending_of
from remit.agents.guard import AsyncGuard
from remit.agents.steps import outcome_of
from remit.client.http_client import AsyncRemitClient
from remit.core.errors import IntentIdReused, NotFound, RemitError, TryLater
from remit.entrypoints.gateway.replies import kept_of, reply_of
from remit.entrypoints.gateway.tools import GatewayTool, pinned_in, unpacked
from remit.entrypoints.gateway.upstream import Upstream, UpstreamDown
from remit.entrypoints.gateway.waiting import WaitingCalls

if TYPE_CHECKING:
    from remit.core.views import AgentAnswer, StatusAnswer

log = logging.getLogger(__name__)

ONE_WAIT_S = 24 * 3600.0
AGAIN_S = 5.0
"""Between two looks at a call that Remit cannot be asked about, or that people want to know something of first."""
LEAVE_WITHIN_S = 10.0
"""How long tools that run when the gateway ends are waited for."""
CANCELLED = "its client cancelled it"
CHANGED = "the definition of its tool is another now than the one that was approved"
ANOTHERS = "the tool that its reasons name is called as another action type, or in another account, than was approved"


@dataclass(frozen=True, slots=True)
class Caller:
    """A client of Remit, what tells its key from others, and whether it is the gateway's own."""

    client: AsyncRemitClient
    credential: str
    is_gateway: bool


class RunningCall:
    """One call on its way. `waits` is Remit's answer as it stood when a person was asked."""

    def __init__(self, action_intent_id: str, caller: Caller, call: ToolCall | None, within_s: float) -> None:
        self._within_s = within_s
        self.action_intent_id, self.caller, self.call = action_intent_id, caller, call
        self.acting = asyncio.Event()
        self.cancelled = False
        self._told = asyncio.Event()
        self._waits: AgentAnswer | None = None
        self.listeners: list[ProgressFnT] = []
        self.task: asyncio.Task[Any]

    @property
    def waits(self) -> AgentAnswer | None:
        return self._waits

    @waits.setter
    def waits(self, answer: AgentAnswer) -> None:
        self._waits = answer
        self._told.set()

    async def held(self, until: float) -> bool:
        """
        Has it ended by then? Remit's first word is waited for in any case, `within_s` at most, and a tool
        that runs is waited for as it would be itself.
        """
        told = asyncio.ensure_future(self._told.wait())
        try:
            await asyncio.wait({self.task, told}, timeout=self._within_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            told.cancel()
        await asyncio.wait({self.task}, timeout=max(until - time.monotonic(), 0.0))
        if self.acting.is_set() and not self.task.done():
            await asyncio.wait({self.task})
        return self.task.done()

    async def report(self, progress: float, total: float | None, message: str | None) -> None:
        for listener in list(self.listeners):
            await listener(progress, total, message)

    @property
    def current_intent_id(self) -> str:
        """The newest that took the place of the one that was proposed, as far as is known."""
        return str(self.waits["current_intent_id"]) if self.waits else self.action_intent_id


class Calls:
    """
    `tool_of` finds a tool by the name that clients call it, `server_of` says whose it would be. What waits with the
    gateway's own key is `kept` for the time after a restart; other keys are nowhere stored. `within_s` is how long a
    call waits for its server before it is proposed, and for Remit's first word; one that is approved waits for as long
    as it takes.
    """

    def __init__(
        self,
        tool_of: Callable[[str], GatewayTool | None],
        server_of: Callable[[str], str],
        upstreams: Mapping[str, Upstream],
        kept: WaitingCalls,
        within_s: float,
    ) -> None:
        self._within_s = within_s
        self._tool_of, self._server_of, self._upstreams = tool_of, server_of, upstreams
        self._kept = kept
        self._running: dict[tuple[str, str], RunningCall] = {}
        self._cancelling: set[asyncio.Task[None]] = set()

    def propose(self, caller: Caller, call: ToolCall, tool: GatewayTool) -> RunningCall:
        """Raises `IntentIdReused` where a call of that name is on its way that says something else."""
        known = self.find(caller, call.action_intent_id)
        if known is not None:
            if known.call is not None and known.call != call:
                raise IntentIdReused(call.action_intent_id, ["parameters"])
            return known
        running = RunningCall(call.action_intent_id, caller, call, self._within_s)
        return self._started(running, self._proposed(running, call, tool))

    def go_on(self, caller: Caller, action_intent_id: str) -> RunningCall:
        """With one that was proposed before."""
        known = self.find(caller, action_intent_id)
        if known is not None:
            return known
        running = RunningCall(action_intent_id, caller, None, self._within_s)
        return self._started(running, self._later(running))

    def resume(self, caller: Caller) -> None:
        """Go on with what waits of a gateway that has ended."""
        for name in self._kept.names():
            self.go_on(caller, name)

    def find(self, caller: Caller, action_intent_id: str) -> RunningCall | None:
        return self._running.get((caller.credential, action_intent_id))

    def cancel_soon(self, running: RunningCall) -> None:
        """For one who is cancelled too, and cannot wait for it."""
        task = asyncio.create_task(self.cancel(running))
        self._cancelling.add(task)
        task.add_done_callback(self._cancelling.discard)

    async def cancel(self, running: RunningCall) -> None:
        """Take it back; a tool that runs is told, and nobody knows then whether it acted."""
        running.cancelled = True
        if running.acting.is_set():
            running.task.cancel()
        else:
            await _withdrawn(running, CANCELLED)

    async def close(self) -> None:
        """Leave what waits to whoever comes next; tools that run are given a moment."""
        tasks = {running.task: running.acting.is_set() for running in self._running.values()}
        for task, acts in tasks.items():
            if not acts:
                task.cancel()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=LEAVE_WITHIN_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _started(self, running: RunningCall, steps: Coroutine[Any, Any, Any]) -> RunningCall:
        key = (running.caller.credential, running.action_intent_id)
        running.task = asyncio.create_task(steps)
        self._running[key] = running

        def ended(task: asyncio.Task[Any]) -> None:
            self._running.pop(key, None)
            error = None if task.cancelled() else task.exception()
            if error is not None:
                log.info("intent %s: %s", running.action_intent_id, error)
            if not task.cancelled() and (not isinstance(error, RemitError) or isinstance(error, NotFound)):
                self._kept.discard(running.action_intent_id)

        running.task.add_done_callback(ended)
        return running

    async def _proposed(self, running: RunningCall, call: ToolCall, tool: GatewayTool) -> Any:
        try:
            await self._upstreams[tool.server].ready(self._within_s)
        except UpstreamDown as down:
            await _require_known(running, down)
            return await self._later(running)
        act = self._act(running, tool.name, tool.sha256)
        try:
            return await AsyncGuard(running.caller.client, worker_s=0).call(call, act, kept=kept_of)
        except NotRun as ending:
            running.waits = _waiting(ending)
        if running.cancelled:
            await _withdrawn(running, CANCELLED)
        return await self._later(running)

    async def _later(self, running: RunningCall) -> Any:
        """Wait until somebody has answered, however long that is, then go on as the answer says."""
        client, name = running.caller.client, running.action_intent_id
        if running.caller.is_gateway:
            self._kept.add(name)
        while True:
            try:
                await _hear(running)
                running.waits = answer = await client.wait(name, timeout_s=ONE_WAIT_S)
                if answer["status"] == "APPROVED" and answer["executed_by"] == "caller":
                    act = await self._approved(running)
                    return await AsyncGuard(client, worker_s=0).go_on(name, act, kept=kept_of)
                return outcome_of(answer)
            except NotRun as ending:
                running.waits = _waiting(ending)
            except TryLater as error:
                log.warning("Remit cannot be asked about intent %s: %s", name, error)
            await asyncio.sleep(AGAIN_S)

    async def _approved(self, running: RunningCall) -> Callable[[dict[str, Any]], Any]:
        """The act, once the server that carries it out is there with the tool that was approved."""
        shown = await running.caller.client.status(running.current_intent_id)
        name, definition = _pin_of(shown) or ("", "")
        upstream = self._upstreams.get(self._server_of(name))
        if upstream is not None:
            await upstream.ready(None)
        problem = _not_the_call_of(self._tool_of(name), definition, shown)
        if problem is None:
            return self._act(running, name, definition)
        if running.call is not None:
            # Proposed here, so no other gateway has the tool as it was.
            await _withdrawn(running, problem)
        raise NotActed(problem)

    def _act(self, running: RunningCall, name: str, definition: str) -> Callable[[dict[str, Any]], Any]:
        async def act(parameters: dict[str, Any]) -> Any:
            arguments, reviewed = unpacked(parameters)
            tool = self._tool_of(name)
            if running.cancelled:
                raise NotActed(CANCELLED)
            if tool is None or tool.sha256 != definition or reviewed not in (None, tool.sha256):
                raise NotActed(CHANGED)
            running.acting.set()
            return await self._called(tool, arguments, running.report)

        return act

    async def _called(self, tool: GatewayTool, arguments: dict[str, Any], report: ProgressFnT) -> Any:
        try:
            return reply_of(tool, await self._upstreams[tool.server].call(tool.own_name, arguments, report))
        except UpstreamDown as down:
            raise NotActed(str(down)) from down
        except Exception as error:
            if tool.is_read_only:
                raise NotActed(str(error)) from error
            raise


def _not_the_call_of(tool: GatewayTool | None, definition: str, shown: StatusAnswer) -> str | None:
    """The reason why what was approved is not carried out by this tool."""
    if tool is None or tool.sha256 != definition:
        return CHANGED
    return None if tool.is_called_by(shown) else ANOTHERS


def _pin_of(shown: StatusAnswer) -> tuple[str, str] | None:
    return pinned_in(shown["intent"]["why"]) if shown["intent"] else None


def still_waits(ending: NotRun) -> bool:
    """Is it not over: it waits, or another process carries it out?"""
    return isinstance(ending, Asked) or ending.status in ("BLOCKED", "RUNNING")


def _waiting(ending: NotRun) -> AgentAnswer:
    """The answer of one that waits. Raises any other."""
    if not still_waits(ending):
        raise ending
    return ending.answer


async def _hear(running: RunningCall) -> None:
    """Tell the client meanwhile what is recorded now: waiting says nothing before it is over."""
    answer = await running.caller.client.answer(running.action_intent_id)
    if answer["status"] != "SUCCEEDED" and still_waits(ending_of(answer)):
        running.waits = answer


async def _withdrawn(running: RunningCall, reason: str) -> None:
    try:
        await running.caller.client.withdraw(running.current_intent_id, reason=reason)
    except RemitError as error:
        # It has not arrived yet, and is not acted upon when it has; or it has ended.
        log.info("intent %s was not taken back: %s", running.action_intent_id, error)


async def _require_known(running: RunningCall, down: UpstreamDown) -> None:
    """Raises `down` unless the call was proposed before: then its answer may be there already."""
    try:
        await running.caller.client.status(running.action_intent_id)
    except NotFound:
        raise down from None
