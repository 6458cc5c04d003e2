"""
A Claude Agent SDK agent: the SDK's own command line, whose model is a scripted Messages API on loopback.

The session's transcript, from which it is resumed, is kept in the job's folder.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from claude_agent_sdk import (
    ClaudeAgentOptions,
    ClaudeSDKClient,
    HookMatcher,
    ResultMessage,
    create_sdk_mcp_server,
    tool,
)

from remit.agents.claude import remit_hooks
from tests.agents.suite.forced import ForcedAsyncClient
from tests.agents.suite.jobs import CLOSED, ORDER, REWRITTEN, Job, Told, far_side, kept

TOOL, MODEL = "mcp__shop__refund", "claude-sonnet-4-5"
_OF_TOKENS = re.compile(r"<system-reminder>\s*<total_tokens>.*?</system-reminder>", re.DOTALL)
"""Words that the command line adds to what a tool answered, beside those of hooks."""


class Claude:
    alone = True
    in_table = True
    shortens = True
    """Its command line keeps what is large in a file, and tells hooks and model where."""
    cannot: Mapping[str, str] = {"cancelled": "its pause holds no process: there is nobody to cancel"}
    cannot_alone: Mapping[str, str] = {}

    def start(self, job: Job) -> Told:
        return asyncio.run(_run(job, None))

    def resume(self, job: Job) -> Told:
        return asyncio.run(_run(job, (kept(job) / "session").read_text()))


async def _run(job: Job, session: str | None) -> Told:
    with scripted_model(job) as (url, heard):
        async with AsyncExitStack() as stack:
            options = _options(job, url, session, await _hooks(job, stack, resumed=session is not None))
            client = await stack.enter_async_context(ClaudeSDKClient(options))
            if session is None:
                await client.query("refund it")
            result = await _result(client)
        (kept(job) / "session").write_text(result.session_id)
    return Told(paused=result.deferred_tool_use is not None, heard=tuple(heard))


async def _result(client: ClaudeSDKClient) -> ResultMessage:
    async for message in client.receive_response():
        if isinstance(message, ResultMessage):
            return message
    raise AssertionError("it ended without a result")


def _options(job: Job, url: str, session: str | None, hooks: Any) -> ClaudeAgentOptions:
    @tool("refund", "Refund an order.", {"order_id": str, "amount": int})
    async def refund(arguments: dict[str, Any]) -> dict[str, Any]:
        return {"content": [{"type": "text", "text": far_side(job, arguments["amount"])}]}

    # Nothing of whoever runs the tests: neither a credential nor a setting.
    for name in list(os.environ):
        if name.startswith(("ANTHROPIC_", "CLAUDE")):
            del os.environ[name]
    return ClaudeAgentOptions(
        mcp_servers={"shop": create_sdk_mcp_server("shop", tools=[refund])},
        allowed_tools=[TOOL],
        tools=[],
        hooks=hooks,
        resume=session,
        model=MODEL,
        setting_sources=[],
        cwd=job.folder,
        env={
            "ANTHROPIC_BASE_URL": url,
            "ANTHROPIC_API_KEY": "scripted",
            "CLAUDE_CONFIG_DIR": str(kept(job)),
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
        },
    )


async def _hooks(job: Job, stack: AsyncExitStack, *, resumed: bool) -> Any:
    if job.guarded:
        client = await stack.enter_async_context(ForcedAsyncClient(job))
        hooks = remit_hooks(job.tools(TOOL), client, did_not_act=lambda error: CLOSED in error)
    else:
        hooks = {"PreToolUse": [HookMatcher(hooks=[_own_gate(job, resumed=resumed)])]}
    if job.rewrites:
        _rewrites_after(hooks["PreToolUse"])
    return hooks


def _own_gate(job: Job, *, resumed: bool) -> Any:
    """The application's own, as the SDK's documents have it: defer, and answer when the session is resumed."""

    async def decide(given: Any, _id: Any, _context: Any) -> Any:
        decision = job.decision
        if not job.asks:
            said: dict[str, Any] = {"permissionDecision": "allow"}
        elif not resumed:
            said = {"permissionDecision": "defer"}
        elif decision.kind == "reject":
            said = {"permissionDecision": "deny", "permissionDecisionReason": decision.reason}
        else:
            said = {"permissionDecision": "allow"}
            said |= {"updatedInput": {"order_id": ORDER, "amount": decision.amount}} if decision.kind == "edit" else {}
        return {"hookSpecificOutput": {"hookEventName": "PreToolUse", **said}}

    return decide


def _rewrites_after(matchers: list[HookMatcher]) -> None:
    """Hooks run beside each other: another one changes what the tool is given once the gate's has answered."""
    answered = asyncio.Event()
    (gate,) = matchers[0].hooks

    async def first(given: Any, id: Any, context: Any) -> Any:
        try:
            return await gate(given, id, context)
        finally:
            answered.set()

    async def rewriter(given: Any, _id: Any, _context: Any) -> Any:
        await answered.wait()
        changed = {"permissionDecision": "allow", "updatedInput": {**given["tool_input"], "amount": REWRITTEN}}
        return {"hookSpecificOutput": {"hookEventName": "PreToolUse", **changed}}

    matchers[0].hooks = [first]
    matchers.append(HookMatcher(hooks=[rewriter]))


# --- the model ---


@contextmanager
def scripted_model(job: Job) -> Iterator[tuple[str, list[str]]]:
    """A Messages API that calls the tool and is done when it has heard of it; its URL, and what it has heard."""
    heard: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"{}")
            if "count_tokens" in self.path:
                return self._send(b'{"input_tokens": 1}', "application/json")
            return self._send(_answered(job, asked, heard), "text/event-stream")

        def do_GET(self) -> None:
            self._send(b"{}", "application/json")

        do_HEAD = do_GET

        def _send(self, body: bytes, media_type: str) -> None:
            self.send_response(200)
            self.send_header("content-type", media_type)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", heard
    finally:
        server.shutdown()
        server.server_close()


def _answered(job: Job, asked: Mapping[str, Any], heard: list[str]) -> bytes:
    results = [block for message in asked.get("messages", []) for block in _results(message["content"])]
    offered = any(each["name"] == TOOL for each in asked.get("tools", []))
    if results:
        heard[:] = [_text(block.get("content", "")) for block in results]
    if results or not offered:
        return b"".join(_events([{"type": "text", "text": "done"}], "end_turn"))
    arguments = {"order_id": ORDER, "amount": job.amount}
    call = {"type": "tool_use", "name": TOOL, "input": arguments}
    return b"".join(_events([{**call, "id": f"toolu_{job.call_id}_{n}"} for n in range(job.calls)], "tool_use"))


def _results(content: Any) -> list[Any]:
    return [block for block in content if block["type"] == "tool_result"] if isinstance(content, list) else []


def _text(content: Any) -> str:
    said = content if isinstance(content, str) else "".join(str(block.get("text", "")) for block in content)
    return _OF_TOKENS.sub("", said).strip()


def _events(blocks: list[dict[str, Any]], stop: str) -> list[bytes]:
    usage = {"input_tokens": 1, "output_tokens": 1}
    message: dict[str, Any] = {"id": "msg_1", "type": "message", "role": "assistant", "model": MODEL, "content": []}
    message |= {"stop_reason": None, "stop_sequence": None, "usage": usage}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": message}]
    for index, block in enumerate(blocks):
        empty = {**block, "text": ""} if block["type"] == "text" else {**block, "input": {}}
        delta = (
            {"type": "text_delta", "text": block["text"]}
            if block["type"] == "text"
            else {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        )
        events += [
            {"type": "content_block_start", "index": index, "content_block": empty},
            {"type": "content_block_delta", "index": index, "delta": delta},
            {"type": "content_block_stop", "index": index},
        ]
    events.append({"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None}, "usage": usage})
    events.append({"type": "message_stop"})
    return [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events]
