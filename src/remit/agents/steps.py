"""
Steps of one guarded call, in their order, whoever carries them out: a thread that blocks, or an event loop.

Propose and begin in one write; where a person is asked, wait and begin then; act; say what came of it. The key under
which it begins is made here, for this one run: another run that goes on with the same call finds that it has begun.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from remit.agents.call import ToolCall
from remit.agents.endings import NotActed, Unknown, ending_of
from remit.client.permit import Permit, Proposed
from remit.core.errors import Conflict, NotBegun, RemitError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ask:
    """A verb of the client."""

    verb: str
    arguments: tuple[Any, ...]
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Act:
    """The tool itself, with the arguments that are approved."""

    arguments: dict[str, Any]


Steps = Generator[Ask | Act, Any, Any]


def steps_of(call: ToolCall, wait_s: float, kept: Callable[[Any], Any]) -> Steps:
    """
    Answers the tool's result, of which `kept` is what Remit keeps. Raises an ending that is none (`endings`), or what
    the tool raised as `NotActed`.
    """
    key = uuid4().hex
    permit = (yield from _proposed(call, key)) or (yield from _approved_later(call, key, wait_s))
    if isinstance(permit, Permit):
        return (yield from _carried_out(permit, kept))
    if permit["status"] == "SUCCEEDED":
        return value_of(permit)
    raise ending_of(permit)


def _proposed(call: ToolCall, key: str) -> Generator[Ask | Act, Any, Permit | None]:
    """The permit, where policy says yes at once."""
    try:
        proposed: Proposed = yield Ask("propose_and_begin", (call.proposal(),), {"key": key})
        return proposed.permit
    except Conflict:
        # Bounds may have a worker execute it. Anything else that stands in the way is said again.
        yield Ask("propose", (call.proposal(),))
        return None


def _approved_later(call: ToolCall, key: str, wait_s: float) -> Generator[Ask | Act, Any, Permit | Mapping[str, Any]]:
    """The permit, or the answer that there is instead."""
    answer: Mapping[str, Any] = yield Ask("wait", (call.action_intent_id,), {"timeout_s": wait_s})
    if answer["status"] != "APPROVED" or not answer["settled"]:
        return answer
    try:
        permit: Permit = yield Ask("begin", (call.action_intent_id,), {"key": key})
        return permit
    except NotBegun:
        # Somebody else was first, or it ended meanwhile: what is recorded says which.
        answer = yield Ask("answer", (call.action_intent_id,))
        return answer


def _carried_out(permit: Permit, kept: Callable[[Any], Any]) -> Steps:
    try:
        result = yield Act(permit.parameters)
    except NotActed as error:
        yield from _finished(permit, acted="no", error_code="NOT_ACTED", error_message=_said(error))
        raise
    except BaseException as error:
        # Whoever broke off, or was cancelled, may have acted.
        yield from _finished(permit, acted="unknown", error_code="TOOL_RAISED", error_message=_said(error))
        if not isinstance(error, Exception):
            raise
        answer = yield Ask("answer", (permit.action_intent_id,))
        raise Unknown(answer) from error
    yield from _finished(permit, acted="yes", result=_as_json(kept(result)))
    return result


def _finished(permit: Permit, **what: Any) -> Generator[Ask | Act, Any, None]:
    try:
        yield Ask("finish", (permit,), what)
    except RemitError as error:
        # It may have acted, and its caller must hear what came of it. The permit lapses: for people it is UNKNOWN then.
        log.warning("what came of intent %s could not be told: %s", permit.action_intent_id, error)


def _as_json(result: Any) -> Any:
    """What JSON cannot carry is kept as its words."""
    try:
        json.dumps(result, allow_nan=False)
    except (TypeError, ValueError):
        return str(result)
    return result


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:500]


def value_of(answer: Mapping[str, Any]) -> Any:
    """What the tool had answered, of a call that ran before or elsewhere; its words where its content is not kept."""
    result = answer.get("result") or {}
    content = result.get("content")
    if content is None:
        return answer["text"]
    return json.loads(content) if str(result.get("media_type", "")).startswith("application/json") else content
