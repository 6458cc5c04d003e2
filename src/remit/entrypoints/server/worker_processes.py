"""Several worker processes as one: begun together, replaced when one dies, ended together."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from remit.entrypoints.server.worker import GRACE_S

log = logging.getLogger(__name__)

LOOK_S = 0.1
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
"""How long the place of one that died stays empty; twice as long each time."""


@dataclass
class _Place:
    """One worker process after the other."""

    arguments: Sequence[str]
    url: str
    done: Counter[str] = field(default_factory=Counter)
    deaths: int = 0
    again_at: float = 0.0
    process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        self.process = subprocess.Popen(  # noqa: S603 - this very interpreter, and numbers
            [sys.executable, "-m", "remit", "worker", "--one-of-many", "--json", *self.arguments],
            # Held open as long as this process lives: its end tells the worker to end, however this one ends.
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Not as an argument: those can be read by everybody on the machine.
            env={**os.environ, "REMIT_DATABASE_URL": self.url},
            # Ctrl-C is for this process, which passes it on once.
            start_new_session=True,
        )

    def ended(self) -> bool:
        """Has its worker ended as it should? One that died is begun again."""
        if self.process is None:
            if time.monotonic() >= self.again_at:
                self.begin()
            return False
        if self.process.poll() is None:
            return False
        if self.process.returncode == 0:
            return True
        pause_s = min(FIRST_PAUSE_S * 2**self.deaths, LONGEST_PAUSE_S)
        log.warning("a worker process died (%d); another begins in %.0f s", self.process.returncode, pause_s)
        self.deaths, self.again_at = self.deaths + 1, time.monotonic() + pause_s
        self.process.communicate()
        self.process = None
        return False

    def end(self) -> None:
        """Let it finish what it began, and hear what it did."""
        if self.process is None:
            return
        try:
            said, _ = self.process.communicate(timeout=GRACE_S + 10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            said, _ = self.process.communicate()
        for line in said.splitlines():
            self.done.update(json.loads(line)["by_status"])


def run(count: int, url: str, arguments: Sequence[str], stop: threading.Event) -> Counter[str]:
    """
    Run `count` workers over one database until `stop`, or until each has ended by itself.

    `arguments` are those of `remit worker`. Answers how many executions ended in which status.
    """
    places = [_Place(arguments, url) for _ in range(count)]
    try:
        while not stop.wait(LOOK_S):
            # Each is asked: asking is what replaces one that died.
            ended = [place.ended() for place in places]
            if all(ended):
                break
    finally:
        _tell_to_end(places)
        for place in places:
            place.end()
    return sum((place.done for place in places), Counter())


def _tell_to_end(places: Sequence[_Place]) -> None:
    for place in places:
        if place.process is not None and place.process.stdin is not None:
            place.process.stdin.close()
            # Already closed: what waits for its output is not to flush it.
            place.process.stdin = None


def end_with_parent(stop: threading.Event) -> None:
    """Set `stop` when the process that started this one closes its standard input, or is gone."""

    def listen() -> None:
        # Past Python's own buffer: its lock, held by a thread that reads, would end the interpreter badly.
        while os.read(0, 1024):
            pass
        stop.set()

    threading.Thread(target=listen, name="remit-parent", daemon=True).start()
