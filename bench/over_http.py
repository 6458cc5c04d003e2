"""
Deciding over HTTP: a server in a process of its own, and clients in processes of theirs, on the same machine.

Each request proposes one intent and has it decided and published.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.measure import Measured, peak_mb
from bench.raw import Raw, sqlite_raw
from bench.world import BOUNDS, PROPOSAL, TENANT
from remit import Remit
from remit.entrypoints.server.serve import serve
from remit.entrypoints.web.settings import HttpSettings

CLIENTS = 32
PROCESSES = 2
WARM_UP = 10
"""Requests of each client before the clock starts."""


@dataclass(slots=True)
class Served:
    """A server in a process of its own; what it took of memory at the most is known when it has ended."""

    url: str
    peak_mb: float = 0.0


def over_http(path: Path, count: int) -> tuple[Measured, Raw, float]:
    """Decisions a second of `CLIENTS` keep-alive clients, of the raw loops over the same, and the server's peak MB."""
    with Remit.open(f"sqlite:///{path}") as remit:
        remit.apply(BOUNDS, by="bench")
        asked = {"name": PROPOSAL["proposed_by"], "roles": ["agent"]}
        _, key = remit.create_key(TENANT, asked, by="bench")
    with served(path) as server:
        answers = _asked(server.url, key, count // CLIENTS)
    seconds = max(answer["ended"] for answer in answers) - min(answer["began"] for answer in answers)
    ids = [name for answer in answers for name in answer["ids"]]
    calls = [call for answer in answers for call in answer["calls"]]
    with Remit.open(f"sqlite:///{path}") as remit:
        raw = sqlite_raw(remit, path, ids)
    return Measured(len(ids) / seconds, calls), raw, server.peak_mb


@contextmanager
def served(path: Path) -> Iterator[Served]:
    command = [sys.executable, "-m", "bench.over_http", "serve", f"sqlite:///{path}"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        known = Served(server.stdout.readline().strip())
        yield known
    finally:
        server.terminate()
        rest, _ = server.communicate(timeout=30)
    known.peak_mb = float(rest)


def _asked(url: str, key: str, each: int) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "bench.over_http", url, str(CLIENTS // PROCESSES), str(each)]
    clients = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(PROCESSES)
    ]
    for client in clients:
        assert client.stdin is not None
        # Not among the arguments: those can be read by anybody on the machine.
        client.stdin.write(f"{key}\n")
        client.stdin.flush()
    for client in clients:
        assert client.stdout is not None
        assert client.stdout.readline() == "ready\n"
    for client in clients:
        assert client.stdin is not None
        client.stdin.write("go\n")
        client.stdin.flush()
    return [json.loads(client.communicate()[0]) for client in clients]


def _serve(url: str) -> None:
    # No limit for the one key that all clients share.
    with Remit.open(url) as remit:
        settings = HttpSettings(requests_per_minute=None)
        serve(remit, port=0, settings=settings, with_worker=False, on_ready=lambda url: print(url, flush=True))
    print(peak_mb(), flush=True)


class _Agent:
    """One keep-alive connection that proposes; no more than HTTP needs, so that the server is what is measured."""

    def __init__(self, url: str, key: str) -> None:
        self._host, _, self._port = url.removeprefix("http://").partition(":")
        sent = {name: value for name, value in PROPOSAL.items() if name not in ("tenant_id", "proposed_by")}
        body = json.dumps(sent).encode()
        head = f"POST /v1/intents HTTP/1.1\r\nHost: {self._host}\r\nAuthorization: Bearer {key}\r\n"
        self._request = f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body

    async def connect(self) -> None:
        self._reader, self._writer = await asyncio.open_connection(self._host, int(self._port))

    async def propose(self, times: int) -> list[tuple[str, float]]:
        """Each one's id, and how long it took."""
        done = []
        for _ in range(times):
            began = time.perf_counter()
            self._writer.write(self._request)
            head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
            verdict = json.loads(await self._reader.readexactly(length))
            done.append((verdict["action_intent_id"], time.perf_counter() - began))
            assert verdict["result"] == "AUTO_EXECUTED", verdict
        return done


async def _ask(url: str, key: str, clients: int, each: int) -> dict[str, Any]:
    agents = [_Agent(url, key) for _ in range(clients)]
    for agent in agents:
        await agent.connect()
    await asyncio.gather(*(agent.propose(WARM_UP) for agent in agents))
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.time()
    done = [one for many in await asyncio.gather(*(agent.propose(each) for agent in agents)) for one in many]
    ended = time.time()
    return {"began": began, "ended": ended, "ids": [name for name, _ in done], "calls": [s for _, s in done]}


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        _serve(sys.argv[2])
    else:
        print(json.dumps(asyncio.run(_ask(sys.argv[1], sys.stdin.readline().strip(), *map(int, sys.argv[2:])))))
