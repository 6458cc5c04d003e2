"""
What a hostile tenant keeps doing while the quiet one is measured, in a process of its own.

`python -m attack.loads NAME` reads where to as JSON (`url`, `keys` by role) from standard input and goes on until it
is ended.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from typing import Any

import httpx

from attack.by_policy import SMALL_AMOUNTS
from attack.installation import HOSTILE, SEND, Installation, intent

SENDERS = 8
_RULE = """@id("rule_{n}") forbid (principal, action, resource) when {{
  context.numbers.hasTag("n{n}") && context.numbers.getTag("n{n}").greaterThan(decimal("50.00"))
}};
"""


class Hostile:
    """The hostile tenant's way to the server. Whatever is refused is tried again: that is what it does."""

    def __init__(self, url: str, keys: dict[str, str]) -> None:
        self.url, self.keys, self.numbers = url, keys, count()

    def client(self, role: str) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.keys[role]}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30, trust_env=False)

    def name(self) -> str:
        return f"load-{next(self.numbers)}"

    def batch(self, size: int, **more: Any) -> list[dict[str, Any]]:
        return [intent(self.name(), **more) for _ in range(size)]

    def connected(self, path: str, role: str) -> socket.socket:
        host, _, port = self.url.removeprefix("http://").partition(":")
        raw = socket.create_connection((host, int(port)), timeout=10)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        key = self.keys[role]
        raw.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n".encode())
        return raw


def _for_ever(step: Callable[[httpx.Client], object], client: httpx.Client) -> None:
    begun = False
    while True:
        with suppress(httpx.HTTPError, ValueError):
            step(client)
            if not begun:
                sys.stdout.write("under way\n")
                sys.stdout.flush()
                begun = True


def _side_by_side(hostile: Hostile, role: str, step: Callable[[httpx.Client], object]) -> None:
    """`SENDERS` threads that do it for ever."""
    threads = [threading.Thread(target=_for_ever, args=(step, hostile.client(role))) for _ in range(SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def policies(hostile: Hostile) -> None:
    """Large policies, changed all the time, and decisions under them."""
    admin, agent = hostile.client("admin"), hostile.client("agent")

    def change(_: httpx.Client) -> None:
        first = next(hostile.numbers)
        text = "".join(_RULE.format(n=first + n) for n in range(60))
        admin.put("/v1/policies", json=[{"name": "many.cedar", "text": text}])
        agent.post("/v1/intents", json=hostile.batch(100, parameters={f"n{first}": 1}))

    _side_by_side(hostile, "admin", change)


def parameters(hostile: Hostile) -> None:
    """Large parameters under a policy that reads one of them."""
    hostile.client("admin").put("/v1/policies", json=[{"name": "small.cedar", "text": SMALL_AMOUNTS}])
    many = {"amount": 1, "list": [1] * 20_000}
    _side_by_side(hostile, "agent", lambda c: c.post("/v1/intents", json=hostile.batch(20, parameters=many)))


def slow_tools(hostile: Hostile) -> None:
    """Calls that are not answered."""
    _side_by_side(hostile, "agent", lambda c: c.post("/v1/intents", json=hostile.batch(20, action_type=SEND)))


def exports(hostile: Hostile) -> None:
    """Exports that are read, and exports that nobody reads."""
    waiting = hostile.batch(200, confidence_score=0.1, parameters={"text": "x" * 20_000})
    hostile.client("agent").post("/v1/intents", json=waiting)
    held = [hostile.connected("/v1/ledger/export", "auditor") for _ in range(20)]
    _side_by_side(hostile, "auditor", lambda c: c.get("/v1/ledger/export"))
    assert held


def floods(hostile: Hostile) -> None:
    """Questions, 500 in a request, of which most will be refused."""
    _side_by_side(hostile, "agent", lambda c: c.post("/v1/intents", json=hostile.batch(500, confidence_score=0.1)))


def streams(hostile: Hostile) -> None:
    """300 event streams, opened again as they end, and what they tell."""
    held = []

    def hold(client: httpx.Client) -> None:
        client.post("/v1/intents", json=hostile.batch(50))
        with suppress(OSError):
            held.append(hostile.connected("/v1/stream", "approver"))
        while len(held) > 300:
            held.pop(0).close()

    _side_by_side(hostile, "agent", hold)


LOADS: dict[str, Callable[[Hostile], None]] = {
    load.__name__: load for load in (policies, parameters, slow_tools, exports, floods, streams)
}


@contextmanager
def under(here: Installation, name: str) -> Iterator[None]:
    """With this load, from its first request on until the block ends."""
    keys = {role: key for (tenant, role), key in here.keys.items() if tenant == HOSTILE}
    command = [sys.executable, "-m", "attack.loads", name]
    load = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert load.stdin is not None and load.stdout is not None
        load.stdin.write(json.dumps({"url": here.url, "keys": keys}).encode())
        load.stdin.close()
        # It is under way when its first requests have been answered.
        assert load.stdout.readline(), f"the load {name} has not begun"
        yield
        assert load.poll() is None, f"the load {name} has ended by itself"
    finally:
        load.kill()
        load.wait()


if __name__ == "__main__":
    LOADS[sys.argv[1]](Hostile(**json.load(sys.stdin)))
