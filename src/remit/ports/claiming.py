"""Claiming: the cases that Remit itself has to move on, and those of them that workers take."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol, TypeVar

from msgspec import Struct

from remit.core.errors import RemitError
from remit.core.execution.places import Places
from remit.core.lifecycle import Case
from remit.ports.units import UnitOfWork

T = TypeVar("T")


class Runnable(Struct, frozen=True):
    """
    The tools that a worker can run: by connector the action types that it can, `None` for every one.

    "" stands for the cases that have no connector.
    """

    action_types: Mapping[str, Collection[str] | None]

    def runs(self, connector: str, action_type: str) -> bool:
        if connector not in self.action_types:
            return False
        named = self.action_types[connector]
        return named is None or action_type in named


class Claim(Struct, frozen=True):
    """A worker's claim: at most `limit` cases of what is `runnable`, for which `places` has room."""

    now: datetime
    runnable: Runnable
    places: Places
    limit: int


class WorkQueue(Protocol):
    """Cases of all tenants by when they are due: tenants take turns."""

    def due(self, now: datetime, limit: int) -> list[Case]:
        """
        Cases of all tenants whose `due_at` has come and that no worker may take; queued ones that have expired are
        among them.

        What moves comes before what rests, tenants take turns, and within one the longest due comes first.
        """
        ...

    def claim(self, wanted: Claim, unit_for: Callable[[Case], UnitOfWork[T]]) -> list[T | RemitError]:
        """
        Carry out `unit_for` each of the due cases that are `queued` and `wanted`, in one write; whatever is queued that
        is not `wanted` is not read.

        Tenants take turns, and within one its tools; of one tool, the longest due comes first. Of none more are
        taken than there is room for. Two callers at once are given different cases; where the store cannot do that,
        their units find out. A store that queues nothing answers nothing.
        """
        ...

    def has_queued(self, wanted: Claim) -> bool:
        """Would `claim` find anything? May say yes where another one is quicker."""
        ...

    def watch(self, queued: Callable[[], None]) -> AbstractContextManager[None]:
        """
        While it is open, `queued` is called, from any thread, soon after another process has queued something.

        A hint that may come for nothing, and may be missing: whoever waits for it still looks now and then.
        """
        ...

    def busy(self, runnable: Runnable | None = None) -> bool:
        """
        Is there a case, of any tenant, that Remit itself has to move on (`Case.moving`)?

        With `runnable`, what is queued for other tools is left out.
        """
        ...
