"""Functions of a worker's own process: each is the tool of one action type, and this worker runs those that it has."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from remit.connectors.arguments import arguments_of, check_arguments_tool
from remit.core.errors import InvalidInput, NotActed
from remit.core.execution.outcome import LONGEST_MESSAGE, CallResult
from remit.core.execution.result import function_answer
from remit.core.intent import ActionIntentV1
from remit.ports import Call, WorkerFunction


class FunctionConnector:
    """
    Runs functions. Without any it checks and maps what other workers run.

    Only a function may say that it did not act (`NotActed`): whatever else it raises, it may have acted before.
    """

    always_honours_key = False

    def __init__(self, functions: Iterable[WorkerFunction] = ()) -> None:
        """Raises `InvalidInput` for two functions of one action type."""
        self._functions: dict[str, WorkerFunction] = {}
        for function in functions:
            known = self._functions.setdefault(function.action_type, function)
            if known is not function:
                raise InvalidInput("functions", f"two are for {function.action_type}", "give each type one")

    @property
    def action_types(self) -> Collection[str]:
        return self._functions.keys()

    def check(self, tool: dict[str, Any]) -> None:
        check_arguments_tool(tool)

    def map(self, tool: dict[str, Any], intent: ActionIntentV1) -> dict[str, Any]:
        return {"parameters": arguments_of(tool, intent)}

    def invoke(self, call: Call) -> CallResult:
        function = self._functions[call.intent.action_type]
        try:
            answer = function.run(
                call.request["parameters"], idempotency_key=call.idempotency_key, timeout_s=call.timeout_s
            )
        except NotActed as error:
            return CallResult(acted="no", error_code="NOT_ACTED", error_message=_said(error))
        except BaseException as error:
            # Also what would end a process: it ends this call, and the worker goes on.
            return CallResult(
                acted="unknown",
                error_code="TOOL_RAISED",
                error_class="TIMEOUT" if isinstance(error, TimeoutError) else "UNKNOWN",
                error_message=_said(error),
            )
        return CallResult(acted="yes", answer=function_answer(answer))


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:LONGEST_MESSAGE]
