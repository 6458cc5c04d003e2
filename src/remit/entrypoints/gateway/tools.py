"""A tool of a server behind, and the intent that a call of it is."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from remit.agents.call import ToolCall, target_of
from remit.core.action_name import action_type_name
from remit.core.errors import InvalidInput
from remit.core.values import RISK_ORDER
from remit.entrypoints.gateway.names import CallName
from remit.entrypoints.gateway.settings import GatewaySettings

if TYPE_CHECKING:
    from remit.core.views import StatusAnswer

ANSWER_TOOL = "remit_answer"
"""The gateway's own tool: goes on with a call that waited."""
DEFINITION, ARGUMENTS = "$definition", "$arguments"
"""Names under which an action type's `tool.parameters` may pin the definition that people reviewed."""

_DEFINED = ("name", "title", "description", "inputSchema", "outputSchema", "annotations")
_PIN = re.compile(r"MCP tool (\S+), definition sha256:([0-9a-f]{64})")


@dataclass(frozen=True)
class GatewayTool:
    """`name` is what clients call it, `own_name` what its server does; `definition` is as its server lists it."""

    name: str
    own_name: str
    server: str
    definition: Mapping[str, Any]
    settings: GatewaySettings

    @cached_property
    def sha256(self) -> str:
        """Of all that tells a model or a person what the tool does."""
        said = {field: self.definition.get(field) for field in _DEFINED}
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

    @property
    def pin(self) -> str:
        """The reason that every intent of the tool carries: a call of it runs with this definition or not at all."""
        return f"MCP tool {self.name}, definition sha256:{self.sha256}"

    @property
    def is_free(self) -> bool:
        return self.settings.is_free(self.name)

    @property
    def is_read_only(self) -> bool:
        """By the file's word alone: whoever wrote the server may say anything."""
        return self.settings.rule(self.name).read_only

    @property
    def action_type(self) -> str:
        return self.settings.rule(self.name).action_type or action_type_name(self.name)

    @property
    def account_id(self) -> str:
        return self.settings.rule(self.name).account_id or self.settings.account_id

    @property
    def risk(self) -> str | None:
        """The file's, raised where the server itself says that the tool destroys; none where nobody says."""
        return highest(self.settings.rule(self.name).risk, "HIGH" if is_destructive(self.definition) else None)

    def shown(self) -> dict[str, Any]:
        """As clients are told of it."""
        return {**self.definition, "name": self.name}

    def is_called_by(self, shown: StatusAnswer) -> bool:
        """
        Is this intent (`shown` as Remit tells of it) one of this tool's calls?

        Whoever has a key may propose anything by itself, with any reason: what is approved is the type, in its account.
        """
        return (shown["action_type"], shown["account_id"]) == (self.action_type, self.account_id)

    def call(self, arguments: Mapping[str, Any], name: CallName) -> ToolCall:
        """Raises `InvalidInput` where the arguments lack what identifies the target."""
        rule = self.settings.rule(self.name)
        if rule.target is not None and rule.target[1] not in arguments:
            raise InvalidInput(rule.target[1], "is missing: it says what the call is about", "send it")
        risk = {"risk_level": self.risk} if self.risk else {}
        return ToolCall(
            action_type=self.action_type,
            arguments=arguments,
            account_id=self.account_id,
            session=name.session,
            call_id=name.call_id,
            target=target_of((rule.target[0], rule.target[1]) if rule.target else None, arguments),
            more={**risk, "why": [self.pin]},
        )


def pinned_in(why: Any) -> tuple[str, str] | None:
    """The tool's name and its definition's hash, of the reasons of an intent that a gateway proposed."""
    texts = [text for text in why or () if isinstance(text, str)]
    found = next((match for text in texts if (match := _PIN.fullmatch(text))), None)
    return (found[1], found[2]) if found else None


def unpacked(parameters: Mapping[str, Any]) -> tuple[dict[str, Any], str | None]:
    """The tool's arguments in a permit's parameters, and the definition that its action type pins, if it does."""
    if parameters.keys() == {DEFINITION, ARGUMENTS}:
        return dict(parameters[ARGUMENTS]), str(parameters[DEFINITION])
    return dict(parameters), None


def is_destructive(definition: Mapping[str, Any]) -> bool:
    """By its server's explicit word."""
    return (definition.get("annotations") or {}).get("destructiveHint") is True


def says_read_only(definition: Mapping[str, Any]) -> bool:
    return (definition.get("annotations") or {}).get("readOnlyHint") is True


def highest(*risks: str | None) -> str | None:
    return max((risk for risk in risks if risk), key=RISK_ORDER.index, default=None)
