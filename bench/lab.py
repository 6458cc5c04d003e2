"""The lab: a replay of a long history under other bounds, from a store and from an exported file."""

from __future__ import annotations

import random
import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.world import TENANT
from remit import Remit, RemitError
from remit.app.offline import replay_export
from remit.core.views import ReplayAnswer

DAYS = 30
ACCOUNTS = 50
BATCH, ANSWERED = 40, 9
"""How many are proposed at a time, and one of how many of those that wait a person answers."""
TOLD_EVERY = 10_000
_END = datetime(2026, 3, 31, tzinfo=UTC)
_TYPES = ("REFUND", "SEND_EMAIL", "UPDATE_CONTACT")
_LIMIT = 'context.numbers.hasTag("amount") && context.numbers.getTag("amount").greaterThan(decimal("180.0"))'
POLICY = {
    "name": "amount.cedar",
    "text": f'@reason("TOO_MUCH") forbid (principal, action, resource) when {{ {_LIMIT} }};',
}


def bounds(*, most: int, daily: int) -> dict[str, Any]:
    """Three types, a rule that reads the amount, a budget, and limits by the day and the month."""
    tool = {"connector": "internal", "operation": "create_note"}
    amount = {"amounts": {"amount": {"value": "parameters.amount", "unit": "EUR"}}}
    return {
        "tenant": TENANT,
        "action_types": {
            name: {"risk_tier": "LOW", "tool": tool, **(amount if name == "REFUND" else {})} for name in _TYPES
        },
        "allowlist": list(_TYPES),
        "modes": {"default": "AUTO_EXECUTE"},
        "budget": {"max_autonomous_per_day": daily, "timezone": "Europe/Berlin"},
        "limits": [
            {
                "name": "refunds-a-day",
                "sum": "amount",
                "unit": "EUR",
                "most": most,
                "per": "day",
                "of": "account",
                "action_types": ["REFUND"],
            },
            {
                "name": "refunds-a-month",
                "sum": "amount",
                "unit": "EUR",
                "most": most * 20,
                "per": "month",
                "of": "account",
                "action_types": ["REFUND"],
            },
            {"name": "burst", "most": 10, "per": "minute", "of": "account"},
        ],
        "policies": [POLICY],
    }


@dataclass(slots=True)
class Clock:
    """Set by whoever makes a history."""

    at: datetime

    def now(self) -> datetime:
        return self.at


def _proposals(count: int) -> Iterator[tuple[datetime, dict[str, Any]]]:
    chance = random.Random(17)
    step = timedelta(days=DAYS) / count
    for number in range(count):
        name = _TYPES[number % 3]
        parameters: dict[str, Any] = {"text": f"order {number}"}
        if name == "REFUND":
            parameters["amount"] = round(chance.uniform(1, 200), 2)
        yield (
            _END - timedelta(days=DAYS) + step * number,
            {
                "tenant_id": TENANT,
                "account_id": f"acct-{chance.randrange(ACCOUNTS)}",
                "action_type": name,
                "target": {"entity_type": "contact", "entity_id": f"c-{number % 997}"},
                "parameters": parameters,
                "confidence_score": chance.choice([0.65, 0.9, 0.95]),
                "risk_level": "LOW",
                "proposed_by": "bench-agent",
            },
        )


@dataclass(frozen=True, slots=True)
class Taken:
    """Seconds by the wall and of the processor: the former are the more, the more runs beside."""

    wall_s: float
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Replayed:
    """How long replays of so many intents took, and how much memory the process had in the end."""

    from_store: Taken
    from_file: Taken
    peak_mb: float


def lab(folder: Path, intents: int, told: Callable[[str], None]) -> Replayed:
    """Make a history, and replay it under a tighter and wider candidate; `told` hears how far it is."""
    clock = Clock(_END)
    with Remit.open(f"sqlite:///{folder / 'lab.db'}", clock=clock, settings={"REMIT_MOST_WAITING": "0"}) as remit:
        make_history(remit, clock, intents, told)
        candidate = bounds(most=300, daily=100)
        told("replaying from the store")
        answer, from_store = _timed(lambda: remit.replay(candidate, period=f"{DAYS}d"))
        assert answer["decisions"] >= intents * 0.99, answer["decisions"]
        told(f"{from_store.wall_s:.0f} s; exporting, and replaying from the file")
        file = folder / "lab.jsonl"
        with file.open("wb") as lines:
            lines.writelines(line + b"\n" for line in remit.export_lines(TENANT))
    with file.open("rb") as lines:
        again, from_file = _timed(lambda: replay_export(lines, candidate))
    assert again["decisions"] >= answer["decisions"], again["decisions"]
    return Replayed(from_store, from_file, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def _timed(work: Callable[[], ReplayAnswer]) -> tuple[ReplayAnswer, Taken]:
    began, used = time.perf_counter(), time.process_time()
    answer = work()
    return answer, Taken(time.perf_counter() - began, time.process_time() - used)


def make_history(remit: Remit, clock: Clock, count: int, told: Callable[[str], None] = lambda _: None) -> None:
    """Decided as they come, in small batches of one moment; some of those that wait are answered by a person."""
    clock.at = _END - timedelta(days=DAYS)
    remit.apply(bounds(most=500, daily=60), by="bench")
    batch: list[dict[str, Any]] = []
    for number, (at, proposal) in enumerate(_proposals(count), 1):
        clock.at = at
        batch.append(proposal)
        if len(batch) == BATCH:
            _decide(remit, batch)
            batch = []
        if number % TOLD_EVERY == 0:
            told(f"{number:,} of {count:,} intents of the history")
    clock.at = _END


def _decide(remit: Remit, batch: list[dict[str, Any]]) -> None:
    answers = [answer for answer in remit.submit(batch) if not isinstance(answer, RemitError)]
    asked = [answer for answer in answers if answer.result == "REQUIRE_APPROVAL"]
    for answer in asked[::ANSWERED]:
        remit.reject(TENANT, answer.action_intent_id, by="ann", reason="not this one")
