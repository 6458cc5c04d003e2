"""An installation under attack: one server process over a SQLite file, a quiet tenant and a hostile one."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from remit import Remit

QUIET, HOSTILE = "quiet", "hostile"
NOTE, SEND = "CREATE_NOTE", "SEND_MESSAGE"
READY_S, ANSWER_S = 120.0, 30.0
ROLES = ("agent", "approver", "admin", "auditor", "operator")
LOCAL = {"REMIT_PRIVATE_HOSTS": "127.0.0.0/8"}
"""The operator's consent to call this machine, where an attack is about something else."""


class FarSide(ThreadingHTTPServer):
    """A system that tools call: it notes when each request came; the hostile tenant's it answers once `gate` is set."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self) -> None:
        self.arrived: dict[str, float] = {}
        self.seen: list[tuple[str, bytes]] = []
        self.gate = threading.Event()
        self.gate.set()
        super().__init__(("127.0.0.1", 0), _Answering)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        far: FarSide = self.server  # type: ignore[assignment]  # The handler is only ever made by this server.
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        far.arrived[self.path.rpartition("/")[2]] = time.perf_counter()
        far.seen.append((str(self.headers), body))
        if f"/{HOSTILE}/" in self.path:
            far.gate.wait()
        answer = b'{"id": "1"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: what came stands in `seen`."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; status 0 where nothing did, and `text` says why. `took_s` in seconds."""

    status: int
    text: str
    took_s: float

    def json(self) -> Any:
        return httpx.Response(200, text=self.text).json()


@dataclass
class Installation:
    """`keys` by tenant and role; a key of each role exists for both tenants, made by `founder`."""

    folder: Path
    far: FarSide
    environ: Mapping[str, str]
    keys: dict[tuple[str, str], str] = field(default_factory=dict)
    url: str = ""
    process: subprocess.Popen[bytes] | None = None

    @property
    def database(self) -> str:
        return f"sqlite:///{self.folder / 'remit.db'}"

    def set_up(self) -> None:
        """The bounds and keys of both tenants."""
        with Remit.open(self.database) as remit:
            for tenant in (QUIET, HOSTILE):
                remit.apply(self.bounds(tenant), by="founder")
                for role in ROLES:
                    self.keys[tenant, role] = remit.create_key(
                        tenant, {"name": f"{tenant}-{role}", "roles": [role]}, by="founder"
                    )[1]

    def bounds(self, tenant: str, **more: Any) -> dict[str, Any]:
        """Bounds under which notes and messages of this tenant run alone."""
        internal = {"connector": "internal", "operation": "create_note"}
        send = {
            "connector": "http",
            "method": "POST",
            "url": f"{self.far.url}/{tenant}/{{action_intent_id}}",
            "body": "{parameters}",
            "timeout_s": 600,
            "honours_idempotency_key": True,
        }
        return {
            "tenant": tenant,
            "allowed_hosts": ["127.0.0.1"],
            "action_types": {
                NOTE: {"risk_tier": "LOW", "tool": internal},
                SEND: {"risk_tier": "LOW", "tool": send},
            },
            "allowlist": [NOTE, SEND],
            "modes": {"default": "AUTO_EXECUTE"},
            "budget": {"max_autonomous_per_day": 1_000_000},
            **more,
        }

    def start(self) -> None:
        """Start the server and wait until it answers. Raises `RuntimeError` with its log if it ends instead."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "remit", "serve", "--port", str(port), "--db", self.database]
        own = {name: value for name, value in os.environ.items() if not name.startswith("REMIT_")}
        with (self.folder / "serve.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env={**own, **self.environ})
        self.url = f"http://127.0.0.1:{port}"
        until = time.monotonic() + READY_S
        while time.monotonic() < until and self.alive():
            if self.ask("GET", "/readyz").status == 200:
                return
            time.sleep(0.05)
        raise RuntimeError("the server did not start: " + (self.folder / "serve.log").read_text()[-500:])

    def stop(self) -> None:
        if self.process is None:
            return
        self.far.gate.set()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def memory_mb(self) -> int:
        """The most memory that the server ever had."""
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+)", status)
        assert found is not None
        return int(found[1]) // 1024

    def ask(self, method: str, path: str, key: str | None = None, *, within_s: float = ANSWER_S, **more: Any) -> Answer:
        began = time.perf_counter()
        headers = {**({"Authorization": f"Bearer {key}"} if key else {}), **more.pop("headers", {})}
        try:
            said = httpx.request(method, self.url + path, headers=headers, timeout=within_s, trust_env=False, **more)
        except httpx.HTTPError as error:
            return Answer(0, type(error).__name__, time.perf_counter() - began)
        return Answer(said.status_code, said.text, time.perf_counter() - began)

    def ask_as(self, tenant: str, role: str, method: str, path: str, **more: Any) -> Answer:
        return self.ask(method, path, self.keys[tenant, role], **more)

    def connect(self, *, takes_little: bool = False) -> socket.socket:
        """A bare connection; `takes_little`: its receiver's window is small."""
        raw = socket.socket()
        if takes_little:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.settimeout(10)
        host, _, port = self.url.removeprefix("http://").partition(":")
        raw.connect((host, int(port)))
        return raw

    def get_bytes(self, path: str, key: str) -> bytes:
        """A GET as it goes over a bare connection."""
        return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n\r\n".encode()

    def remit(self) -> Any:
        """The database beside the server, for what a person does there by hand."""
        return Remit.open(self.database)


def intent(name: str, **more: Any) -> dict[str, Any]:
    """A proposal that runs alone; `confidence_score=0.1` makes it wait for a person."""
    return {
        "action_intent_id": name,
        "account_id": "acct-1",
        "action_type": NOTE,
        "target": {"entity_type": "contact", "entity_id": "c-1"},
        "parameters": {"text": "hello"},
        "confidence_score": 0.9,
        **more,
    }


@contextmanager
def installed(environ: Mapping[str, str] | None = None) -> Iterator[Installation]:
    """A fresh installation whose server runs; it ends with the block."""
    far = FarSide()
    with tempfile.TemporaryDirectory() as folder:
        here = Installation(Path(folder), far, LOCAL if environ is None else environ)
        here.set_up()
        try:
            here.start()
            yield here
        finally:
            here.stop()
            far.shutdown()
