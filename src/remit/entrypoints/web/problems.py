"""Errors as RFC 9457 problem details: each names the field where there is one, and the way out."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from remit.core.errors import InvalidInput, RemitError
from remit.core.invalid_fields import in_words
from remit.entrypoints.web.problem_details import INTERNAL, KINDS, MEDIA_TYPE, problem_of

if TYPE_CHECKING:
    from remit.core.views import Problem

REFUSALS: dict[int, tuple[str, str]] = {
    400: ("not-http", "This is not a request"),
    404: ("not-found", "Not found"),
    405: ("method-not-allowed", "This path is asked otherwise"),
    408: ("too-slow", "The request did not arrive in time"),
    413: ("too-large", "Too large"),
    414: ("line-too-long", "The request's line is too long"),
    429: ("too-many-requests", "Too many requests"),
    431: ("headers-too-large", "The request's head is too large"),
    503: ("try-later", "Nothing happened, send it again"),
}
"""What is refused before anything of ours is asked."""
OF_THE_REQUEST = (400, 408, 413, 414, 429, 431)
"""Those that any route may answer: they are about the request as it arrives, not about what it asks."""

_ASKED_WRONG = {
    404: "there is no such route; /openapi.json lists those that there are",
    405: "this route takes another method; /openapi.json says which",
}
"""Where the framework says no more than the status does."""


def refusal(status: int, detail: str) -> Problem:
    kind, title = REFUSALS.get(status, ("", HTTPStatus(status).phrase))
    return {
        "type": f"/problems/{kind}" if kind else "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
    }


def _no_json(why: str) -> InvalidInput:
    return InvalidInput("(body)", f"cannot be read as JSON: {why}", "send a JSON document in UTF-8")


def answer(problem: Problem) -> JSONResponse:
    headers = {"Retry-After": "1"} if problem["status"] == 503 else {}
    if problem["status"] == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(problem, status_code=problem["status"], media_type=MEDIA_TYPE, headers=headers)


def answer_to(error: RemitError | HTTPException) -> JSONResponse:
    """The problem that an error leaves as, whichever way its request came."""
    if isinstance(error, RemitError):
        return answer(problem_of(error))
    if error.status_code == HTTPStatus.BAD_REQUEST:
        # The framework's word for a body that its parser gave up on.
        return answer(problem_of(_no_json("it is not UTF-8, or nested too deeply, or holds too large a number")))
    phrase = HTTPStatus(error.status_code).phrase
    said = _ASKED_WRONG.get(error.status_code) if error.detail == phrase else None
    response = answer(refusal(error.status_code, said or str(error.detail)))
    response.headers.update(error.headers or {})
    return response


def install(app: FastAPI) -> None:
    """Every error of every route leaves as a problem."""

    @app.exception_handler(RemitError)
    async def ours(_: Request, error: RemitError) -> JSONResponse:
        return answer_to(error)

    @app.exception_handler(RequestValidationError)
    async def shape(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        if first["type"] == "json_invalid":
            return answer(problem_of(_no_json(f"{first['ctx']['error']} at character {first['loc'][-1]}")))
        place = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path", "header"))
        problem, way_out = in_words(first)
        told = InvalidInput(place or "(body)", problem, way_out or "send what the OpenAPI document shows")
        return answer(problem_of(told))

    @app.exception_handler(HTTPException)
    async def framework(_: Request, error: HTTPException) -> JSONResponse:
        return answer_to(error)

    @app.exception_handler(Exception)
    async def ours_to_mend(_: Request, __: Exception) -> JSONResponse:
        # What went wrong stands in the log alone: it may hold what the caller must not see.
        return answer(INTERNAL)


_TITLES = {
    **{status: title for _, status, _, title in reversed(KINDS)},
    **{status: title for status, (_, title) in REFUSALS.items() if status in OF_THE_REQUEST},
}
RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {
        "description": title,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for status, title in sorted(_TITLES.items())
}
"""For the OpenAPI document: what any route may answer instead."""


def responds_with(answer: Any, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """For the OpenAPI document: the type of a route's good answer."""
    return {status: {"model": answer}}
