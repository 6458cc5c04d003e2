"""The cases that wait for a person: those that somebody asks for, and how many there are of each kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from remit.core.identity.person import is_among
from remit.core.lifecycle import Case
from remit.flow.context import Context
from remit.ports import waiting_cursor

MOST_GROUPED = 5000
"""So many waiting cases are looked through at once; beyond them counts say that there are more."""
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class WaitingFilter:
    """Which waiting cases; what is `None` does not matter. `answerer` leaves out what that person has approved."""

    account_id: str | None = None
    proposed_by: str | None = None
    reason: str | None = None
    answerer: str | None = None

    @property
    def looks_inside(self) -> bool:
        """Must cases be looked at one by one?"""
        return not (self.proposed_by is self.reason is self.answerer is None)


@dataclass(frozen=True, slots=True)
class WaitingGroups:
    """How many cases wait, the largest group first; `complete` is false where more wait than were counted."""

    total: int
    by_proposer: Sequence[tuple[str, int]]
    by_reason: Sequence[tuple[str, int]]
    complete: bool


def waiting(
    context: Context, tenant_id: str, which: WaitingFilter, after: str | None, limit: int
) -> tuple[list[Case], str | None]:
    """
    Waiting cases, the soonest to expire first, and where to go on.

    Where the filter leaves much out, there may be fewer and still more to come.
    """
    if not which.looks_inside:
        cases = context.store.waiting(tenant_id, which.account_id, after, limit)
        return cases, waiting_cursor(cases[-1]) if len(cases) == limit else None
    found: list[Case] = []
    for _ in range(MOST_GROUPED // _AT_ONCE):
        cases = context.store.waiting(tenant_id, which.account_id, after, _AT_ONCE)
        for case in cases:
            after = waiting_cursor(case)
            found += [case] if _wanted(which, case) else []
            if len(found) == limit:
                return found, after
        if len(cases) < _AT_ONCE:
            return found, None
    return found, after


def _wanted(which: WaitingFilter, case: Case) -> bool:
    return (
        which.proposed_by in (None, case.proposed_by)
        and which.reason in (None, case.reason)
        and not has_voted(case, which.answerer)
    )


def has_voted(case: Case, person: str | None) -> bool:
    """Has this person approved it already, while it waits for others?"""
    return person is not None and is_among(person, case.voted_by)


def waiting_groups(context: Context, tenant_id: str, answerer: str | None = None) -> WaitingGroups:
    cases: list[Case] = []
    complete = False
    while not complete and len(cases) < MOST_GROUPED:
        after = waiting_cursor(cases[-1]) if cases else None
        more = context.store.waiting(tenant_id, None, after, _AT_ONCE)
        cases, complete = cases + more, len(more) < _AT_ONCE
    cases = [case for case in cases if not has_voted(case, answerer)]
    by_proposer = Counter(case.proposed_by for case in cases)
    by_reason = Counter(case.reason or "" for case in cases)
    return WaitingGroups(len(cases), by_proposer.most_common(), by_reason.most_common(), complete)
