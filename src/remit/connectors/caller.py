"""Tools that whoever proposes them executes itself: Remit says what to run, with what, and calls nobody."""

from __future__ import annotations

from typing import Any

from remit.connectors.arguments import arguments_of, check_arguments_tool
from remit.core.execution.outcome import CallResult
from remit.core.intent import ActionIntentV1
from remit.ports import Call


class CallerConnector:
    """Maps what a permit says, and is never called. A permit lives for the tool's `timeout_s`, until it is renewed."""

    always_honours_key = False

    def check(self, tool: dict[str, Any]) -> None:
        check_arguments_tool(tool)

    def map(self, tool: dict[str, Any], intent: ActionIntentV1) -> dict[str, Any]:
        return {"parameters": arguments_of(tool, intent)}

    def invoke(self, call: Call) -> CallResult:
        del call
        return CallResult(
            acted="no",
            error_code="CALLER_EXECUTES",
            error_class="VALIDATION",
            error_message="its caller executes this action, and nobody else",
        )
