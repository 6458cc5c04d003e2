"""The gateway's file: which Remit, which MCP servers, and what is said of single tools."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from remit.client.addressing import checked_url
from remit.core.errors import InvalidInput
from remit.core.invalid_fields import explain_invalid
from remit.core.values import ActionTypeName, Identifier, RiskLevel
from remit.entrypoints.bounds_file import located, read_yaml

SEPARATOR = "__"
"""Between the name of a server and its tool's, where there are several. No server's name holds it."""
HOLD_S, ANSWER_WITHIN_S = 3.0, 3.5
CALL_IDS = ("claudecode/toolUseId", "remit/callId")
"""Names in a call's `_meta` under which clients say which call it is."""

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
ServerName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,31}$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RemitServer(_Part):
    """The place of Remit, and the environment variable with the key of the gateway's agent."""

    url: str
    key_env: str = "REMIT_KEY"
    console: str | None = None
    """Where people see its console; without it, `url` and `/console`."""

    @field_validator("url")
    @classmethod
    def _a_place(cls, url: str) -> str:
        try:
            return checked_url(url)
        except InvalidInput as error:
            raise ValueError(f"{error.problem}; {error.way_out}") from None

    def page_of(self, action_intent_id: str) -> str:
        base = self.console or f"{self.url.rstrip('/')}/console"
        return f"{base.rstrip('/')}/intents/{action_intent_id}"


class UpstreamServer(_Part):
    """One MCP server behind: a command that speaks over stdio, or the URL of one that speaks HTTP."""

    command: str | None = None
    args: list[str] = []
    env: dict[str, str] = {}
    url: str | None = None
    headers: dict[str, str] = {}

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.command is None) == (self.url is None):
            raise ValueError("needs either a command or a url")
        return self

    def with_variables(self, environ: Mapping[str, str]) -> UpstreamServer:
        """`${NAME}` in `env` and `headers` replaced. Raises `InvalidInput` for a variable that is not set."""
        filled = {
            name: {key: _filled(text, environ) for key, text in getattr(self, name).items()}
            for name in ("env", "headers")
        }
        return self.model_copy(update=filled)


class ToolRule(_Part):
    """The rule for one tool's calls."""

    action_type: ActionTypeName | None = None
    account_id: Identifier | None = None
    target: Annotated[list[str], Field(min_length=2, max_length=2)] | None = None
    """A type, and the name of the argument that identifies it."""
    risk: RiskLevel | None = None
    read_only: bool = False
    """It changes nothing, whatever it answers: its errors are failures, and the same call twice is two calls."""


class GatewaySettings(_Part):
    remit: RemitServer
    account_id: Identifier
    servers: Annotated[dict[ServerName, UpstreamServer], Field(min_length=1)]
    tools: dict[str, ToolRule] = {}
    free: list[str] = []
    """Patterns (`get_*`) of tools that are called without asking: reads."""
    callers_key: bool = False
    """Over HTTP each client has to send a Remit key of its own."""
    hold_s: Annotated[float, Field(ge=0, le=600)] = HOLD_S
    """How long a call that waits is held before its client is told: most clients give up after 5 s and more."""
    answer_within_s: Annotated[float, Field(gt=0, le=600)] = ANSWER_WITHIN_S
    """How long Remit's first word, and a server that is not there, are waited for before a call's client is told."""
    call_ids: list[str] = [*CALL_IDS]
    state: str | None = None
    """Directory with what waits; without it, one beside the file, `gateway.waiting` for `gateway.yaml`."""

    def is_free(self, tool: str) -> bool:
        return any(fnmatchcase(tool, pattern) for pattern in self.free)

    def rule(self, tool: str) -> ToolRule:
        return self.tools.get(tool) or ToolRule()

    def exposed_name(self, server: str, tool: str) -> str:
        """Tools of one server keep their names; of several, each has its server's in front."""
        return tool if len(self.servers) == 1 else f"{server}{SEPARATOR}{tool}"

    def server_of(self, exposed_name: str) -> str:
        """The server whose tool would have that name."""
        return next(iter(self.servers)) if len(self.servers) == 1 else exposed_name.partition(SEPARATOR)[0]


def read_settings(path: Path) -> GatewaySettings:
    """Raises `InvalidFile` naming file, line and field."""
    data, lines = read_yaml(path)
    try:
        return settings_of(data)
    except InvalidInput as error:
        raise located(path.name, lines, error) from None


def settings_of(data: Any) -> GatewaySettings:
    try:
        return GatewaySettings.model_validate(data)
    except ValidationError as error:
        raise explain_invalid(error) from None


def required(environ: Mapping[str, str], variable: str, field: str) -> str:
    value = environ.get(variable)
    if not value:
        raise InvalidInput(field, f"names the environment variable {variable}, which is not set", "set it")
    return value


def _filled(text: str, environ: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda found: required(environ, found[1], "servers"), text)
