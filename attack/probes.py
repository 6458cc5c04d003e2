"""What the quiet tenant's people and agents wait for: a decision, the start of an execution, a sign-in."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from itertools import count

import httpx

from attack.installation import QUIET, SEND, Installation, intent

PATIENCE_S = 60.0
_NUMBERS = count()


class NotAnswered(Exception):
    """The quiet tenant was not served."""


def decision(_: Installation, client: httpx.Client) -> float:
    """Seconds from a proposal to its verdict."""
    began = time.perf_counter()
    answer = client.post("/v1/intents", json=intent(f"decided-{next(_NUMBERS)}"))
    _served(answer)
    return time.perf_counter() - began


def execution(here: Installation, client: httpx.Client) -> float:
    """Seconds from a verdict to the call at the far side; below zero counts as none: the call came first."""
    name = f"called-{next(_NUMBERS)}"
    _served(client.post("/v1/intents", json=intent(name, action_type=SEND)))
    decided = time.perf_counter()
    while name not in here.far.arrived:
        if time.perf_counter() - decided > PATIENCE_S:
            raise NotAnswered(f"{name} was not called within {PATIENCE_S:.0f} s")
        time.sleep(0.0005)
    return max(0.0, here.far.arrived[name] - decided)


def sign_in(here: Installation, client: httpx.Client) -> float:
    """Seconds from sending a key to the console until the session is there."""
    began = time.perf_counter()
    key = here.keys[QUIET, "approver"]
    answer = client.post("/console/sign-in", data={"key": key}, headers={"Origin": here.url})
    if answer.status_code != 303:
        raise NotAnswered(f"a sign-in is answered {answer.status_code}")
    return time.perf_counter() - began


PROBES: dict[str, Callable[[Installation, httpx.Client], float]] = {
    "decision": decision,
    "execution start": execution,
    "sign-in": sign_in,
}


def p99_s(here: Installation, probe: str, times: int) -> float:
    """The 99th percentile of that many probes, in seconds."""
    headers = {"Authorization": f"Bearer {here.keys[QUIET, 'agent']}"}
    with httpx.Client(base_url=here.url, headers=headers, timeout=PATIENCE_S, trust_env=False) as client:
        PROBES[probe](here, client)
        seen = [PROBES[probe](here, client) for _ in range(times)]
    return statistics.quantiles(seen, n=100, method="inclusive")[-1]


def _served(answer: httpx.Response) -> None:
    if answer.status_code != 200 or answer.json().get("result") != "AUTO_EXECUTED":
        raise NotAnswered(f"a decision is answered {answer.status_code}: {answer.text[:100]}")
