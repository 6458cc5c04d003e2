"""Time that a worker's write spends on its executions: whoever else writes waits for it."""

from __future__ import annotations

import time
from typing import TypeVar

from remit.ports import Snapshot, UnitOfWork, Writes

T = TypeVar("T")


class Spent:
    """The seconds in which units were decided; asked again, they count again."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def on(self, unit: UnitOfWork[T]) -> UnitOfWork[T]:
        """The unit, whose deciding is counted."""

        def decide(snapshot: Snapshot) -> Writes[T]:
            began = time.perf_counter()
            try:
                return unit.decide(snapshot)
            finally:
                self.seconds += time.perf_counter() - began

        return UnitOfWork(unit.reads, decide, unit.then_reads)
