"""Problem details: an error in the words of RFC 9457, by every door whose callers read JSON."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

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
    from remit.core.views import Problem
    from remit.core.views.base import Mistake

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

# The first that fits: an error's own class stands before the one it derives from.
KINDS: list[tuple[type[RemitError], int, str, str]] = [
    (Unauthenticated, 401, "unauthenticated", "Nobody known is asking"),
    (Forbidden, 403, "forbidden", "Not allowed"),
    (NotFound, 404, "not-found", "Not found"),
    (InvalidInput, 422, "invalid-input", "The request is not right"),
    (QueueFull, 429, "queue-full", "Too much waits for people"),
    (Conflict, 409, "conflict", "What is stored does not allow it"),
    (TryLater, 503, "try-later", "Nothing happened, send it again"),
    (OutcomeUnknown, 503, "outcome-unknown", "It may have happened, look before you send it again"),
    (CallerMistake, 422, "refused", "The request cannot be carried out"),
    (RemitError, 500, "internal", "Something is wrong here"),
]
INTERNAL: Problem = {
    "type": "/problems/internal",
    "title": "Something is wrong here",
    "status": 500,
    "detail": "it may have happened: look before you send it again; the log of the server says more",
}
"""What is said of an error that is nobody's mistake but ours, or our operator's."""


def problem_of(error: RemitError) -> Problem:
    """The problem details of one error."""
    _, status, kind, title = next(entry for entry in KINDS if isinstance(error, entry[0]))
    if status == INTERNAL["status"]:
        # What a database or a cloud says may name accounts and paths that the caller must not see.
        log.error("something is wrong: %s", error)
        return {**INTERNAL}
    problem: Problem = {
        "type": f"/problems/{kind}",
        "title": title,
        "status": status,
        "detail": str(error),
    }
    if isinstance(error, InvalidInput):
        problem["field"] = error.field
        if error.way_out:
            problem["way_out"] = error.way_out
        if error.others:
            problem["errors"] = [_mistake(each) for each in error.all]
    return problem


def _mistake(error: InvalidInput) -> Mistake:
    mistake: Mistake = {"detail": str(error), "field": error.field}
    if error.way_out:
        mistake["way_out"] = error.way_out
    return mistake
