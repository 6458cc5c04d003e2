"""Records: the one atomic write, and what is read by key or by kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from remit.core.errors import RemitError
from remit.core.records import Key, Kind
from remit.core.values import Stored
from remit.ports.units import Snapshot, UnitOfWork

if TYPE_CHECKING:
    from remit.core.identity.session import IssuerLogout

T = TypeVar("T")
S = TypeVar("S", bound=Stored)


class RecordStore(Protocol):
    """Records of every kind, read and written."""

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
        The records of one kind bit by bit, each as it was when it was read. One that is stored in a form this version
        cannot read is left out: `misfiled` names it.
        """
        ...

    def misfiled(self, tenant_id: str) -> Iterator[str]:
        """
        Places where this store finds a tenant's case or entry by something, a column say, that it does not say itself.

        Each is said in words. A store that keeps nothing beside its records answers nothing.
        """
        ...

    def records(self, kind: Kind[S], tenant_id: str) -> Iterator[tuple[str, S]]:
        """Every record of one kind with its id, by id. Read as they are asked for, so not of one moment."""
        ...

    def due_records(self, kind: Kind[S], now: datetime, limit: int) -> list[tuple[str, S]]:
        """Records of one kind of all tenants whose `due_at` has come, each with its tenant, the longest due first."""
        ...

    def drop_due(self, kind: Kind[Any], now: datetime, limit: int) -> int:
        """
        Drop records of one kind of all tenants whose `due_at` has come, the longest due first, `limit` of them at most.

        Answers how many. What somebody else is just changing may be left for the next time.
        """
        ...

    def begun_at_issuer(self, kind: Kind[S], logout: IssuerLogout) -> list[tuple[str, S]]:
        """
        The sessions, or the browsers, that an issuer's word ends, of all tenants, each with its tenant.

        What was just written may be found a moment late.
        """
        ...

    def has_tenant(self, tenant_id: str) -> bool:
        """Is anything stored of this tenant?"""
        ...

    def tenants(self) -> list[str]:
        """
        Every tenant that has anything stored, by name.

        It takes the longer the more there are: for what is done once, and never beside each decision or request.
        """
        ...

    def close(self) -> None: ...
