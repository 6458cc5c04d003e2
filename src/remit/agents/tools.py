"""An agent's tools: which of them are guarded, and the intent that a call of one is."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from remit.agents.call import ToolCall, target_of
from remit.core.action_name import action_type_name


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """
    The settings of one tool's intents: another action type than its own name in UPPER_SNAKE, and the target, as a type
    and the name of the argument that identifies it. `more` are further fields of its proposals.
    """

    action_type: str | None = None
    target: tuple[str, str] | None = None
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GuardedTools:
    """Every tool is guarded but those in `free`; `specs` says more of some."""

    account_id: str
    specs: Mapping[str, ToolSpec] = field(default_factory=dict)
    free: Collection[str] = ()

    def guards(self, tool: str) -> bool:
        return tool not in self.free

    def call(self, tool: str, arguments: Mapping[str, Any], *, session: str, call_id: str) -> ToolCall:
        spec = self.specs.get(tool) or ToolSpec()
        return ToolCall(
            action_type=spec.action_type or action_type_name(tool),
            arguments=arguments,
            account_id=self.account_id,
            session=session,
            call_id=call_id,
            target=target_of(spec.target, arguments),
            more=spec.more,
        )
