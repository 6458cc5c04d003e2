"""`@action`: a function of one's own that runs within bounds, here or on a worker, with the schema of its arguments."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import update_wrapper
from typing import Any, Generic, Literal, ParamSpec, TypeVar, cast, get_args
from uuid import uuid4

from remit.agents.call import ToolCall, target_of
from remit.agents.guard import WAIT_S, WORKER_S, AsyncGuard, Guard
from remit.agents.running import run
from remit.agents.schema import schema_of
from remit.client.http_client import AsyncRemitClient, RemitClient

P = ParamSpec("P")
R = TypeVar("R")
Where = Literal["here", "worker"]

_CALL: ContextVar[tuple[str, str] | None] = ContextVar("remit_call", default=None)


@contextmanager
def calling(session: str, call_id: str) -> Iterator[None]:
    """Within it, a guarded function's call is this one: made again after a restart, it goes on where it was."""
    token = _CALL.set((session, call_id))
    try:
        yield
    finally:
        _CALL.reset(token)


class Action(Generic[P, R]):
    """
    A function that runs within bounds. Called, it answers what the function does, or raises an ending
    (`remit.agents.endings`); a person's edit changes the arguments that the function is given.

    With `execute="worker"` calling it runs nothing here: a worker that imports it (`remit worker --import`) does.
    """

    def __init__(
        self,
        function: Callable[P, R],
        action_type: str,
        *,
        target: tuple[str, str] | None,
        account_id: str | None,
        client: RemitClient | AsyncRemitClient | None,
        execute: Where,
        wait_s: float,
        worker_s: float,
        **more: Any,
    ) -> None:
        self.function, self.action_type, self.execute = function, action_type, execute
        self._target, self._account_id, self._more = target, account_id, more
        self._patience = {"wait_s": wait_s, "worker_s": worker_s}
        self._client = client
        self._signature = inspect.signature(function)
        self.parameters = schema_of(function)
        """The JSON Schema of its arguments, for the action type's `parameters`."""
        update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        call, guard, function = self._call(*args, **kwargs), self._guard(), cast(Any, self.function)
        # Of an asynchronous function it is awaited, as the function would be.
        answer = guard.call(call, lambda arguments: function(**arguments)) if self._here else guard.at_worker(call)
        return cast(R, answer)

    def run(self, arguments: Mapping[str, Any], *, idempotency_key: str, timeout_s: float) -> Any:
        """Run the function, as a worker does: what is approved, for the one call that this key names."""
        return run(self.function, arguments, key=idempotency_key, timeout_s=timeout_s)

    def action_type_bounds(self) -> dict[str, Any]:
        """The action type's entry in bounds, as far as the function says it: what executes it, and its arguments."""
        return {"tool": {"connector": "caller" if self._here else "function"}, "parameters": self.parameters}

    @property
    def _here(self) -> bool:
        return self.execute == "here"

    def _guard(self) -> Any:
        if inspect.iscoroutinefunction(self.function):
            return AsyncGuard(self._connected(AsyncRemitClient), **self._patience)
        return Guard(self._connected(RemitClient), **self._patience)

    def _call(self, *args: P.args, **kwargs: P.kwargs) -> ToolCall:
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        session, call_id = _CALL.get() or ("call", uuid4().hex)
        return ToolCall(
            action_type=self.action_type,
            arguments=bound.arguments,
            account_id=self._account_id or _required("REMIT_ACCOUNT", "account_id"),
            session=session,
            call_id=call_id,
            target=target_of(self._target, bound.arguments),
            more=self._more,
        )

    def _connected(self, kind: type[Any]) -> Any:
        if self._client is None:
            self._client = kind(_required("REMIT_URL", "client"), _required("REMIT_KEY", "client"))
        if not isinstance(self._client, kind):
            raise TypeError(f"{self.action_type}: a {kind.__name__} is needed to call this function")
        return self._client


def action(
    action_type: str,
    *,
    target: tuple[str, str] | None = None,
    account_id: str | None = None,
    client: RemitClient | AsyncRemitClient | None = None,
    execute: Where = "here",
    wait_s: float = WAIT_S,
    worker_s: float = WORKER_S,
    **more: Any,
) -> Callable[[Callable[P, R]], Action[P, R]]:
    """
    Put Remit before a function, plain or asynchronous, that takes JSON values.

    `target` is a type and the name of the argument that identifies it. Without `client` and `account_id`, those of
    `REMIT_URL`, `REMIT_KEY` and `REMIT_ACCOUNT` are taken at the first call. With `execute="worker"` a worker that
    imports the function runs it, and its answer comes back. A call that a person is asked about is held for `wait_s`
    seconds, and one that a worker carries out for `worker_s`. `more` are further fields of every proposal,
    `confidence_score` say.
    """
    if execute not in get_args(Where):
        raise ValueError(f"execute is {execute!r}; say one of {', '.join(get_args(Where))}")

    def guard(function: Callable[P, R]) -> Action[P, R]:
        return Action(
            function,
            action_type,
            target=target,
            account_id=account_id,
            client=client,
            execute=execute,
            wait_s=wait_s,
            worker_s=worker_s,
            **more,
        )

    return guard


def _required(variable: str, argument: str) -> str:
    value = os.environ.get(variable)
    if not value:
        raise RuntimeError(f"set {variable}, or give {argument} to the action")
    return value
