"""A gateway in a process of its own, between a real client of the SDK and a shop, before a real Remit server."""

from __future__ import annotations

import os
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

from tests.agents import mcp_shop
from tests.agents.forked import Remit, over_stdio, remit_over_stdio
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

    def arguments(self, *more: str) -> list[str]:
        return ["gateway", str(self.file), *more]

    @asynccontextmanager
    async def client(self, over: str, **options: Any) -> AsyncIterator[Client]:
        """A client over `stdio`, which starts a gateway of its own, or over `http`, to one that it starts first."""
        if over == "stdio":
            with remit_over_stdio(self.arguments(), self.environ) as (command, *arguments):
                async with Client(StdioServerParameters(command=command, args=arguments), **options) as client:
                    yield client
        else:
            with self.gateway() as url:
                async with self.at(url, **options) as client:
                    yield client

    @asynccontextmanager
    async def by_its_command(self) -> AsyncIterator[Client]:
        """A client that starts a gateway by itself, in a process that has loaded nothing yet."""
        environ = {**self.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
        arguments = ["-m", "remit", *self.arguments()]
        async with Client(StdioServerParameters(command=sys.executable, args=arguments, env=environ)) as client:
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
            process.ended()

    def started(self) -> Remit:
        return Remit(self.arguments("--http", "127.0.0.1:0"), self.environ)

    def url_of(self, process: Remit) -> str:
        return process.first_line().split()[-1]

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


def shop_command(directory: Path, **environ: str) -> dict[str, Any]:
    """The shop as a gateway's file starts it by itself, in a process that has loaded nothing yet."""
    arguments = ["-m", "tests.agents.mcp_shop", str(directory)]
    return {"command": sys.executable, "args": arguments, "env": {"PYTHONPATH": str(ROOT), **environ}}


@contextmanager
def gateway_world(directory: Path, **settings: Any) -> Iterator[GatewayWorld]:
    """Before one shop over stdio, unless `settings` say otherwise. What was recorded is verified in the end."""
    with http_world(directory) as world, over_stdio(mcp_shop.main, str(directory)) as shop:
        world.remit.apply(shop_bounds(), by="the test")
        known = {
            "remit": {"url": world.url, "key_env": "SHOP_KEY"},
            "account_id": "acct-1",
            "servers": {"shop": {"command": shop[0], "args": shop[1:]}},
            "free": ["search"],
            "tools": {"refund": {"action_type": ASKED}},
            "hold_s": 0,
            "answer_within_s": PATIENCE_S,
        }
        environ = {"SHOP_KEY": world.keys[ACME, "agent"]}
        yield GatewayWorld(world, directory, {**known, **settings}, environ)
        report = world.remit.verify(ACME)
        assert report.ok, report.findings
