"""Following: the ledger's chains, and a tenant's entries in the order in which the store took them in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from remit.core.ledger.entries import LedgerEntry


class LedgerPage(Struct, frozen=True):
    """
    Entries of a tenant's ledger in the order in which the store took them in, each with the position behind it.

    `position` is behind all that was looked at, and `more` says that there may be more already.
    """

    entries: Sequence[tuple[LedgerEntry, str]]
    position: str
    more: bool


class ReaderPage(Struct, frozen=True):
    """
    A page for a tenant's own readers: beside each entry, and behind the page, the position that they are told.

    Such positions tell nothing of what other tenants do.
    """

    page: LedgerPage
    entries: Sequence[str]
    position: str


class ChangedTenants(Struct, frozen=True):
    """
    Tenants whose ledgers grew, and the position up to which that was looked at; `more` may be there already.

    Not `settled` if more is there that is told later: somebody's write holds back what others have committed since.
    `history` is another number than before once the database is another one, or an earlier state of itself: it was
    restored, and no position that was known has any meaning.
    """

    tenants: Sequence[str]
    position: str
    more: bool
    settled: bool = True
    history: int = 0


class LedgerReader(Protocol):
    """Chains whole, entries newest first, and entries behind a position, for consumers that miss none."""

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


def entry_cursor(entry: LedgerEntry) -> str:
    """The cursor to go on with after this entry in `Store.recent`."""
    return f"{entry.at}|{entry.entry_id}"
