"""Dropping what is due, each under the condition that it still is: no request deletes by a condition alone."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import Struct

from remit.core.records import Key, due_at
from remit.ports import Snapshot, UnitOfWork, Writes

MOST_DROPPED = 20
"""In one call: each is read once more, and may be large."""


class DropIfDue(Struct, frozen=True):
    """Answers whether it was: somebody may have put another in its place."""

    key: Key[Any]
    now: datetime

    def unit(self) -> UnitOfWork[bool]:
        return UnitOfWork([self.key], self.decide)

    def decide(self, snapshot: Snapshot) -> Writes[bool]:
        stored = snapshot.get(self.key)
        at = None if stored is None else due_at(stored)
        due = at is not None and at <= self.now
        return Writes(answer=due, deletes=[self.key] if due else [])
