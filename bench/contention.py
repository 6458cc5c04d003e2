"""
Sixteen callers that charge one account on DynamoDB, in one process and in several: decisions a second, and how many of
them are told to try later.

In one process a group commit makes one writer of all callers. Several processes are in each other's way at the
account's counter: who loses decides anew, ten times at most. `python -m bench.contention URL CALLERS DECISIONS` is one
of them.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table

from bench.raw import in_threads
from bench.world import PROPOSAL
from remit import Remit
from remit.core.errors import TryLater
from remit.ports import DELIVERED, Message, Receipt

CALLERS, PROCESSES = 16, (1, 2, 4)
DECISIONS = 320


@dataclass(frozen=True, slots=True)
class Contended:
    processes: int
    rate: float
    tried_later: float
    """The share of calls that were told to."""


class Nobody:
    def send(self, messages: Sequence[Message]) -> list[Receipt]:
        return [Receipt(DELIVERED) for _ in messages]


def contention(url: str, decisions: int = DECISIONS) -> list[Contended]:
    """`url` is a table in which the benchmark's bounds are in force."""
    return [_contended(url, processes, decisions) for processes in PROCESSES]


def _contended(url: str, processes: int, decisions: int) -> Contended:
    command = [sys.executable, "-m", "bench.contention", url, str(CALLERS // processes), str(decisions // processes)]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(processes)
    ]
    for each in started:
        assert each.stdout is not None
        each.stdout.readline()
    began = time.perf_counter()
    for each in started:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    said = [json.loads(each.communicate()[0]) for each in started]
    seconds = time.perf_counter() - began
    done, later = sum(each["done"] for each in said), sum(each["later"] for each in said)
    return Contended(processes, done / seconds, later / (done + later))


def table(rows: Sequence[Contended]) -> Table:
    shown = Table("processes", "callers each", "decisions a second", "told to try later", title="One account")
    for row in rows:
        each = str(CALLERS // row.processes)
        shown.add_row(str(row.processes), each, f"{row.rate:.0f}", f"{100 * row.tried_later:.1f} %")
    return shown


def main(url: str, callers: int, decisions: int) -> None:
    """One process: says that it is ready, waits to be told, and says what its callers were told."""
    done: list[str] = []
    later: list[str] = []

    def loop(mine: int, ready: threading.Barrier) -> None:
        ready.wait()
        for _ in range(mine):
            try:
                done.append(remit.submit(PROPOSAL).result)
            except TryLater as error:
                later.append(str(error))

    with Remit.open(url, sender=Nobody()) as remit:
        remit.bounds(PROPOSAL["tenant_id"])
        print("ready", flush=True)
        sys.stdin.readline()
        in_threads(loop, [decisions // callers] * callers)
    print(json.dumps({"done": len(done), "later": len(later)}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
