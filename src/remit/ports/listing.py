"""Listing: a tenant's cases by what people look for, in pages, and how many there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from msgspec import Struct

from remit.core.errors import InvalidInput
from remit.core.lifecycle import Case, Status
from remit.core.values import parse_moment
from remit.core.waiting_counts import ANYBODY, CountKind, WaitingCount


class CaseFilter(Struct, frozen=True):
    """A choice of a tenant's cases; what is `None` does not matter."""

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


class CaseLists(Protocol):
    """The review queue and the list of all cases; what was just written may be listed a moment late."""

    def waiting(self, tenant_id: str, account_id: str | None, after: str | None, limit: int) -> list[Case]:
        """The review queue: waiting cases by `expires_at`, then id. `after` is a `waiting_cursor`."""
        ...

    def oldest_waiting(self, tenant_id: str) -> datetime | None:
        """The time when the oldest waiting case was created; `None` if none waits."""
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
        """
        The number of cases of one proposer that are `PROPOSED` or wait; a store may count what it just wrote a moment
        late.
        """
        ...

    def cases(self, tenant_id: str, which: CaseFilter, after: str | None, limit: int) -> list[Case]:
        """Cases, the newest `created_at` first, then by id downwards. `after` is a `case_cursor`."""
        ...

    def counts(self, tenant_id: str, statuses: Sequence[Status] | None = None) -> dict[str, int]:
        """
        The number of cases that the tenant has in each of the statuses, or in every one; statuses without any are left
        out.

        It counts: the fewer cases have the statuses that are asked for, the quicker it answers.
        """
        ...


def case_cursor(case: Case) -> str:
    """The cursor to go on with after this case in `Store.cases`."""
    return f"{case.wire()['created_at']}|{case.action_intent_id}"


def waiting_cursor(case: Case) -> str:
    """The cursor to go on with after this case in `Store.waiting`."""
    return f"{case.wire()['expires_at']}|{case.action_intent_id}"


def cursor_of(text: str) -> tuple[datetime, str]:
    """The moment and the id that a cursor names. Raises `InvalidInput` if it is none."""
    moment, bar, id = text.partition("|")
    try:
        at = parse_moment(moment)
    except ValueError:
        at = None
    if not bar or at is None:
        raise InvalidInput("after", f"{text!r} is not a cursor", "send one that a page of this list ended with")
    return at, id
