"""Errors that an answer of the HTTP door stands for, sorted by what to do next."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx

from remit.client.calls import RouteCall
from remit.core.errors import (
    CallerMistake,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    OutcomeUnknown,
    QueueFull,
    RemitError,
    TryLater,
    Unauthenticated,
)

if TYPE_CHECKING:
    from remit.core import views as a


@contextmanager
def our_errors(call: RouteCall[Any]) -> Iterator[None]:
    """Errors on the way, by what each means for the call."""
    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        raise TryLater(f"nothing was sent: {error or type(error).__name__}") from error
    except httpx.TransportError as error:
        raise _lost(call, f"the answer was lost: {error or type(error).__name__}") from error


def _lost(call: RouteCall[Any], what: str) -> RemitError:
    if call.method == "GET":
        return TryLater(f"{what}; nothing was changed")
    return OutcomeUnknown(f"{what}; look whether it happened before you send it again")


def error_of_answer(response: httpx.Response, call: RouteCall[Any]) -> RemitError:
    if response.headers.get("content-type", "").startswith("application/problem+json"):
        problem: a.Problem = response.json()
        after = response.headers.get("retry-after", "")
        # Whoever stands between may have written it: a date, say, or digits of another script.
        return error_of(problem, retry_after_s=float(after) if re.fullmatch("[0-9]{1,9}", after) else 0.0)
    # Not Remit's own words: something stands between it and us.
    what = f"{response.status_code} {response.reason_phrase} from {response.url}"
    return _lost(call, what) if response.status_code >= 500 else CallerMistake(f"{what}; is this the URL of Remit?")


def error_of(problem: a.Problem, *, retry_after_s: float = 0.0) -> RemitError:
    """The error that a problem stands for; `TryLater` has `retry_after_s`."""
    kind, detail = problem["type"].removeprefix("/problems/"), problem["detail"]
    if kind == "invalid-input":
        return _invalid_input(problem)
    error = _as_said(_KINDS.get(kind, CallerMistake if problem["status"] < 500 else OutcomeUnknown), detail)
    if isinstance(error, TryLater):
        error.retry_after_s = retry_after_s  # type: ignore[attr-defined]
    return error


_KINDS: dict[str, type[RemitError]] = {
    "unauthenticated": Unauthenticated,
    "forbidden": Forbidden,
    "not-found": NotFound,
    "conflict": Conflict,
    "queue-full": QueueFull,
    "try-later": TryLater,
    "too-many-requests": TryLater,
    "outcome-unknown": OutcomeUnknown,
    "refused": CallerMistake,
}


def _as_said(kind: type[RemitError], detail: str) -> RemitError:
    # Past the constructors: some build their sentence from facts, and here the sentence is what is known.
    error = kind.__new__(kind)
    Exception.__init__(error, detail)
    return error


def _invalid_input(problem: a.Problem) -> InvalidInput:
    name, way_out = problem.get("field", ""), problem.get("way_out", "")
    said = problem["detail"].removeprefix(f"{name}: ")
    return InvalidInput(name, said.removesuffix(f"; {way_out}") if way_out else said, way_out)
