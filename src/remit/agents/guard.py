"""Guards: each carries out the steps of a guarded call, one in a thread that blocks, one in an event loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from remit.agents.call import ToolCall
from remit.agents.steps import Act, Ask, Steps, steps_of
from remit.client.http_client import AsyncRemitClient, RemitClient

WAIT_S = 0.0
"""How long a call is held for a person's answer, unless somebody says: an agent's framework can wait better."""


def _whole(answer: Any) -> Any:
    return answer


class Guard:
    """Runs tools within bounds. Safe to share between threads."""

    def __init__(self, client: RemitClient, *, wait_s: float = WAIT_S) -> None:
        """A call that a person is asked about is held for `wait_s` seconds, then it is `Asked`."""
        self.client, self.wait_s = client, wait_s

    def call(self, call: ToolCall, act: Callable[[dict[str, Any]], Any], *, kept: Callable[[Any], Any] = _whole) -> Any:
        """
        What `act` answers to the arguments that were approved, or had answered when this call ran before: `kept` says
        what of an answer Remit keeps for that.

        Raises a `NotRun` for every other ending, and `NotActed` where `act` does. If Remit cannot be reached, `act` is
        not called.
        """
        steps = steps_of(call, self.wait_s, kept)
        return _driven(steps, lambda step: self._taken(step, act))

    def _taken(self, step: Ask | Act, act: Callable[[dict[str, Any]], Any]) -> Any:
        if isinstance(step, Act):
            return act(step.arguments)
        return _asked(self.client, step)


class AsyncGuard:
    """`Guard` for an event loop: `act` may be a coroutine function."""

    def __init__(self, client: AsyncRemitClient, *, wait_s: float = WAIT_S) -> None:
        self.client, self.wait_s = client, wait_s

    async def call(
        self, call: ToolCall, act: Callable[[dict[str, Any]], Any], *, kept: Callable[[Any], Any] = _whole
    ) -> Any:
        """As `Guard.call`."""
        steps = steps_of(call, self.wait_s, kept)
        move, given = steps.send, None
        while True:
            try:
                step = move(given)
            except StopIteration as done:
                return done.value
            try:
                taken = act(step.arguments) if isinstance(step, Act) else _asked(self.client, step)
                move, given = steps.send, await taken if isinstance(taken, Awaitable) else taken
            except BaseException as error:
                move, given = steps.throw, error


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


def _asked(client: Any, step: Ask) -> Any:
    if step.verb == "finish":
        return step.arguments[0].finish(**step.more)
    return getattr(client, step.verb)(*step.arguments, **step.more)
