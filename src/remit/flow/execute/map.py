"""Map: what to send, by the version of the action type that the intent pinned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from remit.core.errors import Conflict, InvalidInput, RemitError
from remit.core.execution.outcome import CallResult, ExecutionAttempt
from remit.core.gate.action_type import Tool
from remit.core.intent import ActionIntentV1
from remit.core.opened_intent import OpenedIntent, redacted
from remit.flow import private_values
from remit.flow.context import Context
from remit.flow.execute.common import (
    Ref,
    Worker,
    check_same_tool,
    connector_named,
    connector_of,
    failed,
    intent_and_type,
    log_broken,
)
from remit.ports import Connector


class Unmapped(Exception):
    """The intent cannot be made into a request; `result` is the failure to record."""

    def __init__(self, result: CallResult) -> None:
        self.result = result
        super().__init__(result.error_message)


def map_request(worker: Worker, ref_data: Mapping[str, str]) -> dict[str, Any]:
    """
    The request to send: `{"request": …}`, by the version of the action type that the intent pinned; or
    `{"result": …}`, the failure to record. No secret and no private value is in either.
    """
    ref = Ref(**ref_data)
    try:
        with _mapping():
            intent, action_type = intent_and_type(worker, ref)
            tool = action_type.spec.tool.wire()
            connector = connector_of(worker, tool)
        request = request_of(connector, tool, intent)
    except Unmapped as unmapped:
        return {"result": unmapped.result.wire()}
    # Whoever carries the steps keeps what they answer, and can erase none of it: the call maps a private one again.
    return {"request": {} if isinstance(intent, OpenedIntent) else request}


def request_of(connector: Connector, tool: dict[str, Any], intent: ActionIntentV1) -> dict[str, Any]:
    """The request that a tool makes of an intent, which has its private values. Raises `Unmapped`."""
    with _mapping(intent):
        return private_values.mapped(connector, tool, intent)


def mapped(
    context: Context, intent: ActionIntentV1, tool: Tool | None, begun: ExecutionAttempt | None
) -> tuple[Connector, dict[str, Any]]:
    """
    The connector of an intent's tool, and the request that it makes of it. Raises `Unmapped`.

    `begun` is the attempt that was begun in an earlier write; it may have been begun with another tool.
    """
    with _mapping(intent):
        if tool is None:
            raise InvalidInput("action_type", f"{intent.action_type} had no tool when it was proposed", "register it")
        if begun is not None:
            check_same_tool(intent, tool, begun)
        connector = connector_named(context, tool.connector)
        return connector, private_values.mapped(connector, tool.wire(), intent)


def mapped_again(
    context: Context, intent: ActionIntentV1, tool: Tool | None, attempt: ExecutionAttempt
) -> dict[str, Any]:
    """The request of a permit that was given before. Raises `Conflict` where a value of it was erased since."""
    try:
        return mapped(context, intent, tool, attempt)[1]
    except Unmapped as unmapped:
        raise Conflict(f"the permit of intent {intent.action_intent_id!r} cannot be given again: {unmapped}") from None


@contextmanager
def _mapping(intent: ActionIntentV1 | None = None) -> Iterator[None]:
    """
    Whatever keeps an intent from being a request is raised as `Unmapped`, but for what may be gone in a moment.

    What is said of it holds no private value of `intent`.
    """
    try:
        yield
    except InvalidInput as error:
        said = redacted(str(error), intent) if intent is not None else str(error)
        raise Unmapped(failed("MAPPING", "VALIDATION", said)) from None
    except RemitError:
        raise
    except Exception as error:
        log_broken("mapping failed", error, *([intent] if intent is not None else []))
        raise Unmapped(failed("MAPPING", "UNKNOWN", type(error).__name__)) from None
