"""`@action`: a function of one's own that runs within bounds, with the schema of its arguments for them."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import update_wrapper
from typing import Any, Generic, ParamSpec, TypeVar
from uuid import uuid4

from remit.agents.call import ToolCall, target_of
from remit.agents.guard import AsyncGuard, Guard
from remit.agents.schema import schema_of
from remit.client.http_client import AsyncRemitClient, RemitClient

P = ParamSpec("P")
R = TypeVar("R")

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
    """

    def __init__(
        self,
        function: Callable[P, R],
        action_type: str,
        *,
        target: tuple[str, str] | None,
        account_id: str | None,
        client: RemitClient | AsyncRemitClient | None,
        wait_s: float,
        **more: Any,
    ) -> None:
        self.function, self.action_type = function, action_type
        self._target, self._account_id, self._wait_s, self._more = target, account_id, wait_s, more
        self._client = client
        self._signature = inspect.signature(function)
        self.parameters = schema_of(function)
        """The JSON Schema of its arguments, for the action type's `parameters`."""
        update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        call = self._call(*args, **kwargs)
        if inspect.iscoroutinefunction(self.function):
            guarded: Any = AsyncGuard(self._connected(AsyncRemitClient), wait_s=self._wait_s)
        else:
            guarded = Guard(self._connected(RemitClient), wait_s=self._wait_s)
        function: Any = self.function
        answer: R = guarded.call(call, lambda arguments: function(**arguments))
        return answer

    def action_type_bounds(self) -> dict[str, Any]:
        """The action type's entry in bounds, as far as the function says it: whoever calls it executes it."""
        return {"tool": {"connector": "caller"}, "parameters": self.parameters}

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
    wait_s: float = 0.0,
    **more: Any,
) -> Callable[[Callable[P, R]], Action[P, R]]:
    """
    Put Remit before a function, plain or asynchronous, that takes JSON values.

    `target` is a type and the name of the argument that identifies it. Without `client` and `account_id`, those of
    `REMIT_URL`, `REMIT_KEY` and `REMIT_ACCOUNT` are taken at the first call. A call that a person is asked about is
    held for `wait_s` seconds. `more` are further fields of every proposal, `confidence_score` say.
    """

    def guard(function: Callable[P, R]) -> Action[P, R]:
        named = {"target": target, "account_id": account_id, "client": client, "wait_s": wait_s}
        return Action(function, action_type, **named, **more)  # type: ignore[arg-type]  # Each by its own name.

    return guard


def _required(variable: str, argument: str) -> str:
    value = os.environ.get(variable)
    if not value:
        raise RuntimeError(f"set {variable}, or give {argument} to the action")
    return value
