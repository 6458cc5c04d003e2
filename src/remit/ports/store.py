"""The store: one atomic write, and what is read from it. It contains no rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol, TypeVar

from remit.core.errors import RemitError
from remit.core.execution.places import Places
from remit.core.ledger.entries import LedgerEntry
from remit.core.lifecycle import Case, Status
from remit.core.records import Key, Kind
from remit.core.values import Stored
from remit.core.waiting_counts import ANYBODY, CountKind, WaitingCount
from remit.ports.units import Snapshot, UnitOfWork

T = TypeVar("T")
S = TypeVar("S", bound=Stored)


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """Which cases of a tenant; what is `None` does not matter."""

    statuses: Sequence[Status] | None = None
    account_id: str | None = None
    action_type: str | None = None
    reason: str | None = None
    created_from: datetime | None = None
    created_before: datetime | None = None

    def matches(self, case: Case) -> bool:
        """For a store that cannot ask its database for all of it."""
        return (
            (self.statuses is None or case.status in self.statuses)
            and self.account_id in (None, case.account_id)
            and self.action_type in (None, case.action_type)
            and self.reason in (None, case.reason)
            and (self.created_from is None or case.created_at >= self.created_from)
            and (self.created_before is None or case.created_at < self.created_before)
        )


QueuePlace = tuple[datetime, str]
"""Where a waiting case stands among its proposer's: its `expires_at` and its id."""


class QueueLine(NamedTuple):
    """One waiting case, as far as the order and the groups of a queue need it."""

    expires_at: datetime
    action_intent_id: str
    account_id: str
    proposed_by: str
    reason: str

    @property
    def place(self) -> QueuePlace:
        return self.expires_at, self.action_intent_id


@dataclass(frozen=True, slots=True)
class LedgerPage:
    """
    Entries of a tenant's ledger in the order in which the store took them in, each with the position behind it.

    `position` is behind all that was looked at, and `more` says that there may be more already.
    """

    entries: Sequence[tuple[LedgerEntry, str]]
    position: str
    more: bool


@dataclass(frozen=True, slots=True)
class ReaderPage:
    """
    The same for a tenant's own readers: beside each entry, and behind the page, the position that they are told.

    Those tell nothing of what other tenants do.
    """

    page: LedgerPage
    entries: Sequence[str]
    position: str


@dataclass(frozen=True, slots=True)
class ChangedTenants:
    """Tenants whose ledgers grew, and the position up to which that was looked at; `more` may be there already."""

    tenants: Sequence[str]
    position: str
    more: bool


@dataclass(frozen=True, slots=True)
class Runnable:
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


@dataclass(frozen=True, slots=True)
class Claim:
    """What a worker can execute now: at most `limit` cases of what is `runnable`, for which `places` has room."""

    now: datetime
    runnable: Runnable
    places: Places
    limit: int


class Store(Protocol):
    """
    Where Remit remembers. Passes `remit.testing.store_contract`, or is none.

    Every method may raise `TryLater` (nothing happened) and `transact` also `OutcomeUnknown` (the
    answer to the commit was lost). No driver's exception leaves a store.
    """

    @property
    def one_at_a_time(self) -> bool:
        """Does a unit that takes long keep every other caller's waiting? What is slow is then done ahead of it."""
        ...

    def transact(self, units: Sequence[UnitOfWork[T]]) -> list[T | RemitError]:
        """
        Carry out each unit as if one after the other, each atomic by itself.

        Answers in order: the unit's answer, or the `RemitError` its `decide` raised.
        """
        ...

    def read(self, keys: Sequence[Key[Any]]) -> Snapshot:
        """These records as last committed."""
        ...

    def scan(self, kind: Kind[S], tenant_id: str, prefix: str = "", limit: int | None = None) -> list[S]:
        """The records of one kind whose id begins with `prefix`, by id; the first `limit` of them."""
        ...

    def each(self, kind: Kind[S], tenant_id: str) -> Iterator[S]:
        """
        The same bit by bit, each record as it was when it was read. One that is stored in a form this version cannot
        read is left out: `misfiled` names it.
        """
        ...

    def misfiled(self, tenant_id: str) -> Iterator[str]:
        """
        Whatever this store finds a tenant's cases and entries by, a column say, that is not what they say themselves.

        Each is said in words, with where it is. A store that keeps nothing beside its records answers nothing.
        """
        ...

    def records(self, kind: Kind[S], tenant_id: str) -> Iterator[tuple[str, S]]:
        """Every record of one kind with its id, by id. Read as they are asked for, so not of one moment."""
        ...

    def due(self, now: datetime, limit: int) -> list[Case]:
        """
        Cases of all tenants whose `due_at` has come and that no worker may take; queued ones that have expired are
        among them.

        What moves comes before what rests, tenants take turns, and within one the longest due comes first.
        """
        ...

    def due_records(self, kind: Kind[S], now: datetime, limit: int) -> list[tuple[str, S]]:
        """Records of one kind of all tenants whose `due_at` has come, each with its tenant, the longest due first."""
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

    def waiting(self, tenant_id: str, account_id: str | None, after: str | None, limit: int) -> list[Case]:
        """The review queue: waiting cases by `expires_at`, then id. `after` is a `waiting_cursor`."""
        ...

    def oldest_waiting(self, tenant_id: str) -> datetime | None:
        """When the waiting case was created that was created first; `None` if none waits."""
        ...

    def queue_lines(
        self,
        tenant_id: str,
        proposed_by: str | None,
        after: Mapping[str, QueuePlace],
        limit: int,
        assigned_to: Sequence[str] | None = None,
    ) -> list[QueueLine]:
        """
        Of each proposer, or of one, the first `limit` waiting cases by `expires_at`, then id, each as a line.

        They come proposer by proposer; of those that `after` names, what is behind that place. With `assigned_to` only
        those that are one of these people's (`holder_of`).
        """
        ...

    def waiting_counts(
        self,
        tenant_id: str,
        kinds: Sequence[CountKind],
        people: Sequence[str] = (ANYBODY,),
        voters: Sequence[str] = (ANYBODY,),
    ) -> Counter[WaitingCount]:
        """
        Numbers of waiting cases, as of one moment: of these kinds, of what is assigned to these people, and of what
        has these votes (`vote_name`). Numbers that are 0 are left out.

        A store either keeps them, in the writes that change them, or counts; what it just wrote it may count a moment
        late.
        """
        ...

    def recount(self, tenant_id: str) -> int:
        """
        Make right what is kept of those numbers, and what waiting cases are found by, should a release that does not
        keep it have written meanwhile; how many of both were wrong. Nobody has to stop for it.
        """
        ...

    def unanswered(self, tenant_id: str, proposed_by: str) -> int:
        """How many cases of one proposer are `PROPOSED` or wait; a store may count what it just wrote a moment late."""
        ...

    def cases(self, tenant_id: str, which: CaseFilter, after: str | None, limit: int) -> list[Case]:
        """Cases, the newest `created_at` first, then by id downwards. `after` is a `case_cursor`."""
        ...

    def chain(self, tenant_id: str, action_intent_id: str | None) -> list[LedgerEntry]:
        """One chain from its first entry; `None` names the tenant's own."""
        ...

    def recent(
        self, tenant_id: str, event_types: Sequence[str], account_id: str | None, after: str | None, limit: int
    ) -> list[LedgerEntry]:
        """Entries of these types, newest first, then by id downwards. `after` is an `entry_cursor`."""
        ...

    def ledger_after(self, tenant_id: str, event_types: Sequence[str], after: str, limit: int) -> LedgerPage:
        """
        Entries of these types behind the position `after`, of about `limit` entries of any type.

        The order is that in which the store took entries in, whatever times they carry: behind a position that was
        answered nothing is ever missing, also what was committed late. Positions sort as that order does.
        """
        ...

    def ledger_position(self, tenant_id: str, since: datetime | None = None) -> str:
        """
        The position of now: what is committed from here on is behind it.

        With `since`, one that every entry is behind that carries this time or a later one.
        """
        ...

    def reader_page(self, tenant_id: str, event_types: Sequence[str], after: str, limit: int) -> ReaderPage | None:
        """
        As `ledger_after`, from a position that a reader of this tenant was told; `None` if it is none in this ledger.

        Whoever goes on from what was told with an entry gets each of the following entries once.
        """
        ...

    def reader_position(self, tenant_id: str, since: datetime | None = None) -> str:
        """As `ledger_position`, as a reader of this tenant is told it."""
        ...

    def tenants_after(self, after: str, limit: int) -> ChangedTenants:
        """The tenants of about the next `limit` entries behind a position, in the ledgers of all together."""
        ...

    def export(self, tenant_id: str) -> Iterator[LedgerEntry]:
        """
        Every entry of every intent's chain as of one moment, chain by chain, each from its first entry.

        Between two entries no connection is held, nor anything else that others wait for.
        """
        ...

    def counts(self, tenant_id: str, statuses: Sequence[Status] | None = None) -> dict[str, int]:
        """
        How many cases the tenant has in each of the statuses, or in every one; statuses without any are left out.

        It counts: the fewer cases have the statuses that are asked for, the quicker it answers.
        """
        ...

    def tenants(self) -> list[str]:
        """Every tenant that has anything stored, by name."""
        ...

    def close(self) -> None: ...


class ReadableStore(Protocol):
    """What a copy reads of a store, each as `Store` says it: also of a database that no `Store` can open any more."""

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
    """The same as the store in whose positions its consumers stand; `None` for a format that knew none."""

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


def case_cursor(case: Case) -> str:
    """Where to go on after this case in `Store.cases`."""
    return f"{case.wire()['created_at']}|{case.action_intent_id}"


def waiting_cursor(case: Case) -> str:
    """Where to go on after this case in `Store.waiting`."""
    return f"{case.wire()['expires_at']}|{case.action_intent_id}"


def entry_cursor(entry: LedgerEntry) -> str:
    """Where to go on after this entry in `Store.recent`."""
    return f"{entry.at}|{entry.entry_id}"
