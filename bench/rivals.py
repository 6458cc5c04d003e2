"""
The nearest rivals, each as its own documentation has it, one caller and one process, all on SQLite with
`synchronous=FULL`: what they ship with is `NORMAL`, which loses what was decided when the power fails.

They are no dependencies of ours, and need Python 3.12: `PYTHON=python3.12 ./dev bench --only rivals`, once both stand
beside Remit's own packages: `.venv/bin/python -m pip install --no-deps onedoor==0.8.1 ctrlrun==0.12.2 pydantic-settings
python-dotenv typing-inspection`.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import uuid4

from bench.measure import in_batches, warm
from bench.world import open_world
from remit import work
from remit.core.gate.zones import zone

NEEDED = ("onedoor", "ctrlrun")
ONEDOOR_POLICIES = """
policies:
  - action_type: notes.create
    tier: 2
    dry_run: false
    compensating_command: notes.create
    cost_param: amount_eur
    undo_window_seconds: 900
    caps: {eur_day: 1000000.00, eur_month: 1000000.00}
    bounds:
      required: [amount_eur]
      numeric: {amount_eur: {min: 0.01, max: 2000.00}}
"""
CTRLRUN_POLICY = """
schema: ctrlrun.policy/v2
actions:
  notes.create:
    effect: "note:{note_id}"
    rules:
      - when: {amount_gte: 0, amount_lte: 50000}
        decision: allow
      - decision: deny
"""


def missing() -> list[str]:
    return [name for name in NEEDED if find_spec(name) is None]


def remit_decided(folder: Path, count: int) -> float:
    """Proposed, decided and published intents a second, one by one."""
    with open_world(f"sqlite:///{folder / 'remit-decided.db'}") as remit:
        warm(remit)
        return in_batches(remit, count, 1).rate


def remit_executed(folder: Path, count: int) -> float:
    """The same, and executed by a worker of the same process when the last is decided."""
    with open_world(f"sqlite:///{folder / 'remit-executed.db'}") as remit:
        warm(remit)
        work(remit, until_idle=True, on_done=lambda _: None)
        began = time.perf_counter()
        in_batches(remit, count, 1)
        work(remit, until_idle=True, on_done=lambda _: None)
        return count / (time.perf_counter() - began)


def onedoor_decided(folder: Path, count: int) -> float:
    """Permitted intents a second: decided, its caps reserved, recorded."""
    models, store = import_module("onedoor.guardrail.models"), import_module("onedoor.store.db")
    policies = folder / "onedoor.yaml"
    policies.write_text(ONEDOOR_POLICIES, encoding="utf-8")
    database = store.Database(str(folder / "onedoor.db"))
    database.init()
    connection = database.connect()
    connection.execute("PRAGMA synchronous=FULL")
    import_module("onedoor.guardrail.policy_loader").load_file(connection, policies)
    config = import_module("onedoor.guardrail.executor").EngineConfig(3600, 30.0, zone("UTC"))
    decide = import_module("onedoor.guardrail.decision").decide_and_reserve

    def one() -> None:
        now = datetime.now(UTC)
        asked = models.ActionRequest(
            request_id=uuid4(),
            action_type="notes.create",
            params={"amount_eur": 0.01},
            source=models.Source.LLM,
            rationale="bench",
            created_at=now,
        )
        answer = decide(asked, conn=connection, config=config, now=now)
        assert type(answer).__name__ == "PermittedIntent", answer

    return _rate(one, count)


def ctrlrun_executed(folder: Path, count: int) -> float:
    """Protected calls a second of a function that does nothing."""
    ctrlrun = import_module("ctrlrun")
    policy = folder / "ctrlrun.yaml"
    policy.write_text(CTRLRUN_POLICY, encoding="utf-8")
    with _always_full():
        control = ctrlrun.Control.from_file(policy)

        def create(note_id: str, amount: int) -> dict[str, Any]:
            return {"id": note_id, "amount": amount}

        protected = ctrlrun.protect("notes.create", effect="note:{note_id}", control=control)(create)
        with ctrlrun.context(agent="bench"):
            return _rate(lambda: protected(note_id=uuid4().hex, amount=1), count)


def _rate(one: Callable[[], object], count: int) -> float:
    for _ in range(20):
        one()
    began = time.perf_counter()
    for _ in range(count):
        one()
    return count / (time.perf_counter() - began)


class _Full(sqlite3.Connection):
    """As a user would set it, where the library has no setting for it."""

    def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
        return super().execute(sql.replace("synchronous=NORMAL", "synchronous=FULL"), *arguments)


@contextmanager
def _always_full() -> Iterator[None]:
    connect = sqlite3.connect
    sqlite3.connect = lambda *args, **options: connect(*args, **{"factory": _Full, **options})
    try:
        yield
    finally:
        sqlite3.connect = connect
