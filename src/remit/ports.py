"""
What the flow needs from outside, as small protocols: a store, a publisher, connectors, a clock.

A store knows how to be atomic and contains no rule. Its one write is `transact`: each `UnitOfWork` names
the records it needs, is shown them, and answers with what to write; the store makes that atomic and
may ask again after a conflict. Time and ids are always arguments, so a unit may be asked twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, NamedTuple, Protocol, TypeVar, cast, runtime_checkable

from remit.core.errors import RemitError
from remit.core.execution.outcome import CallResult
from remit.core.execution.places import Places
from remit.core.gate.policy import PolicySource
from remit.core.intent import ActionIntentV1
from remit.core.ledger.entries import LedgerEntry
from remit.core.ledger.history import IntentHistory
from remit.core.lifecycle import Case, Status
from remit.core.notifications.outbox import SendResult
from remit.core.notifications.subscription import NewSubscription, Recipient, Subscription
from remit.core.records import Key, Kind
from remit.core.values import Stored

T = TypeVar("T")
Q = TypeVar("Q")
A = TypeVar("A")
D = TypeVar("D")
T_co = TypeVar("T_co", covariant=True)
R = TypeVar("R", bound=Stored | IntentHistory)
S = TypeVar("S", bound=Stored)


class Clock(Protocol):
    def now(self) -> datetime:
        """Aware UTC."""
        ...


class Snapshot(Protocol):
    """The records a unit named, as they are at one moment."""

    def get(self, key: Key[R]) -> R | None: ...


@dataclass(frozen=True, slots=True)
class Message:
    """One approval on its way out. `delivery` counts from 1; what ignores repeats ignores them per delivery."""

    event: dict[str, Any]
    delivery: int

    @property
    def data(self) -> dict[str, Any]:
        data: dict[str, Any] = self.event["detail"]["data"]
        return data

    @property
    def message_id(self) -> str:
        return f"{self.data['approval_id']}.{self.delivery}"


@dataclass(slots=True)
class Writes(Generic[T_co]):
    """
    What one unit wants written, all or nothing, and what to answer when it is.

    `entries` are the next ones of their chains; who appends to an intent's chain writes its case with them.
    """

    answer: T_co
    puts: list[tuple[Key[Any], Stored]] = field(default_factory=list)
    deletes: list[Key[Any]] = field(default_factory=list)
    entries: list[LedgerEntry] = field(default_factory=list)

    def put(self, key: Key[S], record: S) -> None:
        self.puts.append((key, record))


@dataclass(frozen=True, slots=True)
class UnitOfWork(Generic[T_co]):
    """
    One atomic change.

    `reads` are read first; `then_reads` may name further ones after seeing those; `decide` is shown all of
    them and answers what to write. Both are pure: they may be called again, and a `RemitError` that
    `decide` raises becomes this unit's answer, with nothing written for it. `then_reads` may also be asked
    ahead, with a snapshot in which hardly anything is known, for what is worth reading along.

    An `optimistic` unit writes every record it names if it writes at all. Where a request is dear, it may be
    shown what this process last saw of them instead of what is stored: its writes are conditioned on that.

    `new` are keys of records that the unit makes under ids made for it: nothing can be there, so a store need not look.

    A store may bound what one unit writes: DynamoDB takes 100 records and entries together, and 4 MB.
    """

    reads: Sequence[Key[Any]]
    decide: Callable[[Snapshot], Writes[T_co]]
    then_reads: Callable[[Snapshot], Sequence[Key[Any]]] | None = None
    optimistic: bool = False
    new: Sequence[Key[Any]] = ()


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
class ChangedTenants:
    """Tenants whose ledgers grew, and the position up to which that was looked at; `more` may be there already."""

    tenants: Sequence[str]
    position: str
    more: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """
    What a worker can execute now: at most `limit` cases for one of these connectors, for which `places` has room.

    "" stands for the cases that have no connector.
    """

    now: datetime
    connectors: Sequence[str]
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

    def scan(self, kind: Kind[S], tenant_id: str, prefix: str = "") -> list[S]:
        """The records of one kind whose id begins with `prefix`, by id."""
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
        Carry out `unit_for` each of the due cases that are `queued` and `wanted`, in one write.

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

    def busy(self) -> bool:
        """Is there a case, of any tenant, that Remit itself has to move on?"""
        ...

    def waiting(self, tenant_id: str, account_id: str | None, after: str | None, limit: int) -> list[Case]:
        """The review queue: waiting cases by `expires_at`, then id. `after` is a `waiting_cursor`."""
        ...

    def queue_lines(
        self, tenant_id: str, proposed_by: str | None, after: Mapping[str, QueuePlace], limit: int
    ) -> list[QueueLine]:
        """
        Of each proposer, or of one, the first `limit` waiting cases by `expires_at`, then id, each as a line.

        They come proposer by proposer; of those that `after` names, what is behind that place.
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


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one message: `delivered`, `refused` for good, or `unconfirmed`."""

    outcome: str
    detail: str = ""


DELIVERED, REFUSED, UNCONFIRMED = "delivered", "refused", "unconfirmed"


class SendingPublisher(Protocol):
    """
    Delivers over a wire: what is not known to be delivered stays reserved and is sent again.

    Passes `remit.testing.publisher_contract`, or is none.
    """

    def send(self, messages: Sequence[Message]) -> list[Receipt]:
        """One receipt a message, in order. Never raises for what happened on the way: that is `unconfirmed`."""
        ...


@runtime_checkable
class CheckedPublisher(SendingPublisher, Protocol):
    """A publisher that can say, before anything is charged, that nothing could ever leave through it."""

    def check(self) -> None:
        """Raises `ConfigMissing` if there is no such way out. What cannot be found out passes."""
        ...


@dataclass(frozen=True, slots=True)
class Call:
    """One call to the far side: the mapped request, and what the connector needs around it."""

    intent: ActionIntentV1
    request: dict[str, Any]
    idempotency_key: str
    timeout_s: float
    allowed_hosts: Sequence[str]
    now: datetime


class Connector(Protocol):
    """
    How an action reaches the world.

    `always_honours_key` is true where the same idempotency key can never act twice, whatever the tool says.
    """

    always_honours_key: bool

    def check(self, tool: dict[str, Any]) -> None:
        """Raises `InvalidInput` naming the field of the tool's description that is wrong."""
        ...

    def map(self, tool: dict[str, Any], intent: ActionIntentV1) -> dict[str, Any]:
        """
        The request this intent means, as JSON, without any secret in it.

        Pure. Raises `InvalidInput` if the intent lacks what the mapping needs.
        """
        ...

    def invoke(self, call: Call) -> CallResult:
        """Carry it out once. Never raises for what the far side did; never retries."""
        ...


@runtime_checkable
class ForeseesRefusal(Protocol):
    """A connector that knows of a mapped request, and without a call, that it would refuse it."""

    def refusal(self, request: dict[str, Any], allowed_hosts: Sequence[str]) -> str | None:
        """Why it would, by what the tenant allows alone; `None` if that is not known."""
        ...


@runtime_checkable
class PreparingConnector(Connector, Protocol):
    """A connector that needs something from elsewhere before it can call, such as secrets."""

    def prepare(self, call: Call) -> None:
        """
        Fetch what the call needs, and call nobody: asked before the call is marked.

        Raises `TryLater` while it cannot be had. What is wrong for good, `invoke` says.
        """
        ...


@dataclass(frozen=True, slots=True)
class OutgoingNotification:
    """
    One message ready to leave; to `recipient`, where a channel reaches several.

    `event` is the message as a CloudEvent. `lines` are each a text and where it leads, if anywhere. `sign_in` is a
    link that signs the recipient in once: a secret, for nobody else.
    """

    delivery_id: str
    recipient: Recipient | None
    subject: str
    lines: Sequence[tuple[str, str | None]]
    event: dict[str, Any]
    sign_in: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class NotificationBatch:
    """The letters of one message, and what a notifier needs around them."""

    to: Subscription
    letters: Sequence[OutgoingNotification]
    allowed_hosts: Sequence[str]
    now: datetime


class PolicySandbox(Protocol):
    """Where policy text is tried out that this process has not compiled yet."""

    def try_out(self, tenant_id: str, sources: Sequence[PolicySource]) -> None:
        """
        Do with the text what compiling it does, where it can end or hold up nothing else.

        Raises `InvalidInput` naming the file that ends the parser, or takes it too much time or memory, and
        `TryLater` while other text of this tenant, or of too many others, is being tried. What the parser finds
        wrong is no matter here: compiling says that better.
        """
        ...


class Notifier(Protocol):
    """How people outside are told."""

    def check(self, asked: NewSubscription) -> None:
        """Raises `InvalidInput` if this installation cannot tell anybody that way, naming what is missing."""
        ...

    def send(self, mailing: NotificationBatch) -> list[SendResult]:
        """
        Try each letter once, and report of each in order, within a bounded time.

        Never raises for what happened on the way; what is not known to have arrived is `failed`. No secret is in a
        report.
        """
        ...


def answer_of(answers: Sequence[T | RemitError]) -> T:
    """The answer of the only unit. Raises it if it is an error."""
    (answer,) = answers
    if isinstance(answer, RemitError):
        raise answer
    return answer


def in_order(items: Sequence[Q | D], settled: type[D], carry_out: Callable[[list[Q]], Iterable[A]]) -> list[A | D]:
    """
    The answers of a list, in its order: what is `settled` already, an error say, stands for itself, and everything
    else is carried out in one go.

    `carry_out` answers each item that it is given, in order; an error among its answers holds no other back.
    """
    # A type checker cannot leave out a type that it knows by its variable alone.
    asked = cast("list[Q]", [item for item in items if not isinstance(item, settled)])
    answers = iter(carry_out(asked))
    return [item if isinstance(item, settled) else next(answers) for item in items]


def attempt(step: Callable[[], T]) -> T | RemitError:
    """The answer of a step, or its error as an answer: what is wrong with one item of a list holds no other back."""
    try:
        return step()
    except RemitError as error:
        return error


def needed(unit: UnitOfWork[Any], snapshot: Snapshot) -> Iterable[Key[Any]]:
    """The keys that `unit` names after it has seen its first."""
    return unit.then_reads(snapshot) if unit.then_reads else ()
