"""The processor time of a worker that has nothing to do, over some seconds, where many tenants are as quiet."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from bench.world import BOUNDS, PROPOSAL
from remit import Remit, RemitError

TENANTS = (1_000, 4_000)
SUBSCRIBED = 10
"""Every tenth tenant has people who want to be told."""
WARM_S = 5.0
MEASURED_S = 20.0
_WORKER = """
import os, sys
from remit import Remit, work

with Remit.open(sys.argv[1], environ={"HOOK_SECRET": "x" * 32}) as remit:
    work(remit)
"""


def idle(folder: Path) -> list[tuple[int, float]]:
    """By number of tenants, the share of one core that an idle worker takes."""
    return [(tenants, _share(folder / f"idle-{tenants}.db", tenants)) for tenants in TENANTS]


def _share(path: Path, tenants: int) -> float:
    _load(path, tenants)
    worker = subprocess.Popen([sys.executable, "-c", _WORKER, f"sqlite:///{path}"])
    try:
        time.sleep(WARM_S)
        before, began = used_s(worker.pid), time.perf_counter()
        time.sleep(MEASURED_S)
        return (used_s(worker.pid) - before) / (time.perf_counter() - began)
    finally:
        worker.terminate()
        worker.wait()


def used_s(pid: int) -> float:
    """Processor time of a process, its own and the kernel's for it (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _load(path: Path, tenants: int) -> None:
    with Remit.open(f"sqlite:///{path}", publishing=False, environ={"HOOK_SECRET": "x" * 32}) as remit:
        names = [f"tenant-{number:05d}" for number in range(tenants)]
        for number, name in enumerate(names):
            remit.apply({**BOUNDS, "tenant": name}, by="bench")
            if number % SUBSCRIBED == 0:
                asked = {"channel": "webhook", "url": "https://hooks.example.com/x", "signing_secret": "${HOOK_SECRET}"}
                remit.set_subscription(name, "chat", {**asked, "notices": ["OUTCOME_UNKNOWN"]}, by="bench")
        unsure = {**PROPOSAL, "confidence_score": 0.4}
        answers = remit.submit([{**unsure, "tenant_id": name} for name in names])
        refused = [answer for answer in answers if isinstance(answer, RemitError)]
        assert not refused, refused[0]
        while remit.follow():
            """What happened is followed before it is quiet."""
