"""
The HTTP door for one test: a real server on loopback over a SQLite file, and a key for each role of two tenants.

`world.client("approver")` speaks as that role of `acme`; `world.client("approver", "globex")` as another tenant's.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from typing import Any

import httpx
import uvicorn.server

from remit.core.execution.breaker import PAUSE_AFTER
from remit.core.execution.outcome import CallResult
from remit.core.identity.access import ROLES
from remit.core.values import PLATFORM
from remit.entrypoints.server.application import create_app
from remit.entrypoints.server.connections import ConnectionLimits
from remit.entrypoints.server.listening import listen
from remit.entrypoints.server.serve import Server
from remit.entrypoints.server.worker import work
from remit.entrypoints.web.settings import HttpSettings
from remit.ports import Call, Store
from remit.testing.faults import Meeting, PausingStore
from remit.wiring import Remit
from tests.new_databases import new_sqlite
from tests.waiting import PATIENCE_S, ended, received

ACME, GLOBEX = "acme", "globex"
NOTE, EMAIL = "CREATE_INTERNAL_NOTE", "SEND_EMAIL"
OWN = "REFUND_ORDER"
"""What its proposer executes itself."""
SILENT = "ASK_THE_SILENT"
"""What `Silent` carries out, where bounds have it."""


@dataclass
class World:
    """`keys` holds the key's text of each role by `(tenant, role)`; the platform's is `(PLATFORM, "platform")`."""

    remit: Remit
    app: Any
    url: str
    keys: Mapping[tuple[str, str], str]
    server: Server
    _clients: list[httpx.Client] = field(default_factory=list)

    def client(self, role: str | None, tenant: str = ACME) -> httpx.Client:
        """Somebody who sends the key of that role of that tenant; nobody's without a role."""
        owner = PLATFORM if role == "platform" else tenant
        headers = {"Authorization": f"Bearer {self.keys[owner, role]}"} if role else {}
        client = httpx.Client(base_url=self.url, headers=headers, timeout=PATIENCE_S, trust_env=False)
        self._clients.append(client)
        return client

    def submit(self, action_intent_id: str, *, tenant: str = ACME, **changes: Any) -> Any:
        """Propose and gate behind the door's back."""
        (answer,) = self.remit.submit([{"tenant_id": tenant, **proposal(action_intent_id), **changes}])
        return answer

    def stop(self) -> None:
        """Ask the server to stop, as a signal does."""
        self.server.should_exit = True

    def work(self) -> None:
        """Carry out what is approved. In a thread: a browser's driver keeps an event loop in the test's own."""
        thread = threading.Thread(target=work, args=(self.remit,), kwargs={"until_idle": True})
        thread.start()
        thread.join()

    def goes_through(self, store: Store) -> None:
        """From here on everything that this Remit does goes through `store`."""
        # A context is not meant to change: what a test breaks, it breaks under the running server.
        object.__setattr__(self.remit.context, "store", store)


class Silent:
    """A connector whose far side never answers."""

    always_honours_key = False

    def check(self, tool: dict[str, Any]) -> None:
        """Anything goes."""

    def map(self, tool: dict[str, Any], intent: Any) -> dict[str, Any]:
        return {}

    def invoke(self, call: Call) -> CallResult:
        return CallResult(acted="unknown", error_class="TIMEOUT", error_code="TIMEOUT", error_message="no answer")


def bounds(tenant: str = ACME, *, silent: bool = False, **changes: Any) -> dict[str, Any]:
    """
    Autonomy for notes, ten a day for every account; e-mails need a person. With `silent`, also that type.

    What its proposer executes itself runs alone, too.
    """
    tool = {"connector": "internal", "operation": "create_note"}
    more = {SILENT: {"risk_tier": "LOW", "tool": {"connector": "silent"}}} if silent else {}
    own = {
        NOTE: {"risk_tier": "MINIMAL", "tool": tool},
        EMAIL: {"risk_tier": "HIGH", "tool": tool},
        OWN: {"risk_tier": "LOW", "tool": {"connector": "caller", "operation": "refund"}},
    }
    return {
        "tenant": tenant,
        "action_types": {**own, **more},
        "allowlist": [NOTE, OWN, *more],
        "modes": {"default": "AUTO_EXECUTE"},
        "budget": {"max_autonomous_per_day": 10},
        **changes,
    }


def proposal(action_intent_id: str, **changes: Any) -> dict[str, Any]:
    """As an agent sends it: without a tenant."""
    return {
        "action_intent_id": action_intent_id,
        "account_id": "acct-1",
        "action_type": NOTE,
        "target": {"entity_type": "contact", "entity_id": "c-1"},
        "parameters": {"text": "hello"},
        "confidence_score": 0.9,
        **changes,
    }


class Down:
    """A connector whose far side is down until `up` is set."""

    always_honours_key = True
    up = False

    def check(self, tool: dict[str, Any]) -> None:
        """Anything goes."""

    def map(self, tool: dict[str, Any], intent: Any) -> dict[str, Any]:
        return {}

    def invoke(self, call: Call) -> CallResult:
        return (
            CallResult(acted="yes")
            if self.up
            else CallResult(acted="no", error_class="DOWNSTREAM", error_code="HTTP_503")
        )


def with_paused_tool(world: World) -> None:
    """`SILENT`, which `Down` carries out, is paused, and `behind` waits for it."""
    spec = {"risk_tier": "LOW", "tool": {"connector": "down", "max_attempts": 1}}
    world.remit.apply(
        bounds(action_types={SILENT: spec}, allowlist=[SILENT], budget={"max_autonomous_per_day": 100}), by="t"
    )
    for number in range(PAUSE_AFTER):
        world.submit(f"failed-{number}", action_type=SILENT)
        world.work()
    world.submit("behind", action_type=SILENT)


def waiting(world: World, name: str, **changes: Any) -> str:
    """Put an intent into the queue. Answers its digest."""
    world.submit(name, action_type=EMAIL, **changes)
    return world.remit.intent(ACME, name).digest


def person(world: World, name: str, *roles: str) -> httpx.Client:
    """A client with a key of that name."""
    _, key = world.remit.create_key(ACME, {"name": name, "roles": list(roles or ["approver"])}, by="the test")
    client = world.client(None)
    client.headers["Authorization"] = f"Bearer {key}"
    return client


def problem(answer: httpx.Response, status: int, kind: str = "invalid-input") -> dict[str, Any]:
    """The problem that `answer` tells, seen to be whole."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["status"] == status
    assert told["type"] == f"/problems/{kind}"
    assert told["title"]
    assert told["detail"]
    return dict(told)


def at_once(world: World, *asks: Any) -> list[httpx.Response]:
    """Each in a thread; the first two to write meet between what they read and what they write."""
    sound = world.remit.context.store
    world.goes_through(PausingStore(sound, Meeting()))
    try:
        with ThreadPoolExecutor(len(asks)) as pool:
            return list(pool.map(lambda ask: ask(), asks))
    finally:
        world.goes_through(sound)


@contextmanager
def http_world(
    directory: Path, settings: HttpSettings | None = None, *, operator: dict[str, str] | None = None, **opening: Any
) -> Iterator[World]:
    """Bounds are set for `acme` and for nobody else. `opening` goes to `Remit.open`, `operator` as its settings."""
    opening = {"environ": {}, "settings": operator, **opening}
    with Remit.open(new_sqlite(directory / "remit.db"), **opening) as remit:
        remit.apply(bounds(), by="the test")
        app = create_app(remit, settings)
        with served(app) as (url, server):
            world = World(remit, app, url, _keys(remit), server)
            try:
                yield world
            finally:
                for client in world._clients:
                    client.close()


class _Hurried:
    """
    `asyncio` as uvicorn sees it here: whether to end it looks ten times a second, and then leaves its connections a
    tenth of one. That is as long as all else that a world takes to come and to go.
    """

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    @staticmethod
    async def sleep(delay: float) -> None:
        await asyncio.sleep(min(delay, 0.01))


setattr(uvicorn.server, "asyncio", _Hurried())  # noqa: B010  # to it, this is no module


@contextmanager
def served(app: Any, limits: ConnectionLimits | None = None, **options: Any) -> Iterator[tuple[str, Server]]:
    """A server in a thread, as long as the context, and its URL."""
    ready: Queue[str] = Queue()
    server = Server(app, ready.put, limits, log_level="warning", **options)
    thread = threading.Thread(target=server.run, args=[listen("127.0.0.1", 0)], name="the test's server")
    thread.start()
    try:
        yield received(ready, what="the server listens"), server
    finally:
        server.should_exit = True
        ended(thread)


def _keys(remit: Remit) -> dict[tuple[str, str], str]:
    owners = [(tenant, role) for tenant in (ACME, GLOBEX) for role in ROLES if role != "platform"]
    return {
        (tenant, role): remit.create_key(tenant, {"name": f"{role}-1", "roles": [role]}, by="the test")[1]
        for tenant, role in [*owners, (PLATFORM, "platform")]
    }
