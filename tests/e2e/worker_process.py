"""
One worker as a process of its own: `python -m tests.e2e.worker_process URL OPTIONS`.

It tells on its standard output, one JSON object a line, that it works, what it maps, and what it ended.
`OPTIONS` is a JSON object: `concurrency`, `hold_call` (take, and never come to the call), `ahead` (the file that says
by how many seconds its clock is ahead, once it is there).
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from remit import Remit
from remit.app.upkeep import Reconciled
from remit.connectors.http import HttpConnector
from remit.core.execution.outcome import CallResult
from remit.egress.hosts import PrivateHosts
from remit.egress.reach import Egress
from remit.egress.secrets import ListedSecrets
from remit.entrypoints.server.worker import CONCURRENCY, work
from remit.ports import Call
from remit.wiring import uuid7

WORKER_ID = uuid7()


def tell(**event: Any) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


class TellingRemit(Remit):
    """Says when the worker reconciles for the first time: by then it also takes executions."""

    working = False

    def reconcile(self, limit: int = 200, *, erasing: bool = True) -> Reconciled:
        if not self.working:
            self.working = True
            tell(event="working", worker_id=WORKER_ID)
        return super().reconcile(limit, erasing=erasing)


class NeverCalls(HttpConnector):
    """Has marked a call and never comes to it."""

    def invoke(self, call: Call) -> CallResult:
        tell(event="calling", intent=call.intent.action_intent_id)
        threading.Event().wait()
        raise AssertionError("nobody wakes it")


class MovedClock:
    """Goes right until a test moves it: what a lease takes, no test has to wait for."""

    def __init__(self, ahead: Path) -> None:
        self._ahead = ahead

    def now(self) -> datetime:
        ahead_s = float(self._ahead.read_text()) if self._ahead.exists() else 0.0
        return datetime.now(UTC) + timedelta(seconds=ahead_s)


def main(url: str, options: dict[str, Any]) -> None:
    connectors = (
        {"http": NeverCalls(ListedSecrets.parse({}, ""), Egress(PrivateHosts.parse("")))}
        if options.get("hold_call")
        else None
    )
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    clock = {"clock": MovedClock(Path(options["ahead"]))} if "ahead" in options else {}
    with TellingRemit.open(url, connectors=connectors, **clock) as remit:
        work(
            remit,
            stop=stop,
            concurrency=options.get("concurrency", CONCURRENCY),
            on_done=lambda status: tell(event="done", status=status),
            worker_id=WORKER_ID,
        )
    tell(event="ended")


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
