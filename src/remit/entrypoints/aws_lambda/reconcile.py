"""
Reconciling, on a schedule: gate, publish, publish again, expire, until nothing is left that is due.

Two that run at once are harmless: each case is moved on under its own condition.
"""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from remit.entrypoints.aws_lambda.counting import add
from remit.entrypoints.aws_lambda.entry import entry
from remit.wiring import Remit

MOST_ROUNDS = 20
"""Of at most 200 cases each; what is left then waits for the next time."""


def reconcile(remit: Remit, event: Any) -> dict[str, Any]:
    """The number of cases that were moved on, and how long the oldest approval that should have left has waited."""
    del event
    # Asked first: what the bus does not take now is put off for a few seconds, and no longer due afterwards.
    lag_s = remit.publish_lag_s()
    moved = 0
    for _ in range(MOST_ROUNDS):
        round_ = remit.reconcile().total
        moved += round_
        if not round_:
            break
    add("Reconciled", moved)
    add("OldestReserved", lag_s, MetricUnit.Seconds)
    return {"moved": moved, "oldest_reserved_s": lag_s}


handler = entry(reconcile, publishes=True)
