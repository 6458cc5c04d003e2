"""Commands that read, over a small database: from the shell to their end, starting Python included."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from rich.table import Table

from bench.world import PROPOSAL, TENANT, open_world

ASKED = 10
PYTHON_ALONE = "(Python alone)"
_READING = (
    *("intents", "queue", "sampled", "usage", "overview", "timeline"),
    *("export", "ledger", "verify", "suggest"),
)
_OF_AN_INTENT = ("status", "why")


def commands(folder: Path) -> dict[str, float]:
    """Seconds that each command takes, the median of `ASKED` times, in turns."""
    url = f"sqlite:///{folder / 'commands.db'}"
    with open_world(url) as remit:
        ran = remit.submit([PROPOSAL] * 20)[0]
    intent_id: str = ran.action_intent_id  # type: ignore[union-attr]  # a yes
    took: dict[str, list[float]] = {}
    for _ in range(ASKED):
        took.setdefault(PYTHON_ALONE, []).append(_seconds(["-c", "pass"], url))
        for name, line in _lines(intent_id):
            took.setdefault(name, []).append(_seconds(["-m", "remit", *line], url))
    return {name: statistics.median(each) for name, each in took.items()}


def table(took: dict[str, float]) -> Table:
    shown = Table("command", "s", title="commands that read, start to end")
    for name, seconds in took.items():
        shown.add_row(name if name == PYTHON_ALONE else f"remit {name}", f"{seconds:.2f}")
    return shown


def _lines(intent_id: str) -> Iterator[tuple[str, list[str]]]:
    yield "--version", ["--version"]
    for name in _READING:
        yield name, [name, "--tenant", TENANT]
    yield "report", ["report", "--tenant", TENANT, "--from", "2026-01-01"]
    for name in _OF_AN_INTENT:
        yield name, [name, intent_id, "--tenant", TENANT]


def _seconds(line: list[str], url: str) -> float:
    # Bytecode is kept, as where it is installed.
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment = {**kept, "REMIT_DATABASE_URL": url}
    began = time.perf_counter()
    subprocess.run([sys.executable, *line], env=environment, check=True, capture_output=True)
    return time.perf_counter() - began
