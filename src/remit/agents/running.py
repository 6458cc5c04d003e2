"""Running a function as a tool: with arguments that are approved, under the key of its one call."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from remit.core.errors import NotActed

_KEY: ContextVar[str] = ContextVar("remit_idempotency_key")


@contextmanager
def called_under(key: str) -> Iterator[None]:
    token = _KEY.set(key)
    try:
        yield
    finally:
        _KEY.reset(token)


def idempotency_key() -> str:
    """
    The key of the call that is under way, the same however often it is made: for a far side that honours one.

    Raises `LookupError` outside of a tool's call.
    """
    return _KEY.get()


def run(function: Callable[..., Any], arguments: Mapping[str, Any], *, key: str, timeout_s: float) -> Any:
    """
    The answer of a plain or asynchronous function. An asynchronous one is cancelled after `timeout_s`: `TimeoutError`.

    Raises `NotActed` for arguments that it does not take: then it was not called.
    """
    try:
        inspect.signature(function).bind(**arguments)
    except TypeError as error:
        raise NotActed(f"it does not take these arguments: {error}") from None
    with called_under(key):
        if inspect.iscoroutinefunction(function):
            return _awaited(function, arguments, timeout_s)
        return function(**arguments)


def _awaited(function: Callable[..., Any], arguments: Mapping[str, Any], timeout_s: float) -> Any:
    future = asyncio.run_coroutine_threadsafe(_contained(function, arguments), _THREAD.loop())
    try:
        return future.result(timeout_s)
    except TimeoutError:
        future.cancel()
        raise


async def _contained(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    try:
        return await function(**arguments)
    except (SystemExit, KeyboardInterrupt) as error:
        # Either would end the loop, and with it every other function's call.
        raise RuntimeError(f"it raised {type(error).__name__}") from error


class _LoopThread:
    """One event loop for all of them, begun when it is needed: what a function keeps open belongs to its loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="remit-functions", daemon=True).start()
            return self._loop


_THREAD = _LoopThread()
