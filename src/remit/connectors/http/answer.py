"""The meaning of an answer: did the far side act, what kind of failure is it, and which object came of it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from remit.core.errors import InvalidInput
from remit.core.execution.outcome import CallResult, ErrorClass, ExternalObjectRef
from remit.core.execution.result import ToolResult, answered
from remit.core.execution.templates import look_up, render_url
from remit.egress.failure import Acted
from remit.egress.wire import HttpRequest, HttpResponse

LONGEST_URL = 2048

# What is not listed here: 2xx acted, other 4xx did not and are VALIDATION, anything else may have acted.
_MEANING: dict[int, tuple[Acted, ErrorClass]] = {
    401: ("no", "AUTH"),
    403: ("no", "AUTH"),
    408: ("unknown", "TIMEOUT"),
    429: ("no", "RATE_LIMIT"),
    # It may have failed after it acted: only what honours the key is asked again.
    500: ("unknown", "DOWNSTREAM"),
    501: ("no", "DOWNSTREAM"),
    503: ("no", "DOWNSTREAM"),
}


def result_of(
    answer: HttpResponse, outgoing: HttpRequest, external: Mapping[str, Any] | None, now: datetime
) -> CallResult:
    """`outgoing` is the request that was answered, after any redirect."""
    if 200 <= answer.status < 300:
        refs = _objects(answer, outgoing, external)
        return CallResult(acted="yes", external_object_refs=refs, answer=_answer(answer))
    acted, error_class = _meaning(answer.status)
    return CallResult(
        acted=acted,
        error_class=error_class,
        error_code=f"HTTP_{answer.status}",
        error_message=_message(answer, outgoing),
        retry_after_s=answer.retry_after_s(now) if answer.status in (429, 503) else None,
        answer=_answer(answer),
    )


def _answer(answer: HttpResponse) -> ToolResult:
    return answered(answer.headers.get("content-type", ""), answer.body, complete=answer.complete)


def _meaning(status: int) -> tuple[Acted, ErrorClass]:
    if status in _MEANING:
        return _MEANING[status]
    return ("no", "VALIDATION") if 400 <= status < 500 else ("unknown", "DOWNSTREAM")


def _message(answer: HttpResponse, outgoing: HttpRequest) -> str:
    # Without the query, which often carries what nobody wants in a record.
    said = " ".join(answer.body.decode("utf-8", "replace").split())
    url = f"{outgoing.host}{outgoing.url.raw_path.decode('ascii').partition('?')[0]}"
    return f"{outgoing.method} {url} answered {answer.status}" + (f": {said}" if said else "")


def _objects(
    answer: HttpResponse, outgoing: HttpRequest, external: Mapping[str, Any] | None
) -> list[ExternalObjectRef]:
    said = _json(answer.body)
    wanted = external or {}
    object_id = _plain(said, wanted.get("object_id") or "id")
    if object_id is None:
        return []
    ref = ExternalObjectRef(
        system=wanted.get("system") or outgoing.host,
        object_type=wanted.get("object_type") or "object",
        object_id=object_id,
        object_url=_object_url(wanted.get("object_url"), said),
    )
    return [ref]


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _plain(said: Any, path: str) -> str | None:
    try:
        value = look_up(path, said)
    except InvalidInput:
        return None
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) and value != "" else None


def _object_url(template: str | None, said: Any) -> str | None:
    if template is None:
        return None
    whole = re.fullmatch(r"\{([^{}]+)\}", template)
    try:
        url = _plain(said, whole[1]) if whole else render_url(template, said)
    except (InvalidInput, UnicodeError):
        return None
    # The console makes a link of it; the far side does not get to say `javascript:`.
    return url if url and re.match(r"https?://", url, re.IGNORECASE) and len(url) <= LONGEST_URL else None
