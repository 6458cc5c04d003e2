"""Migrating: the database that is copied, and the one that is filled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

from remit.core.ledger.entries import LedgerEntry
from remit.core.records import Key, Kind
from remit.core.values import Stored
from remit.ports.store import Store
from remit.ports.units import Snapshot

S = TypeVar("S", bound=Stored)


class ReadableStore(Protocol):
    """The part of a store that a copy reads, as `Store` says it; also where no `Store` can open a database any more."""

    def tenants(self) -> list[str]: ...
    def counts(self, tenant_id: str) -> dict[str, int]: ...
    def records(self, kind: Kind[S], tenant_id: str) -> Iterator[tuple[str, S]]: ...
    def chain(self, tenant_id: str, action_intent_id: str | None) -> list[LedgerEntry]: ...
    def export(self, tenant_id: str) -> Iterator[LedgerEntry]: ...

    def read(self, keys: Sequence[Key[Any]]) -> Snapshot:
        """At least cases and chains."""
        ...


class Frozen(Protocol):
    """A database that nobody else writes to."""

    def move_to(self, migration_id: str, name: str) -> None:
        """Close it for good: whoever still has it open is refused, and opening it names where everything went."""
        ...


class MigrationSource(Protocol):
    """The database that a migration copies."""

    name: str
    store: ReadableStore
    followed: Store | None
    """It as the store in whose positions its consumers stand; `None` for a format that knew none."""

    @property
    def moved_to(self) -> str | None:
        """The migration that closed it."""
        ...

    def frozen(self) -> AbstractContextManager[Frozen]:
        """
        Nobody else writes until the end of the context; who tries waits, or is told to try later.

        What was written before is behind none of the store's positions. Raises `TryLater` if that is not to be had.
        """
        ...

    def close(self) -> None: ...


class MigrationTarget(Protocol):
    """The database that a migration fills. Until it is complete it opens for nothing else."""

    name: str
    store: Store
    migration_id: str
    complete: bool
    is_queue: bool
    """Do its workers take approvals from the store itself?"""

    def settle(self) -> None:
        """Wait until no position from here on has anything behind it that was copied so far. Raises `TryLater`."""
        ...

    def finish(self) -> None:
        """It is complete: from here on it opens."""
        ...

    def close(self) -> None: ...
