"""Guards: each carries out the steps of a guarded call, one in a thread that blocks, one in an event loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from remit.agents.call import ToolCall
from remit.agents.running import called_under
from remit.agents.steps import Act, Ask, Patience, Steps, proposing, steps_after, steps_at_worker, steps_of
from remit.client.http_client import AsyncRemitClient, RemitClient
from remit.client.permit import Permit
from remit.core.errors import OutcomeUnknown, RemitError, TryLater

if TYPE_CHECKING:
    from remit.core.views import VerdictAnswer

log = logging.getLogger(__name__)

WAIT_S = 0.0
"""How long a call is held for a person's answer, unless somebody says: an agent's framework can wait better."""
WORKER_S = 30.0
"""How long it is held for a worker that carries it out: nobody has to be asked for that."""
SOONEST_RENEWAL_S = 1.0
LONGEST_S = 3600.0
"""How long a permit is renewed for a tool of which nobody has said yet what came of it."""
_TO_THE_END = frozenset({"finish", "withdraw"})
"""What says how it ended is said also by whoever is cancelled over it."""


def _whole(answer: Any) -> Any:
    return answer


class Guard:
    """Runs tools within bounds. Safe to share between threads."""

    def __init__(self, client: RemitClient, *, wait_s: float = WAIT_S, worker_s: float = WORKER_S) -> None:
        """
        A call that a person is asked about is held for `wait_s` seconds, and one that a worker carries out for
        `worker_s`; then it is `Asked`.
        """
        self.client, self.patience = client, Patience(wait_s, worker_s)

    def call(self, call: ToolCall, act: Callable[[dict[str, Any]], Any], *, kept: Callable[[Any], Any] = _whole) -> Any:
        """
        The answer of `act` to the arguments that were approved, or had answered when this call ran before: `kept` says
        what of an answer Remit keeps for that. Where the bounds have a worker execute it, what the worker was answered.

        Raises a `NotRun` for every other ending, and `NotActed` where `act` does. If Remit cannot be reached, `act` is
        not called. Whoever is interrupted before `act` was called takes the call back.
        """
        return _driven(steps_of(call, self.patience, kept), lambda step: self._taken(step, act))

    def at_worker(self, call: ToolCall) -> Any:
        """Guard a call that a worker makes, and nobody here."""
        return _driven(steps_at_worker(call, self.patience), lambda step: self._taken(step, _nobody))

    def _taken(self, step: Ask | Act, act: Callable[[dict[str, Any]], Any]) -> Any:
        if not isinstance(step, Act):
            return _asked(self.client, step)
        with called_under(step.idempotency_key):
            return act(step.arguments)


class AsyncGuard:
    """`Guard` for an event loop: `act` may be a coroutine function, whose permit is renewed while it runs."""

    def __init__(self, client: AsyncRemitClient, *, wait_s: float = WAIT_S, worker_s: float = WORKER_S) -> None:
        self.client, self.patience = client, Patience(wait_s, worker_s)

    async def call(
        self, call: ToolCall, act: Callable[[dict[str, Any]], Any], *, kept: Callable[[Any], Any] = _whole
    ) -> Any:
        """As `Guard.call`; whoever is cancelled before `act` was called takes the call back."""
        return await self._awaited(steps_of(call, self.patience, kept), act)

    async def go_on(
        self, action_intent_id: str, act: Callable[[dict[str, Any]], Any], *, kept: Callable[[Any], Any] = _whole
    ) -> Any:
        """
        As `call`, for one that was proposed before, by this process or by one that has gone. Whoever is cancelled
        leaves it to whoever comes next.
        """
        return await self._awaited(steps_after(action_intent_id, self.patience, kept), act)

    async def at_worker(self, call: ToolCall) -> Any:
        """As `Guard.at_worker`."""
        return await self._awaited(steps_at_worker(call, self.patience), _nobody)

    async def propose(self, call: ToolCall) -> VerdictAnswer:
        """The gate's word on a call that goes on later. Whoever is cancelled over it takes it back."""
        verdict: VerdictAnswer = await self._awaited(proposing(call), _nobody)
        return verdict

    def paused(self, call: ToolCall) -> PausedCall:
        """For a framework that runs the tool itself, between two hooks."""
        return PausedCall(self.client, steps_of(call, self.patience, _whole))

    async def _awaited(self, steps: Steps, act: Callable[[dict[str, Any]], Any]) -> Any:
        move, given = steps.send, None
        while True:
            try:
                step = move(given)
            except StopIteration as done:
                return done.value
            try:
                move, given = steps.send, await self._taken(step, act)
            except BaseException as error:
                move, given = steps.throw, error

    async def _taken(self, step: Ask | Act, act: Callable[[dict[str, Any]], Any]) -> Any:
        if not isinstance(step, Act):
            return await _answered(self.client, step)
        with called_under(step.idempotency_key):
            taken = act(step.arguments)
            return await _kept_alive(taken, step.permit) if isinstance(taken, Awaitable) else taken


class PausedCall:
    """
    A guarded call that stops where the tool runs, until somebody says what came of it. Meanwhile its permit is renewed,
    for `LONGEST_S` at most: of a tool that was dropped nobody may ever say it.
    """

    def __init__(self, client: AsyncRemitClient, steps: Steps) -> None:
        self._client, self._steps = client, steps
        self._renewing: asyncio.Task[None] | None = None
        self.answer: Any = None
        """What the tool answered, or had answered."""

    async def until_act(self) -> Act | None:
        """
        The arguments that the tool is to be given now, once; `None` if it had run before, and `answer` is what it had
        answered. Raises a `NotRun` for every other ending.
        """
        step = await self._until_act(self._steps.send, None)
        if step is not None:
            self._renewing = asyncio.create_task(_renewed_at_most(step.permit, LONGEST_S))
        return step

    async def acted(self, result: Any) -> None:
        """The tool answered."""
        await self._until_act(self._steps.send, result)

    async def failed(self, error: BaseException) -> None:
        """The tool broke off. Raises what that is: `NotActed` of one that says so, else `Unknown`."""
        await self._until_act(self._steps.throw, error)

    async def _until_act(self, move: Callable[[Any], Ask | Act], given: Any) -> Act | None:
        if self._renewing is not None:
            self._renewing.cancel()
        while True:
            try:
                step = move(given)
            except StopIteration as done:
                self.answer = done.value
                return None
            if isinstance(step, Act):
                return step
            try:
                move, given = self._steps.send, await _answered(self._client, step)
            except BaseException as error:
                move, given = self._steps.throw, error


async def _kept_alive(tool: Awaitable[Any], permit: Permit) -> Any:
    renewing = asyncio.create_task(_renewed(permit))
    try:
        return await tool
    finally:
        renewing.cancel()


async def _renewed_at_most(permit: Permit, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(_renewed(permit), seconds)


async def _renewed(permit: Permit) -> None:
    """Prolong a permit for as long as its tool runs: one that lapses would end as `UNKNOWN`."""
    while True:
        left_s = (datetime.fromisoformat(permit.lease_until) - datetime.now(UTC)).total_seconds()
        await asyncio.sleep(max(left_s / 2, SOONEST_RENEWAL_S))
        try:
            permit = await permit.renew()
        except (TryLater, OutcomeUnknown) as error:
            log.warning("the permit of intent %s was not renewed yet: %s", permit.action_intent_id, error)
        except RemitError as error:
            log.warning("the permit of intent %s cannot be renewed: %s", permit.action_intent_id, error)
            return


async def _answered(client: AsyncRemitClient, step: Ask) -> Any:
    asked = _asked(client, step)
    return await (to_the_end(asked) if step.verb in _TO_THE_END else asked)


_ending: set[asyncio.Future[Any]] = set()


async def to_the_end(asked: Any) -> Any:
    """Await it; who is cancelled over it leaves it to go on by itself."""
    task = asyncio.ensure_future(asked)
    # An event loop alone would let go of it.
    _ending.add(task)
    task.add_done_callback(_has_ended)
    return await asyncio.shield(task)


def _has_ended(task: asyncio.Future[Any]) -> None:
    _ending.discard(task)
    if not task.cancelled():
        # Looked at, so that of what nobody awaits any more nothing is complained about.
        task.exception()


def _driven(steps: Steps, take: Callable[[Ask | Act], Any]) -> Any:
    move, given = steps.send, None
    while True:
        try:
            step = move(given)
        except StopIteration as done:
            return done.value
        try:
            move, given = steps.send, take(step)
        except BaseException as error:
            move, given = steps.throw, error


def _nobody(arguments: dict[str, Any]) -> Any:
    raise AssertionError(f"called here with {sorted(arguments)}, and a worker was to be")


def _asked(client: Any, step: Ask) -> Any:
    if step.verb == "finish":
        return step.arguments[0].finish(**step.more)
    return getattr(client, step.verb)(*step.arguments, **step.more)
