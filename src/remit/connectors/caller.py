"""Tools that whoever proposes them executes itself: Remit says what to run, with what, and calls nobody."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, JsonValue, ValidationError

from remit.core.errors import InvalidInput
from remit.core.execution.outcome import CallResult
from remit.core.execution.templates import check_template, environment_names, fields_of, render
from remit.core.gate.action_type import Tool
from remit.core.intent import ActionIntentV1
from remit.core.values import explain_invalid
from remit.ports import Call


class CallerTool(Tool):
    """
    What a tool with `connector: caller` may say.

    `operation` names the function or tool for people. `parameters` is a template of what it is called with, the
    intent's own parameters where it is left out. A permit lives for `timeout_s`, until it is renewed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    operation: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    parameters: dict[str, JsonValue] | None = None


class CallerConnector:
    """Maps what a permit says, and is never called."""

    always_honours_key = False

    def check(self, tool: dict[str, Any]) -> None:
        parameters = _parse(tool).parameters
        check_template(parameters, "parameters")
        if environment_names(parameters):
            raise InvalidInput("parameters", "refer to the environment", "what a caller is handed holds no secret")

    def map(self, tool: dict[str, Any], intent: ActionIntentV1) -> dict[str, Any]:
        template = _parse(tool).parameters
        return {"parameters": intent.parameters if template is None else render(template, fields_of(intent))}

    def invoke(self, call: Call) -> CallResult:
        del call
        return CallResult(
            acted="no",
            error_code="CALLER_EXECUTES",
            error_class="VALIDATION",
            error_message="its caller executes this action, and nobody else",
        )


def _parse(tool: dict[str, Any]) -> CallerTool:
    try:
        return CallerTool.model_validate(tool)
    except ValidationError as error:
        raise explain_invalid(error) from None
