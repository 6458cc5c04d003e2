"""A gateway in a process of its own, between a real client of the SDK and a shop, before a real Remit server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client

from tests.entrypoints.http_world import ACME, World, bounds, http_world
from tests.waiting import PATIENCE_S, until

ROOT = Path(__file__).parents[2]
ALONE = ("NOTE", "FAIL", "DIE", "SLOW", "PICTURE", "LARGE", "STRUCTURED", "CHANGE", "WIPE")
"""Types that run within bounds."""
ASKED = "REFUND"
"""One that a person is asked about."""


def shop_bounds(**changes: Any) -> dict[str, Any]:
    own = {"tool": {"connector": "caller"}, "min_confidence": "none", "result": {"mode": "kept"}}
    types = {name: {"risk_tier": "LOW", **own} for name in (*ALONE, ASKED)}
    return bounds(action_types=types, allowlist=list(ALONE), budget={"max_autonomous_per_day": 100}, **changes)


@dataclass
class GatewayWorld:
    """`settings` is the gateway's file, `environ` what its process is given."""

    world: World
    directory: Path
    settings: dict[str, Any]
    environ: dict[str, str]

    @property
    def effects(self) -> list[str]:
        file = self.directory / "effects"
        return file.read_text().splitlines() if file.exists() else []

    @property
    def file(self) -> Path:
        path = self.directory / "gateway.yaml"
        path.write_text(yaml.safe_dump(self.settings))
        return path

    def command(self, *more: str) -> list[str]:
        return [sys.executable, "-m", "remit", "gateway", str(self.file), *more]

    @asynccontextmanager
    async def client(self, over: str, **options: Any) -> AsyncIterator[Client]:
        """A client over `stdio`, which starts a gateway of its own, or over `http`, to one that it starts first."""
        if over == "stdio":
            command, *arguments = self.command()
            started = StdioServerParameters(command=command, args=arguments, env=self.environ, cwd=ROOT)
            async with Client(started, **options) as client:
                yield client
        else:
            with self.gateway() as url:
                async with self.at(url, **options) as client:
                    yield client

    @asynccontextmanager
    async def at(self, url: str, *, headers: Mapping[str, str] | None = None, **options: Any) -> AsyncIterator[Client]:
        async with AsyncExitStack() as stack:
            http = await stack.enter_async_context(create_mcp_http_client(headers=dict(headers or {})))
            # By itself a client takes a mebibyte at most, envelope included.
            spoken = streamable_http_client(url, http_client=http, max_sse_event_size=None)
            yield await stack.enter_async_context(Client(spoken, **options))

    @contextmanager
    def gateway(self) -> Iterator[str]:
        """The URL of one over HTTP."""
        process = self.started()
        try:
            yield self.url_of(process)
        finally:
            ended(process)

    def started(self) -> subprocess.Popen[str]:
        environ = {**os.environ, **self.environ}
        command = self.command("--http", "127.0.0.1:0")
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ, cwd=ROOT)

    def url_of(self, process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        return process.stdout.readline().split()[-1]

    # --- Remit ---

    def waiting(self) -> Any:
        """The one intent that waits, once it does."""
        (waits,) = until(lambda: self.world.remit.waiting(ACME), what="a person is asked")
        return waits

    def approve(self, name: str) -> None:
        self.world.remit.approve(ACME, name, by="bob", digest=self.world.remit.intent(ACME, name).digest)

    def status(self, name: str) -> str:
        return str(self.world.remit.status(ACME, name)["status"])

    def becomes(self, name: str, status: str) -> None:
        until(lambda: self.status(name) == status, what=f"{name} is {status}")

    def statuses(self) -> list[str]:
        lines = self.world.client("auditor").get("/v1/intents").json()["items"]
        return [line["status"] for line in lines]


def ended(process: subprocess.Popen[str]) -> None:
    process.terminate()
    process.wait(60)
    if process.stdout is not None:
        process.stdout.close()


@contextmanager
def gateway_world(directory: Path, **settings: Any) -> Iterator[GatewayWorld]:
    """Before one shop over stdio, unless `settings` say otherwise. What was recorded is verified in the end."""
    with http_world(directory) as world:
        world.remit.apply(shop_bounds(), by="the test")
        shop = {"command": sys.executable, "args": ["-m", "tests.agents.mcp_shop", str(directory)]}
        known = {
            "remit": {"url": world.url, "key_env": "SHOP_KEY"},
            "account_id": "acct-1",
            "servers": {"shop": {**shop, "env": {"PYTHONPATH": str(ROOT)}}},
            "free": ["search"],
            "tools": {"refund": {"action_type": ASKED}},
            "hold_s": 0,
            "answer_within_s": PATIENCE_S,
        }
        environ = {"SHOP_KEY": world.keys[ACME, "agent"], "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
        yield GatewayWorld(world, directory, {**known, **settings}, environ)
        report = world.remit.verify(ACME)
        assert report.ok, report.findings
