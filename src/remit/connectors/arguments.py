"""Tools that are called with arguments alone, by no protocol: by whoever proposed them, or by a worker as functions."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, JsonValue, ValidationError

from remit.core.errors import InvalidInput
from remit.core.execution.templates import check_template, environment_names, fields_of, render
from remit.core.gate.action_type import Tool
from remit.core.intent import ActionIntentV1
from remit.core.invalid_fields import explain_invalid


class ArgumentsTool(Tool):
    """
    The description of such a tool.

    `operation` names the function or tool for people. `parameters` is a template of what it is called with, the
    intent's own parameters where it is left out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    operation: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    parameters: dict[str, JsonValue] | None = None


def check_arguments_tool(tool: dict[str, Any]) -> None:
    """Raises `InvalidInput`."""
    parameters = _parse(tool).parameters
    check_template(parameters, "parameters")
    if environment_names(parameters):
        raise InvalidInput("parameters", "refer to the environment", "what a function is handed holds no secret")


def arguments_of(tool: dict[str, Any], intent: ActionIntentV1) -> dict[str, Any]:
    """The arguments that it is called with. Raises `InvalidInput`."""
    template = _parse(tool).parameters
    return intent.parameters if template is None else dict(render(template, fields_of(intent)))


def _parse(tool: dict[str, Any]) -> ArgumentsTool:
    try:
        return ArgumentsTool.model_validate(tool)
    except ValidationError as error:
        raise explain_invalid(error) from None
