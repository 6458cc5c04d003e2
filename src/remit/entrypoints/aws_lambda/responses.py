"""A caller's mistake is an answer: raised, an asynchronous invocation would be repeated to no end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any

from remit.core.errors import CallerMistake, Conflict, InvalidInput, RemitError
from remit.entrypoints.web.problem_details import problem_of
from remit.wiring import Remit


def refused(error: RemitError) -> dict[str, Any]:
    """`{"problem": …}`. Raises what is not the caller's to mend: it may be sent again, or an alarm has to go off."""
    if isinstance(error, CallerMistake | Conflict):
        return {"problem": problem_of(error)}
    raise error


def answered(function: Callable[[Remit, Mapping[str, Any]], Any]) -> Callable[[Remit, Any], Any]:
    """A function like this one, whose refusals are answers, and which is only asked with an object."""

    @wraps(function)
    def asked(remit: Remit, event: Any) -> Any:
        try:
            if not isinstance(event, Mapping):
                raise InvalidInput("(event)", "is not an object", "send a JSON object")
            return function(remit, event)
        except RemitError as error:
            return refused(error)

    return asked


def text(event: Mapping[str, Any], field: str) -> str:
    """Raises `InvalidInput` naming the field."""
    found = event.get(field)
    if not isinstance(found, str) or not found:
        raise InvalidInput(field, "is missing", "send it as text")
    return found


def require_known(event: Mapping[str, Any], known: Sequence[str]) -> None:
    """Raises `InvalidInput` for a field that nobody would look at: `path` for `paths` would erase everything."""
    unknown = next((str(name) for name in event if name not in known), None)
    if unknown is not None:
        raise InvalidInput(unknown[:100], "is not known", f"send {', '.join(known)}")
