"""A decision with four limits against one with a budget alone: how much longer it takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.measure import Measured, in_batches, warm
from bench.world import BOUNDS, open_world, with_amount

_EUR = {"sum": "amount", "unit": "EUR", "most": 900_000_000}
FOUR_LIMITS = [
    {"name": "a-day", "most": 10**9, "per": "day", "of": "account"},
    {"name": "a-minute", "most": 10**9, "per": "minute", "of": "account"},
    {"name": "money-a-day", **_EUR, "per": "day", "of": "account"},
    {"name": "money-a-month", **_EUR, "per": "month", "of": "account"},
]


def with_and_without(folder: Path, name: str, count: int, size: int) -> tuple[Measured, float]:
    """Measured with the limits, and the rate without them, in calls of `size` intents."""
    seen = []
    for limits in ([], FOUR_LIMITS):
        with open_world(f"sqlite:///{folder / f'{name}-{len(limits)}.db'}", **_bounds(limits)) as remit:
            warm(remit, with_amount_above_0)
            seen.append(in_batches(remit, count, size, with_amount_above_0))
    without, measured = seen
    return measured, without.rate


def with_amount_above_0(number: int) -> dict[str, Any]:
    return with_amount(number * 2 + 1)


def _bounds(limits: list[dict[str, Any]]) -> dict[str, Any]:
    types: dict[str, Any] = {**BOUNDS["action_types"]}
    amounts = {"amount": {"value": "parameters.amount", "unit": "EUR"}}
    return {"action_types": {name: {**spec, "amounts": amounts} for name, spec in types.items()}, "limits": limits}
