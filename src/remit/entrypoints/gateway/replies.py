"""Results of tools, and of calls that have none, as `CallToolResult`s."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mcp_types import SERVER_INFO_META_KEY

from remit.agents.endings import Asked, NotActed, NotRun
from remit.agents.steps import Reply
from remit.core.errors import OutcomeUnknown, RemitError, TryLater
from remit.entrypoints.gateway.tools import ANSWER_TOOL, GatewayTool
from remit.entrypoints.gateway.upstream import UpstreamDown

MOST_SENT_BYTES = 3 * 1024 * 1024
"""Of a result to Remit, which keeps 256 KiB of it at most."""
INTENT_META_KEY = "remit/intentId"
_MAY_HAVE_HAPPENED = (
    "The tool answered with an error, and this may have happened all the same. Do NOT do it again, in this way or in "
    "another; a person is looking."
)


class NoResult(Exception):
    """A server's answer that is no result: it wants something of the client first."""


def reply_of(tool: GatewayTool, answer: Mapping[str, Any]) -> Any:
    """The server's answer as the client gets it, and what it says of whether the tool acted. Raises as `own_of`."""
    result = own_of(answer)
    if not result.get("isError"):
        return result
    said = _texts(result)[:500] or "the tool answered with an error"
    if tool.is_read_only:
        return Reply(result, "no", "TOOL_ERROR", said)
    told = {**result, "content": [*result.get("content", []), _text(_MAY_HAVE_HAPPENED)]}
    return Reply(told, "unknown", "TOOL_ERROR", said)


def kept_of(result: Any) -> Any:
    """The part of a result that Remit is sent."""
    return result if len(json.dumps(result)) <= MOST_SENT_BYTES else None


def result_of(outcome: Any, action_intent_id: str, *, owes_structure: bool) -> dict[str, Any]:
    """
    The result that a call ended with: the tool's, or words. `owes_structure` says that the tool has an output schema,
    which words do not fit.
    """
    if _is_result(outcome):
        return dict(outcome)
    if isinstance(outcome, NotRun) and (stored := _stored(outcome.answer)) is not None:
        return stored
    if isinstance(outcome, BaseException):
        return words(_said(outcome), action_intent_id)
    # The words of one whose content is not kept, or what a worker was answered.
    said = outcome if isinstance(outcome, str) else json.dumps(outcome, ensure_ascii=False)
    return words(said, action_intent_id, is_error=owes_structure)


def waiting_words(text: str, action_intent_id: str) -> dict[str, Any]:
    """For a client that has no other way to wait."""
    way = f"Its intent is {action_intent_id}. Call {ANSWER_TOOL} with this intent_id for its result."
    return words(f"{text} {way}", action_intent_id)


def words(text: str, action_intent_id: str | None, *, is_error: bool = True) -> dict[str, Any]:
    meta = {"_meta": {INTENT_META_KEY: action_intent_id}} if action_intent_id else {}
    return {"content": [_text(text)], "isError": is_error, **meta}


def _said(error: BaseException) -> str:
    if isinstance(error, Asked):
        return error.text
    if isinstance(error, NotRun):
        return error.text
    if isinstance(error, NotActed | UpstreamDown):
        return f"Nothing was done: {error}."
    if isinstance(error, TryLater | OutcomeUnknown):
        return f"Remit cannot be asked whether this may be done, so the tool was not called: {error}. Nothing was done."
    if isinstance(error, RemitError):
        return f"Nothing was done: {error}"
    return "The gateway could not carry this on; its log says more. Do not do it again before you know what came of it."


def _stored(answer: Mapping[str, Any]) -> dict[str, Any] | None:
    """The result that is kept of a call that ended otherwise than well."""
    content = (answer.get("result") or {}).get("content")
    if content is None:
        return None
    try:
        value = json.loads(content)
    except ValueError:
        return None
    return value if _is_result(value) else None


def _is_result(value: Any) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get("content"), list)


def own_of(answer: Mapping[str, Any]) -> dict[str, Any]:
    """A result without what is said between the gateway and the server alone. Raises `NoResult`."""
    kind = answer.get("resultType", "complete")
    if kind != "complete":
        raise NoResult(f"the tool answered with {kind!r}, which this gateway does not pass on")
    meta = {name: value for name, value in (answer.get("_meta") or {}).items() if name != SERVER_INFO_META_KEY}
    own = {name: value for name, value in answer.items() if name not in ("resultType", "_meta")}
    return {**own, **({"_meta": meta} if meta else {})}


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _texts(result: Mapping[str, Any]) -> str:
    return " ".join(str(part.get("text")) for part in result.get("content", []) if part.get("type") == "text")
