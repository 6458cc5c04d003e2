"""Map: what to send, by the version of the action type that the intent pinned."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from remit.core.errors import InvalidInput, RemitError
from remit.core.execution.outcome import CallResult, ExecutionAttempt
from remit.core.execution.request import bounded
from remit.core.gate.action_type import Tool
from remit.core.intent import ActionIntentV1
from remit.flow.context import Context
from remit.flow.execute.common import (
    Ref,
    Worker,
    check_same_tool,
    connector_named,
    connector_of,
    failed,
    intent_and_type,
)
from remit.ports import Connector

log = logging.getLogger(__name__)


class Unmapped(Exception):
    """The intent cannot be made into a request; `result` is the failure to record."""

    def __init__(self, result: CallResult) -> None:
        self.result = result
        super().__init__(result.error_message)


def map_request(worker: Worker, ref_data: Mapping[str, str]) -> dict[str, Any]:
    """
    What to send: `{"request": …}`, by the version of the action type that the intent pinned; or
    `{"result": …}`, the failure to record. No secret is in either.
    """
    ref = Ref(**ref_data)
    try:
        with _mapping():
            intent, action_type = intent_and_type(worker, ref)
            tool = action_type.spec.tool.wire()
            return {"request": bounded(connector_of(worker, tool).map(tool, intent))}
    except Unmapped as unmapped:
        return {"result": unmapped.result.wire()}


def mapped(
    context: Context, intent: ActionIntentV1, tool: Tool | None, attempt: ExecutionAttempt
) -> tuple[Connector, dict[str, Any]]:
    """The connector of an intent's tool, and the request that it makes of it. Raises `Unmapped`."""
    with _mapping():
        if tool is None:
            raise InvalidInput("action_type", f"{intent.action_type} had no tool when it was proposed", "register it")
        described = tool.wire()
        check_same_tool(intent, described, attempt)
        connector = connector_named(context, tool.connector)
        return connector, bounded(connector.map(described, intent))


@contextmanager
def _mapping() -> Iterator[None]:
    """Whatever keeps an intent from being a request is raised as `Unmapped`, but for what may be gone in a moment."""
    try:
        yield
    except InvalidInput as error:
        raise Unmapped(failed("MAPPING", "VALIDATION", str(error))) from error
    except RemitError:
        raise
    except Exception as error:
        log.exception("mapping failed")
        raise Unmapped(failed("MAPPING", "UNKNOWN", type(error).__name__)) from error
