"""
What Remit costs before an agent's tool: an automatic call of a decorated function over HTTP, and many calls that wait.

The server is a process of its own. The call is compared with what it cannot do without: two durable commits of the bare
driver (what may run, what came of it) and two HTTP round trips to a bare server, measured in turns with it.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from bench.idle import used_s
from bench.raw import sqlite_connection
from bench.world import ACCOUNT, PROPOSAL, TENANT
from remit import Remit, RemitClient
from remit.agents import action
from remit.entrypoints.server.connections import ConnectionLimits
from remit.entrypoints.server.serve import serve
from remit.entrypoints.web.settings import HttpSettings

ACTION = "REFUND_ORDER"
CALLS, WARM_UP = 400, 50
WAITING = 1_000
WAIT_S = 60
SETTLED_S, MEASURED_S = 10.0, 30.0
_ROOM = 4 * WAITING
_BODY = b"x" * 2048
"""About what a decision is on disk."""


@dataclass(frozen=True, slots=True)
class Call:
    """Seconds of one decorated call, and of the bare commits and round trips beside it."""

    ours: float
    commits: float
    round_trips: float

    @property
    def bare(self) -> float:
        return self.commits + self.round_trips


def automatic(folder: Path, calls: int = CALLS) -> list[Call]:
    """Each call is proposed, decided and begun in one request, and finished in another."""
    key = prepared(folder / "agents.db")
    with (
        process_of("bench.agents", "serve", f"sqlite:///{folder / 'agents.db'}") as (url, _),
        bare_parts(folder) as bare,
        RemitClient(url, key) as client,
    ):
        refund = action(ACTION, account_id=ACCOUNT, client=client, confidence_score=0.9)(_refund)
        ours = (_seconds(lambda: refund("o-1", 5)) for _ in range(WARM_UP + calls))
        measured = [Call(each, bare.commits_s(), bare.round_trips_s()) for each in ours]
    return measured[WARM_UP:]


@dataclass(frozen=True, slots=True)
class BareParts:
    """What no way around can do without: two durable commits of the bare driver, two round trips to a bare server."""

    _commit: Callable[[], None]
    _client: httpx.Client

    def commits_s(self) -> float:
        return _seconds(self._commit) + _seconds(self._commit)

    def round_trips_s(self) -> float:
        return _seconds(self._round_trip) + _seconds(self._round_trip)

    def _round_trip(self) -> None:
        self._client.post("/", json=PROPOSAL)


@contextmanager
def bare_parts(folder: Path) -> Iterator[BareParts]:
    with (
        process_of("bench.agents", "bare") as (url, _),
        httpx.Client(base_url=url, trust_env=False) as client,
    ):
        yield BareParts(_commits(folder / "bare.db"), client)


def _seconds(act: Callable[[], Any]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def _refund(order_id: str, amount: int) -> str:
    return f"refunded {amount} for {order_id}"


def _commits(path: Path) -> Callable[[], None]:
    connection = sqlite_connection(path)
    connection.execute("CREATE TABLE decisions (id INTEGER PRIMARY KEY, body BLOB)")

    def commit() -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO decisions (body) VALUES (?)", (_BODY,))
        connection.execute("COMMIT")

    return commit


@dataclass(frozen=True, slots=True)
class Held:
    """What `WAITING` calls that wait cost a server: memory beside that of none, and a share of one core."""

    memory_mb: float
    share: float


def waiting(folder: Path) -> Held:
    """While nothing happens to any of them."""
    key = prepared(folder / "waiting.db")
    with Remit.open(f"sqlite:///{folder / 'waiting.db'}", publishing=False) as remit:
        unsure = {**PROPOSAL, "action_type": ACTION, "confidence_score": 0.1}
        names = [answer.action_intent_id for answer in remit.submit([unsure] * WAITING)]  # type: ignore[union-attr]  # asked
    files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(files, _ROOM), most), most))
    with process_of("bench.agents", "serve", f"sqlite:///{folder / 'waiting.db'}") as (url, pid):
        asyncio.run(_asked(url, key, names[:WARM_UP], 0, lambda: None))
        before_mb = _memory_mb(pid)
        held: Held = asyncio.run(_asked(url, key, names, WAIT_S, lambda: _held(pid, before_mb)))
        return held


def _held(pid: int, before_mb: float) -> Held:
    time.sleep(SETTLED_S)
    used, began = used_s(pid), time.perf_counter()
    time.sleep(MEASURED_S)
    share = (used_s(pid) - used) / (time.perf_counter() - began)
    return Held(_memory_mb(pid) - before_mb, share)


async def _asked(url: str, key: str, names: Sequence[str], wait_s: int, measure: Callable[[], Any]) -> Any:
    """What `measure` answers while every intent is asked about on a connection of its own."""
    host, _, port = url.removeprefix("http://").partition(":")
    open_connections = [await asyncio.open_connection(host, int(port)) for _ in names]
    for name, (_, writer) in zip(names, open_connections, strict=True):
        path = f"/v1/intents/{name}/answer?wait_s={wait_s}"
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n\r\n".encode())
        await writer.drain()
    if not wait_s:
        for reader, _ in open_connections:
            assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
    answer = await asyncio.to_thread(measure)
    for _, writer in open_connections:
        writer.close()
    return answer


def _memory_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def prepared(path: Path, action_type: Mapping[str, Any] | None = None) -> str:
    """The text of an agent's key. `action_type` says more of what is called."""
    own = {"risk_tier": "LOW", "tool": {"connector": "caller"}, **(action_type or {})}
    budget = {"max_autonomous_per_day": 10**9}
    bounds = {"tenant": TENANT, "action_types": {ACTION: own}, "allowlist": [ACTION], "budget": budget}
    with Remit.open(f"sqlite:///{path}") as remit:
        remit.apply({**bounds, "modes": {"default": "AUTO_EXECUTE"}}, by="bench")
        asked = {"name": PROPOSAL["proposed_by"], "roles": ["agent"]}
        return remit.create_key(TENANT, asked, by="bench")[1]


@contextmanager
def process_of(module: str, *arguments: str, environ: Mapping[str, str] | None = None) -> Iterator[tuple[str, int]]:
    """The line that says where a server listens, and its process id, as long as the context."""
    command = [sys.executable, "-m", module, *arguments]
    environment = {**os.environ, **(environ or {})}
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert server.stdout is not None
        yield server.stdout.readline().strip(), server.pid
    finally:
        server.terminate()
        server.communicate(timeout=60)


def _serve(url: str) -> None:
    settings = HttpSettings(
        requests_per_minute=None,
        most_waits=_ROOM,
        most_waits_of_tenant=_ROOM,
        most_waits_of_credential=_ROOM,
    )
    limits = ConnectionLimits(most=_ROOM, most_of_address=_ROOM)
    with Remit.open(url) as remit:
        serve(remit, port=0, settings=settings, limits=limits, with_worker=False, on_ready=_ready)


def _serve_bare() -> None:
    """An application that reads a body and answers another; nothing else."""
    said = json.dumps({"action_intent_id": "i-1", "result": "AUTO_EXECUTED"}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(said)).encode())]

    async def application(_: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": said})

    config = uvicorn.Config(application, port=0, log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    socket = config.bind_socket()
    _ready(f"http://127.0.0.1:{socket.getsockname()[1]}")
    server.run([socket])


def _ready(url: str) -> None:
    print(url, flush=True)


def p50_ratio(calls: Sequence[Call]) -> float:
    return statistics.median(call.ours for call in calls) / statistics.median(call.bare for call in calls)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        _serve(sys.argv[2])
    else:
        _serve_bare()
