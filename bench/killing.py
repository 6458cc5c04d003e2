"""
Kills workers at random (SIGKILL) while they execute intents, and counts what the far side did twice.

    ./dev kill [INTENTS [DATABASE]]

Half of the intents call a far side that honours idempotency keys, half one that acts as often as it is asked. Second
effects must be 0; an intent of the second half whose worker died in its call ends `UNKNOWN`.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from typing import Any

from remit import Remit
from remit.demo.crm import Crm

TENANT = "bench"
WORKERS = 2
KILL_AFTER_S = (0.0, 0.4)
CALL_S = 0.05
PATIENCE_S = 900


def main(intents: int = 2000, url: str | None = None) -> int:
    with (
        tempfile.TemporaryDirectory() as folder,
        Crm.start(honours_key=True) as honours,
        Crm.start(honours_key=False) as forgets,
        Remit.open(url or f"sqlite:///{folder}/killed.db") as remit,
    ):
        crms = {"HONOURS": honours, "FORGETS": forgets}
        remit.apply(_bounds(crms), by="bench")
        for crm in crms.values():
            crm.misbehave("/notes", f"slow={CALL_S}")
        _submit(remit, intents)
        kills = _work_and_kill(remit)
        second = {name: _second_effects(crm) for name, crm in crms.items()}
        sound = remit.verify(TENANT).ok
        print(f"{intents} intents, {kills} kills, by status: {_statuses(remit)}")
        print(f"second effects: {sum(second.values())} {second}; the ledger verifies: {sound}")
    return int(any(second.values()) or not sound)


def _bounds(crms: dict[str, Crm]) -> dict[str, Any]:
    types = {
        name: {
            "risk_tier": "LOW",
            "tool": {
                "connector": "http",
                "method": "POST",
                "url": f"{crm.url}/notes",
                "body": "{parameters}",
                "honours_idempotency_key": crm.honours_key,
                "timeout_s": 2,
                "max_attempts": 10,
            },
        }
        for name, crm in crms.items()
    }
    return {
        "tenant": TENANT,
        "allowed_hosts": ["127.0.0.1"],
        "action_types": types,
        "allowlist": list(types),
        "modes": {"default": "AUTO_EXECUTE"},
        "budget": {"max_autonomous_per_day": 10**9},
    }


def _submit(remit: Remit, intents: int) -> None:
    for first in range(0, intents, 200):
        proposals = [
            {
                "tenant_id": TENANT,
                "account_id": "a-1",
                "action_intent_id": f"i-{n}",
                "action_type": ("HONOURS", "FORGETS")[n % 2],
                "target": {"entity_type": "contact", "entity_id": "c-1"},
                "parameters": {"intent": f"i-{n}"},
                "confidence_score": 0.9,
                "proposed_by": "bench",
            }
            for n in range(first, min(first + 200, intents))
        ]
        remit.submit(proposals)


def _work_and_kill(remit: Remit) -> int:
    """How many workers were killed until nothing was left to do."""
    over, kills = time.monotonic() + PATIENCE_S, 0
    workers = [_worker(remit.url) for _ in range(WORKERS)]
    try:
        seen = _statuses(remit)
        while remit.busy():
            assert time.monotonic() < over, f"not done in time: {_statuses(remit)}"
            time.sleep(random.uniform(*KILL_AFTER_S))
            before, seen = seen, _statuses(remit)
            # Nobody has done anything since the last one died, or only leases have to run out.
            if seen == before or not seen.get("APPROVED"):
                continue
            victim = random.randrange(WORKERS)
            workers[victim].kill()
            workers[victim].wait()
            workers[victim] = _worker(remit.url)
            kills += 1
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    return kills


def _worker(url: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "REMIT_DATABASE_URL": url, "REMIT_PRIVATE_HOSTS": "127.0.0.1"}
    command = [sys.executable, "-m", "remit", "worker", "--concurrency", "8"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _second_effects(crm: Crm) -> int:
    done = Counter(write.body["intent"] for write in crm.writes)
    return sum(times - 1 for times in done.values())


def _statuses(remit: Remit) -> dict[str, int]:
    return dict(remit.counts(TENANT))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="./dev kill", description="SIGKILL at random: second effects must be 0.")
    parser.add_argument("intents", nargs="?", type=int, default=2000)
    parser.add_argument("database", nargs="?", help="a URL; a new SQLite file if there is none")
    given = parser.parse_args()
    sys.exit(main(given.intents, given.database))
