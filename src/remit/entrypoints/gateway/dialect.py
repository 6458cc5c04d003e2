"""
Dialects in which a client is told that its call waits for a person: in the first of these ways that it announced.

| announced                             | told                                                              |
|---------------------------------------|-------------------------------------------------------------------|
| the tasks extension                   | a task (`tasks`)                                                  |
| the protocol of 2026-07-28            | `input_required`, first with the console's page if it opens URLs  |
| URL elicitation, before that protocol | error -32042 with the console's page                              |
| nothing                               | words, and the tool `remit_answer`                                |

A client gives `input_required` up after ten rounds, so the last of them is answered in words.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

import mcp_types as types
from mcp.shared.exceptions import UrlElicitationRequiredError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

TASKS = "io.modelcontextprotocol/tasks"
LAST_ROUND = 9
_PAGE = "remit"

Dialect = Literal["task", "rounds", "elicitation", "words"]


@dataclass(frozen=True, slots=True)
class Round:
    """One round of a call that comes again with what the gateway gave its client to keep."""

    action_intent_id: str
    number: int

    @classmethod
    def first(cls, action_intent_id: str) -> Round:
        return cls(action_intent_id, 0)

    @classmethod
    def read(cls, state: str) -> Round:
        """As `written`; the state is sealed on its way (`RequestStateBoundary`)."""
        name, number = json.loads(state)
        return cls(name, number)

    def next(self) -> Round:
        return Round(self.action_intent_id, self.number + 1)

    def written(self) -> str:
        return json.dumps([self.action_intent_id, self.number])


def dialect_of(protocol_version: str, capabilities: types.ClientCapabilities | None) -> Dialect:
    modern = protocol_version in MODERN_PROTOCOL_VERSIONS
    if modern and TASKS in ((capabilities.extensions if capabilities else None) or {}):
        return "task"
    if modern:
        return "rounds"
    return "elicitation" if opens_urls(capabilities) else "words"


def opens_urls(capabilities: types.ClientCapabilities | None) -> bool:
    elicitation = capabilities.elicitation if capabilities else None
    return elicitation is not None and elicitation.url is not None


def input_required(at: Round, page: str | None, text: str) -> types.InputRequiredResult:
    """`page` is shown once: whoever has opened it does not need it again."""
    state = at.next().written()
    if page is None or at.number:
        return types.InputRequiredResult(request_state=state)
    asked = types.ElicitRequest(params=types.ElicitRequestURLParams(message=text, url=page))
    return types.InputRequiredResult(input_requests={_PAGE: asked}, request_state=state)


def page_was_refused(responses: dict[str, Any] | None) -> bool:
    """Did the person at the client not want to see the page? Then asking on would be no use to them."""
    answer = (responses or {}).get(_PAGE)
    return isinstance(answer, types.ElicitResult) and answer.action != "accept"


def page_required(action_intent_id: str, page: str, text: str) -> UrlElicitationRequiredError:
    asked = types.ElicitRequestURLParams(message=text, url=page, elicitation_id=action_intent_id)
    return UrlElicitationRequiredError([asked], text)
