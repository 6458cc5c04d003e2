"""
Slack as far as Remit meets it: its Web API on loopback, within its published limits, and its signed interactivity.

https://docs.slack.dev/reference/block-kit, …/reference/methods, …/authentication/verifying-requests-from-slack
"""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlencode

TOKEN, SIGNING_SECRET = "xoxb-1111-the-bot", "8f742231b10e8888abcd99yyyzzz85a5"
TEAM, CHANNEL = "T0001", "C0001"
# Slack's live for 3 s; a busy machine takes its time.
TRIGGER_LIVES_S = 30.0


class Invalid(Exception):
    """An error as Slack names it."""


def _limit(block: dict[str, Any], name: str, most: int, *, kinds: tuple[str, ...] = ("plain_text", "mrkdwn")) -> None:
    text = block[name]
    if text["type"] not in kinds or not 1 <= len(text["text"]) <= most:
        raise Invalid("invalid_blocks")


def _check_button(button: dict[str, Any]) -> None:
    known = {"type", "text", "action_id", "value", "url", "style", "confirm", "accessibility_label"}
    if not set(button) <= known or button.get("style", "primary") not in ("primary", "danger"):
        raise Invalid("invalid_blocks")
    _limit(button, "text", 75, kinds=("plain_text",))
    if len(button["action_id"]) > 255 or len(button.get("value", "")) > 2000 or len(button.get("url", "")) > 3000:
        raise Invalid("invalid_blocks")


def _check_actions(block: dict[str, Any]) -> None:
    elements = block["elements"]
    if not 1 <= len(elements) <= 25 or len({each["action_id"] for each in elements}) < len(elements):
        raise Invalid("invalid_blocks")
    for each in elements:
        _check_button(each)


def _check_section(block: dict[str, Any]) -> None:
    if "text" in block:
        _limit(block, "text", 3000)
    fields = block.get("fields", [])
    if len(fields) > 10 or any(len(each["text"]) > 2000 for each in fields) or not ("text" in block or fields):
        raise Invalid("invalid_blocks")


def _check_input(block: dict[str, Any]) -> None:
    _limit(block, "label", 2000, kinds=("plain_text",))
    element = block["element"]
    if element["type"] != "plain_text_input" or not 1 <= element.get("max_length", 1) <= 3000:
        raise Invalid("invalid_blocks")


_CHECKS: dict[str, Callable[[dict[str, Any]], None]] = {
    "header": lambda block: _limit(block, "text", 150, kinds=("plain_text",)),
    "section": _check_section,
    "actions": _check_actions,
    "input": _check_input,
}


def check_blocks(blocks: list[dict[str, Any]], most: int) -> None:
    if not 1 <= len(blocks) <= most:
        raise Invalid("invalid_blocks")
    for block in blocks:
        if block["type"] not in _CHECKS:
            raise Invalid("invalid_blocks")
        _CHECKS[block["type"]](block)


@dataclass
class Message:
    """One message of the bot, as it stands."""

    channel: str
    ts: str
    content: dict[str, Any]

    def texts(self) -> str:
        return "\n".join(block["text"]["text"] for block in self.content["blocks"] if "text" in block)

    @property
    def buttons(self) -> dict[str, dict[str, Any]]:
        rows = [block["elements"] for block in self.content["blocks"] if block["type"] == "actions"]
        return {each["action_id"]: each for row in rows for each in row}


@dataclass
class Slack:
    """`says_instead` are errors, or numbers of seconds to wait, that the next calls are answered with."""

    url: str = ""
    messages: list[Message] = field(default_factory=list)
    updates: list[str] = field(default_factory=list)
    views: list[dict[str, Any]] = field(default_factory=list)
    ephemeral: list[dict[str, Any]] = field(default_factory=list)
    says_instead: list[str | int] = field(default_factory=list)
    triggers: dict[str, float] = field(default_factory=dict)
    changed: threading.Condition = field(default_factory=threading.Condition)

    # --- the Web API ---

    def call(self, method: str, token: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if token != f"Bearer {TOKEN}":
            raise Invalid("invalid_auth")
        methods = {
            "chat.postMessage": self._post,
            "chat.update": self._update,
            "chat.postEphemeral": self._whisper,
            "views.open": self._open,
        }
        with self.changed:
            said = methods[method](arguments)
            self.changed.notify_all()
        return {"ok": True, **said}

    def _content(self, arguments: dict[str, Any]) -> dict[str, Any]:
        if arguments["channel"] != CHANNEL:
            raise Invalid("channel_not_found")
        if len(arguments["text"]) > 40_000:
            raise Invalid("msg_too_long")
        check_blocks(arguments["blocks"], 50)
        return arguments

    def _post(self, arguments: dict[str, Any]) -> dict[str, Any]:
        message = Message(CHANNEL, f"1700000000.{len(self.messages):06}", self._content(arguments))
        self.messages.append(message)
        return {"channel": CHANNEL, "ts": message.ts}

    def _update(self, arguments: dict[str, Any]) -> dict[str, Any]:
        content = self._content(arguments)
        found = [each for each in self.messages if each.ts == arguments["ts"]]
        if not found:
            raise Invalid("message_not_found")
        found[0].content = content
        self.updates.append(found[0].ts)
        return {"channel": CHANNEL, "ts": found[0].ts}

    def _whisper(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self.ephemeral.append(self._content(arguments))
        return {"message_ts": "1700000001.000000"}

    def _open(self, arguments: dict[str, Any]) -> dict[str, Any]:
        made_at = self.triggers.pop(arguments["trigger_id"], None)
        if made_at is None or time.monotonic() - made_at > TRIGGER_LIVES_S:
            raise Invalid("expired_trigger_id")
        view = arguments["view"]
        check_blocks(view["blocks"], 100)
        for name in ("title", "submit", "close"):
            _limit(view, name, 24, kinds=("plain_text",))
        if len(view["private_metadata"]) > 3000 or len(view["callback_id"]) > 255:
            raise Invalid("invalid_arguments")
        self.views.append(view)
        return {"view": {"id": f"V{len(self.views)}"}}

    # --- interactivity ---

    def pressed(self, message: Message, action: str, user: str, *, team: str = TEAM, **changes: Any) -> bytes:
        """The body of a press. As Slack does, a button with a URL is told of as well."""
        trigger = f"{len(self.triggers)}.{user}.{time.monotonic_ns()}"
        self.triggers[trigger] = time.monotonic()
        payload = {
            "type": "block_actions",
            "user": {"id": user, "username": "bob", "name": "bob", "team_id": team},
            "team": {"id": team, "domain": "acme"},
            "container": {"type": "message", "message_ts": message.ts, "channel_id": message.channel},
            "trigger_id": trigger,
            "actions": [{**message.buttons[action], "action_ts": "1700000002.1", "block_id": "b"}],
            **changes,
        }
        return urlencode({"payload": json.dumps(payload)}).encode()

    def submitted(self, view: dict[str, Any], user: str, reason: str | None) -> bytes:
        payload = {
            "type": "view_submission",
            "user": {"id": user, "team_id": TEAM},
            "team": {"id": TEAM},
            "view": {
                **view,
                "state": {"values": {"reason": {"reason": {"type": "plain_text_input", "value": reason}}}},
            },
        }
        return urlencode({"payload": json.dumps(payload)}).encode()


def signed(body: bytes, at: float | None = None, secret: str = SIGNING_SECRET) -> dict[str, str]:
    """The headers of a request that Slack sends."""
    stamp = str(int(time.time() if at is None else at))
    digest = hmac.new(secret.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": f"v0={digest}",
    }


@contextmanager
def slack() -> Iterator[Slack]:
    """Serve it until the end of the context."""
    far_side = Slack()

    class Api(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            arguments = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, headers, said = 200, {}, {}
            instead = far_side.says_instead.pop(0) if far_side.says_instead else None
            if isinstance(instead, int):
                status, headers, said = 429, {"Retry-After": str(instead)}, {"ok": False, "error": "ratelimited"}
            else:
                try:
                    if instead is not None:
                        raise Invalid(instead)
                    method = self.path.removeprefix("/api/")
                    said = far_side.call(method, self.headers["Authorization"], arguments)
                except Invalid as error:
                    said = {"ok": False, "error": str(error)}
            body = json.dumps(said).encode()
            self.send_response(status)
            for name, value in {
                "Content-Length": str(len(body)),
                "Content-Type": "application/json",
                **headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    far_side.url = f"http://127.0.0.1:{server.server_port}/api"
    try:
        yield far_side
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
