"""The command line as people and machines use it: a process of its own, in a folder of its own, on a SQLite file."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests import commands
from tests.waiting import PATIENCE_S

SOURCE = Path(__file__).parents[3] / "src"


BOUNDS = """
tenant: acme
allowed_hosts: [127.0.0.1]
action_types:
  CREATE_NOTE: {{risk_tier: LOW, tool: {{connector: internal, operation: create_note}}}}
  CALL_FAR_SIDE: {{risk_tier: LOW, tool: {{connector: http, method: POST, url: "http://127.0.0.1:{port}/", max_attempts: 1}}}}
allowlist: [CREATE_NOTE, CALL_FAR_SIDE]
modes: {{default: APPROVAL_REQUIRED, CREATE_NOTE: AUTO_EXECUTE, CALL_FAR_SIDE: AUTO_EXECUTE}}
budget: {{max_autonomous_per_day: 20, max_per_action_type: {{CREATE_NOTE: 5}}, timezone: "{zone}"}}
tenant_budget: {{max_autonomous_per_day: 500, timezone: "{zone}"}}
accounts:
  acct-2: {{modes: {{CREATE_NOTE: DISABLED}}}}
"""  # noqa: E501


def zone_at_noon() -> str:
    """A zone in which it is about noon: whatever takes its time here, the day does not end in between."""
    # The sign is turned round in these names.
    return f"Etc/GMT{datetime.now(UTC).hour - 12:+d}"


ZONE = zone_at_noon()


def bounds(*, port: int) -> str:
    return BOUNDS.format(port=port, zone=ZONE)


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("REMIT_")}
    own = {"PYTHONPATH": str(SOURCE), "TZ": "Asia/Tokyo", "PYTHONUTF8": "1", "REMIT_PRIVATE_HOSTS": "127.0.0.1"}
    return {**kept, **own, **more}


@dataclass(frozen=True)
class Answered:
    """The exit code of a command, and what it said."""

    returncode: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Desk:
    """A folder to work in, and what the commands run there answered."""

    folder: Path

    def run(self, *words: str, stdin: str = "", code: int = 0, encoding: str | None = None, **more: str) -> Answered:
        """What the command answers, seen to end with `code`. `more` goes into its environment."""
        done = self._run(words, stdin, environment(**more), encoding)
        assert done.returncode == code, f"remit {' '.join(words)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done

    def _run(self, words: Sequence[str], stdin: str, env: Mapping[str, str], encoding: str | None) -> Answered:
        text = encoding or "utf-8"
        given = stdin.encode(text)
        if encoding is None or all(word.isascii() for word in words):
            done = commands.run(words, cwd=self.folder, env=env, stdin=given, encoding=encoding)
        else:
            # An interpreter decodes its own arguments when it starts.
            command = [sys.executable, "-m", "remit", *words]
            new = subprocess.run(
                command, cwd=self.folder, env=env, input=given, capture_output=True, timeout=PATIENCE_S
            )
            done = commands.Done(new.returncode, new.stdout, new.stderr)
        return Answered(done.returncode, done.stdout.decode(text), done.stderr.decode(text))

    def json(self, *words: str, stdin: str = "", code: int = 0) -> list[Any]:
        return objects(self.run(*words, "--json", stdin=stdin, code=code).stdout)

    def one(self, *words: str, code: int = 0) -> Any:
        (answer,) = self.json(*words, code=code)
        return answer

    def error(self, *words: str, code: int, **more: str) -> dict[str, Any]:
        done = self.run(*words, "--json", code=code, **more)
        told: dict[str, Any] = objects(done.stderr)[-1]
        assert done.stdout == ""
        assert set(told) >= {"error", "field", "message", "way_out"}
        return told


def objects(text: str) -> list[Any]:
    return [json.loads(line) for line in text.split("\n") if line]


def proposal(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "action_intent_id": name,
        "tenant_id": "acme",
        "account_id": "acct-1",
        "action_type": "CREATE_NOTE",
        "target": {"entity_type": "contact", "entity_id": "c-1"},
        "parameters": {"text": "hello"},
        "confidence_score": 0.9,
        **changes,
    }


LINES = [
    json.dumps(proposal("note")),
    json.dumps(proposal("unsure", confidence_score=0.2, parameters={"text": "hi \x1b[31mred", "n": 1})),
    "",
    json.dumps(proposal("blocked", account_id="acct-2")),
    json.dumps(proposal("note", parameters={"text": "other"})),
    "{not json",
    json.dumps(proposal("large", parameters={"n": 2**53})),
    '{"action_intent_id": "nan", "parameters": {"n": NaN}}',
    '{"action_intent_id": "twice", "parameters": {"n": 1, "n": 2}}',
    "[1]",
    json.dumps(proposal("typo", risk_level="low")),
    json.dumps(proposal("long", why=["x" * 2**20])),
    json.dumps(proposal("call", action_type="CALL_FAR_SIDE")),
]


@contextmanager
def far_side_that_hangs_up() -> Iterator[int]:
    """It takes a request and never answers: nobody knows whether it acted."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


@dataclass(frozen=True)
class Day:
    """What one day's commands answered, and the folder they left."""

    folder: Path
    previewed: str
    applied: str
    proposed: Answered
    worked: dict[str, Any]
