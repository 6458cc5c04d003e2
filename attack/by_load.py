"""Attacks that take what all tenants share: connections, places, streams, the queue, the door itself."""

from __future__ import annotations

import json
import secrets
import threading
import time
from contextlib import suppress

from attack.attack import WITHIN_S, Finding, attack, quiet_goes_on
from attack.installation import HOSTILE, NOTE, QUIET, SEND, Installation, intent

MOST_MEMORY_MB = 400


def executed_in_time(here: Installation, seen: Finding, name: str, when: str, within_s: float = 20.0) -> None:
    """An action of the quiet tenant reaches its far side."""
    here.ask_as(QUIET, "agent", "POST", "/v1/intents", json=intent(name, action_type=SEND))
    until = time.monotonic() + within_s
    while name not in here.far.arrived and time.monotonic() < until:
        time.sleep(0.02)
    seen.must(name in here.far.arrived, f"{when} an action of the quiet tenant is not called within {within_s:.0f} s")


@attack("a tenant's tools", "200 calls that are not answered for ten minutes")
def slow_tools(here: Installation, seen: Finding) -> None:
    executed_in_time(here, seen, "before", "before it,")
    held = threading.Event()
    here.far.gate = held
    try:
        slow = [intent(f"slow-{n}", action_type=SEND) for n in range(200)]
        here.ask_as(HOSTILE, "agent", "POST", "/v1/intents", json=slow)
        until = time.monotonic() + 10
        while sum(name.startswith("slow-") for name in here.far.arrived) < 8 and time.monotonic() < until:
            time.sleep(0.05)
        executed_in_time(here, seen, "during", "beside slow calls")
        stopped = here.ask_as(QUIET, "operator", "POST", "/v1/stop", json={"level": "everything", "reason": "attack"})
        seen.must(stopped.status == 200 and stopped.took_s < WITHIN_S, f"a stop is answered {stopped.status}")
    finally:
        held.set()


@attack("an auditor", "exports that are given up, and exports that nobody reads")
def exports(here: Installation, seen: Finding) -> None:
    for batch in range(6):
        waiting = [intent(f"w-{batch}-{n}", confidence_score=0.1, parameters={"text": "x" * 30_000}) for n in range(30)]
        here.ask_as(HOSTILE, "agent", "POST", "/v1/intents", json=waiting)
    ask = here.get_bytes("/v1/ledger/export", here.keys[HOSTILE, "auditor"])
    for _ in range(20):
        with here.connect() as gone:
            gone.sendall(ask)
            with suppress(TimeoutError):
                gone.recv(2_000)
    quiet_goes_on(here, seen, "after exports that were given up")
    held = [here.connect(takes_little=True) for _ in range(40)]
    for one in held:
        one.sendall(ask)
    quiet_goes_on(here, seen, "beside exports that nobody reads")
    for one in held:
        one.close()


@attack("an approver", "300 event streams of one person")
def streams(here: Installation, seen: Finding) -> None:
    held = []
    for _ in range(300):
        with suppress(OSError):
            one = here.connect()
            one.sendall(here.get_bytes("/v1/stream", here.keys[HOSTILE, "approver"]))
            held.append(one)
    other = here.connect()
    other.sendall(here.get_bytes("/v1/stream", here.keys[QUIET, "approver"]))
    first = b""
    with suppress(TimeoutError):
        first = other.recv(200)
    seen.must(b" 200 " in first[:20], f"beside 300 streams the quiet tenant's stream is answered {first[:30]!r}")
    quiet_goes_on(here, seen, "beside 300 streams")
    for one in (*held, other):
        one.close()


@attack("an agent", "3,000 questions before another agent's")
def flooded_queue(here: Installation, seen: Finding) -> None:
    with here.remit() as remit:
        flooder = remit.create_key(HOSTILE, {"name": "flooder", "roles": ["agent"]}, by="founder")[1]
    here.ask_as(HOSTILE, "agent", "POST", "/v1/intents", json=intent("telling", confidence_score=0.1))
    taken = 0
    for batch in range(6):
        flood = [intent(f"f-{batch}-{n}", confidence_score=0.1) for n in range(500)]
        said = here.ask("POST", "/v1/intents", flooder, json=flood)
        items = said.json()["items"] if said.status == 200 else []
        taken += sum("result" in item for item in items)
    first = here.ask_as(HOSTILE, "approver", "GET", "/v1/queue?limit=50").json()["items"]
    there = any(item["action_intent_id"] == "telling" for item in first)
    seen.must(there, f"{taken} questions of one agent stand before another agent's")
    quiet_goes_on(here, seen, "beside a flooded queue")


@attack("an admin", "an allowlist of 10,000, and a request of 400,000")
def long_lists(here: Installation, seen: Finding) -> None:
    many = [f"TYPE_{n}" for n in range(10_000)]
    said = here.ask_as(HOSTILE, "admin", "PUT", "/v1/allowlists", json={"allowlist": [NOTE, *many], "accounts": {}})
    if said.status == 200:
        batch = [intent(f"listed-{n}") for n in range(100)]
        decided = here.ask_as(HOSTILE, "agent", "POST", "/v1/intents", json=batch)
        seen.must(decided.took_s < 10, f"100 decisions under a long list took {decided.took_s:.1f} s")
        quiet_goes_on(here, seen, "beside a long list")
    longer = {"allowlist": [f"T{n}" for n in range(400_000)], "accounts": {}}
    said = here.ask_as(HOSTILE, "admin", "PUT", "/v1/allowlists", json=longer)
    seen.must(400 <= said.status < 500, f"a list of 400,000 is answered {said.status or said.text}")
    quiet_goes_on(here, seen, "after a list of 400,000")


@attack("a stranger", "200 MB of headers, and 300 requests that never end")
def headers(here: Installation, seen: Finding) -> None:
    before = here.memory_mb()
    with suppress(OSError), here.connect() as one:
        one.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
        for number in range(2_000):
            one.sendall(b"X-%d: " % number + b"a" * 100_000 + b"\r\n")
    seen.must(here.memory_mb() - before < 100, f"headers took {here.memory_mb() - before} MB")
    held = []
    for _ in range(300):
        with suppress(OSError):
            one = here.connect()
            one.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ")
            held.append(one)
    quiet_goes_on(here, seen, "beside 300 unfinished requests")
    for one in held:
        one.close()


@attack("a stranger", "4 MB bodies of nobody, and junk tokens")
def bodies(here: Installation, seen: Finding) -> None:
    body = json.dumps([intent(f"n-{n}", parameters={"text": "x" * 4_000}) for n in range(800)]).encode()

    def send() -> None:
        for _ in range(4):
            token = f"rk_{secrets.token_hex(16)}" if secrets.randbelow(2) else "eyJhbGciOiJSUzI1NiJ9.e30.c2ln"
            here.ask("POST", "/v1/intents", token, content=body, headers={"Content-Type": "application/json"})

    senders = [threading.Thread(target=send) for _ in range(8)]
    for one in senders:
        one.start()
    quiet_goes_on(here, seen, "beside bodies of nobody")
    for one in senders:
        one.join()
    seen.must(here.memory_mb() < MOST_MEMORY_MB, f"the server took {here.memory_mb()} MB")


@attack("a stranger", "guessing keys at the console's sign-in")
def guessed_sign_ins(here: Installation, seen: Finding) -> None:
    codes = [
        here.ask("POST", "/console/sign-in", data={"key": f"rk_{n}"}, headers={"Origin": here.url}).status
        for n in range(100)
    ]
    seen.must(429 in codes, "100 wrong keys in a row are all looked at")
    quiet_goes_on(here, seen, "after guessed sign-ins")
