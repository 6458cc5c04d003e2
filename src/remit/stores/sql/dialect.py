"""Dialects: what the store asks of a database, and what its failures mean."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from enum import Enum
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from msgspec import Struct

from remit.core.errors import InvalidInput, RemitError, TryLater
from remit.core.records import CHAIN
from remit.stores.sql.batch import RowChange
from remit.stores.sql.ledger_order import LedgerOrder
from remit.stores.sql.pool import ConnectionPool
from remit.stores.sql.rows import KEYED, Row
from remit.stores.units import RecordId

if TYPE_CHECKING:
    # For annotations alone: only migrations, and PostgreSQL's connections, are SQLAlchemy's.
    import sqlalchemy


class DriverFault(Enum):
    """The word of a failure of the database on the transaction it ended."""

    AGAIN = "somebody else won: nothing happened, and the same may succeed now"
    LOST = "the connection is gone: nothing happened, unless a commit was on its way"
    REFUSED = "nothing happened, and doing the same again would not help"


class DriverErrors(Struct, frozen=True):
    """
    The exceptions of the driver (PEP 249), and of its pool: all, those of a record's content, those of the database's
    condition.
    """

    any: tuple[type[Exception], ...]
    data: type[Exception]
    operational: tuple[type[Exception], ...]


class Rows(Protocol):
    """Rows that come as they are asked for, until closed."""

    def __iter__(self) -> Iterator[Row]: ...

    def close(self) -> None: ...


class Dialect(Protocol):
    """`driver` is the raw connection of the database's own driver; statements on it are static text."""

    @property
    def name(self) -> str:
        """As messages call it, without a password."""
        ...

    @property
    def order(self) -> LedgerOrder:
        """The order in which it took in the ledger."""
        ...

    @property
    def errors(self) -> DriverErrors: ...

    @property
    def count_slots(self) -> int:
        """Of how many rows a count of what waits is the sum, so that several writers need not wait for each other."""
        ...

    def exists(self) -> bool:
        """False where opening would make the database itself."""
        ...

    def writer(self) -> ConnectionPool:
        """Connections for the one who writes."""
        ...

    def readers(self) -> ConnectionPool:
        """Connections for reading; a transaction on them sees one moment."""
        ...

    def engine(self) -> sqlalchemy.Engine:
        """The writer's connections for migrations; a transaction on them excludes or detects other writers."""
        ...

    def lock_for_migration(self, connection: sqlalchemy.Connection) -> None:
        """In the open transaction: nobody else migrates until it ends. Raises `TryLater` if that takes too long."""
        ...

    def make_indexes(self, connection: sqlalchemy.Connection, wanted: Mapping[str, str]) -> None:
        """
        Make these indexes while others write, where that can be done: by name the table, columns and condition.

        `connection` holds the lock for migrations, in a transaction that has written nothing yet.
        """
        ...

    def freeze(self, connection: sqlalchemy.Connection, tables: Sequence[str]) -> None:
        """In the open transaction: nobody else writes to these tables until it ends, and everybody may read."""
        ...

    def refuse_writes(self, connection: sqlalchemy.Connection, tables: Sequence[str], said: str) -> None:
        """In the open transaction, from its commit on and for good: whoever writes to these tables is told `said`."""
        ...

    @property
    def prepares(self) -> bool:
        """Does `prepare` do anything?"""
        ...

    def prepare(self, connection: sqlalchemy.Connection) -> None:
        """After a migration, in its transaction: what a database needs that came from elsewhere."""
        ...

    def has_table(self, driver: Any, table: str) -> bool: ...

    def begin(self, driver: Any) -> None:
        """Of the writer: begin a transaction that excludes or detects other writers."""
        ...

    def see_one_moment(self, driver: Any) -> None:
        """Of a reader: all that it is asked from here on, until it is given back, it answers as of one moment."""
        ...

    def data_version(self, driver: Any, /) -> object:
        """
        In the writer's open transaction: what is the same as the last time as long as no other connection has
        committed anything since. `None` where a database does not tell, or others may write while it is open.
        """
        ...

    def load(self, driver: Any, places: Iterable[RecordId], *, lock: bool) -> list[tuple[str, str, str, Any]]:
        """
        Kind, tenant, id and body of what exists there, a chain as its segments in their order; with `lock`, contended
        records stay as they are.
        """
        ...

    def write(self, driver: Any, changes: Sequence[RowChange]) -> None:
        """Raises what is `DriverFault.AGAIN` if a row to be changed is gone."""
        ...

    def commit(self, driver: Any, changes: Sequence[RowChange], asked: Callable[[], None]) -> None:
        """
        Write these and commit. It calls `asked` before it asks the database to commit: what fails until then was not
        committed.
        """
        ...

    def fetch(self, driver: Any, sql: str, parameters: dict[str, Any]) -> list[Row]:
        """`sql` has `:name` for a parameter, and `= ANY_OF(:name)` for one that is a list."""
        ...

    def take(self, driver: Any, sql: str, parameters: dict[str, Any]) -> list[Row]:
        """`fetch` for the one who writes: rows that another writer has taken are passed over, these are ours."""
        ...

    def drop_due(self, driver: Any, table: str, now_us: int, limit: int) -> int:
        """
        In the writer's open transaction: delete so many rows whose `due_at_us` has come, the longest due first, and
        none of which another transaction has hold. Answers how many.
        """
        ...

    def stream(self, driver: Any, sql: str, parameters: dict[str, Any]) -> Rows:
        """The rows, a few at a time, as of one moment."""
        ...

    def watch(self, queued: Callable[[], None], stopped: Callable[[float], bool]) -> None:
        """Call `queued` soon after another process queued something; until `stopped`, which waits so many seconds."""
        ...

    def announcing(self) -> AbstractContextManager[Callable[[], None]] | None:
        """
        The statement that tells those who watch, in other processes, that something is queued; `None` where they see
        it.

        What it answers is called by one thread, and never raises.
        """
        ...

    def fault(self, error: BaseException) -> DriverFault | None:
        """`None` if the error is not the database's."""
        ...

    def is_of_another_schema(self, cause: BaseException) -> bool:
        """Does the driver's own error say that a table, a column or an index of ours is not there?"""
        ...

    def refusal(self, error: BaseException) -> InvalidInput | None:
        """The obstacle to opening this database that waiting does not clear away, and the way out."""
        ...


class Stale(Exception):
    """A row that was read is gone or was made by somebody else: ask the units again."""


class NotCommitted(Exception):
    """The database's own word that it was asked to commit and did not come to it: `orig` is what it failed with."""

    def __init__(self, orig: Exception) -> None:
        self.orig = orig
        super().__init__(str(orig))


def driver_error(error: BaseException) -> BaseException:
    """The error that the driver itself raised, under whatever SQLAlchemy, or `NotCommitted`, put around it."""
    own = getattr(error, "orig", None)
    return own if isinstance(own, BaseException) else error


WAS_MOVED = "was moved to"
"""Said by the triggers of a database that a migration has closed."""
_ANOTHER_SCHEMA = (
    "its schema is not the one with which this process works: a database of another release was put in its place. "
    "End every process of Remit that has it open and start them again: the first to start upgrades it"
)


def raise_ours(error: Exception, dialect: Dialect) -> NoReturn:
    """Raises a driver's or its pool's exception as one of ours; any other as it is."""
    cause = driver_error(error)
    if isinstance(cause, UnicodeEncodeError):
        # Of the bytes of a command line, say, that are no UTF-8.
        raise InvalidInput("(record)", f"{cause.object!r:.60} is not plain Unicode text", "send UTF-8") from error
    if isinstance(cause, dialect.errors.any):
        raise _ours(cause, dialect) from error
    raise error


def _ours(cause: Exception, dialect: Dialect) -> RemitError:
    said = f"{dialect.name}: {str(cause).strip() or type(cause).__name__}"
    if isinstance(cause, dialect.errors.data):
        return InvalidInput("(record)", said, "send what the database can hold")
    if WAS_MOVED in said:
        # The triggers' word: somebody who waits, and asks where it is served from now on, is answered.
        return TryLater(said)
    if dialect.is_of_another_schema(cause):
        # Nothing was written, and once somebody has done that the same request is carried out.
        return TryLater(f"{said}; {_ANOTHER_SCHEMA}")
    if isinstance(cause, dialect.errors.operational) or dialect.fault(cause) is DriverFault.LOST:
        return TryLater(said)
    return RemitError(said)


def grouped(places: Iterable[RecordId]) -> list[tuple[str, str, list[str]]]:
    """Kind, tenant and ids, in the one order in which everybody locks."""
    groups: dict[tuple[str, str], list[str]] = {}
    for kind, tenant_id, id in places:
        groups.setdefault((kind, tenant_id), []).append(id)
    return [(kind, tenant_id, groups[kind, tenant_id]) for kind, tenant_id in sorted(groups, key=_lock_order)]


def _lock_order(group: tuple[str, str]) -> tuple[int, str]:
    return _POSITION[group[0]], group[1]


# A chain after its case: whoever holds the case sees all of it.
_POSITION = {name: position for position, name in enumerate([*KEYED, CHAIN.name])}
