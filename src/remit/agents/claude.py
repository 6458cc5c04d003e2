"""
Remit before the tools of a Claude Agent SDK agent: `ClaudeAgentOptions(hooks=remit_hooks(tools, client), ...)`.

The SDK runs the tool itself, between two hooks: the first has it approved and marked, the second says what came of it.
A call that a person is asked about is deferred, which ends the run; it goes on when the session is resumed without a
prompt, over a restart too, and whatever was said meanwhile, Remit says what may run.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from claude_agent_sdk import HookMatcher
from claude_agent_sdk.types import HookEvent

from remit.agents.endings import Asked, NotActed, NotRun
from remit.agents.guard import AsyncGuard, PausedCall
from remit.agents.tools import GuardedTools
from remit.client.http_client import AsyncRemitClient
from remit.core.errors import RemitError

TIMEOUT_S = 60.0
"""How long the SDK waits for a hook; one that took longer counts as failed, and its call is blocked."""

Hook = Callable[[Any, str | None, Any], Awaitable[Any]]
Session = Callable[[Mapping[str, Any]], str]
"""What the conversation is called, of a hook's input: the same when it is resumed."""
DidNotAct = Callable[[str], bool]
"""Whether a tool that answered with this error certainly did nothing. The SDK passes exceptions on as their words."""


def _session_id(given: Mapping[str, Any]) -> str:
    return str(given["session_id"])


def _nobody_knows(_error: str) -> bool:
    return False


def remit_hooks(
    tools: GuardedTools,
    client: AsyncRemitClient,
    *,
    session: Session = _session_id,
    did_not_act: DidNotAct = _nobody_knows,
) -> dict[HookEvent, list[HookMatcher]]:
    """
    Hooks before and after each call of a tool, each of which is an intent first. Tools are named as the SDK names them,
    `mcp__shop__refund` say.

    A session that is forked has a new id: name it by `session` where the same calls may be made in both.
    """
    hooks = _Hooks(tools, AsyncGuard(client), session, did_not_act)
    return {
        "PreToolUse": [_always(hooks.before)],
        "PostToolUse": [_always(hooks.after)],
        "PostToolUseFailure": [_always(hooks.failed)],
    }


def _always(hook: Hook) -> HookMatcher:
    # Without `block` the tool would run where the hook raises.
    return HookMatcher(hooks=[hook], timeout=TIMEOUT_S, on_failure="block")


class ToolFailed(Exception):
    """The tool answered with an error: it may have acted before that."""


class OtherArguments(Exception):
    """Another hook changed the arguments after they were approved: what ran, nobody had approved."""


@dataclass(frozen=True, slots=True)
class _Running:
    call: PausedCall
    approved: dict[str, Any]


class _Hooks:
    def __init__(self, tools: GuardedTools, guard: AsyncGuard, session: Session, did_not_act: DidNotAct) -> None:
        self._tools, self._guard, self._session, self._did_not_act = tools, guard, session, did_not_act
        self._running: dict[str, _Running] = {}

    async def before(self, given: Any, _id: str | None, _context: Any) -> Any:
        name, arguments = given["tool_name"], given["tool_input"]
        if not self._tools.guards(name):
            return {}
        session = self._session(given)
        paused = self._guard.paused(self._tools.call(name, arguments, session=session, call_id=given["tool_use_id"]))
        try:
            step = await paused.until_act()
        except Asked as asked:
            return _says("defer", asked.text)
        except (NotRun, RemitError) as ending:
            # Where Remit cannot be reached, nothing runs either.
            return _says("deny", str(ending))
        if step is None:
            return _says("deny", f"It ran before, and is not done again. It had answered: {_words(paused.answer)}")
        self._running[given["tool_use_id"]] = _Running(paused, step.arguments)
        return _says("allow", "Remit approved it", updatedInput=step.arguments)

    async def after(self, given: Any, _id: str | None, _context: Any) -> Any:
        running = self._running.pop(given["tool_use_id"], None)
        if running is None:
            return {}
        if given["tool_input"] != running.approved:
            return await _told(running, OtherArguments("the tool was given other arguments than were approved"))
        await running.call.acted(given["tool_response"])
        return {}

    async def failed(self, given: Any, _id: str | None, _context: Any) -> Any:
        running, error = self._running.pop(given["tool_use_id"], None), str(given["error"])
        if running is None:
            return {}
        return await _told(running, NotActed(error) if self._did_not_act(error) else ToolFailed(error))


async def _told(running: _Running, error: Exception) -> Any:
    """The open end of a call, in words for the model where it is open whether the tool has acted."""
    try:
        await running.call.failed(error)
    except NotRun as ending:
        event: HookEvent = "PostToolUse" if isinstance(error, OtherArguments) else "PostToolUseFailure"
        return {"hookSpecificOutput": {"hookEventName": event, "additionalContext": ending.text}}
    except NotActed:
        """The model has heard the tool's own words."""
    return {}


def _says(decision: str, reason: str, **more: Any) -> dict[str, Any]:
    said = {"permissionDecision": decision, "permissionDecisionReason": reason, **more}
    return {"hookSpecificOutput": {"hookEventName": "PreToolUse", **said}}


def _words(answer: Any) -> str:
    """A tool's earlier answer; of an MCP tool's content blocks, their texts."""
    if isinstance(answer, list) and all(isinstance(block, dict) and "text" in block for block in answer):
        return "\n".join(str(block["text"]) for block in answer)
    return answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)


__all__ = ["remit_hooks"]
