"""The cases that wait for a person: their order, those that somebody asks for, and how many there are of each kind."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Self

from msgspec import Struct, field

from remit.core.errors import InvalidInput
from remit.core.gate.bounds import BoundsInForce
from remit.core.identity.person import is_among, person_of, same_person
from remit.core.lifecycle import WAITING, Case
from remit.core.records import case_key
from remit.core.values import instant, parse_moment
from remit.core.waiting_counts import ANYBODY, KINDS_COUNTED, CountKind, WaitingCount, vote_name
from remit.flow.context import Context, bounds_key, bounds_now, bounds_of
from remit.flow.reading.deputies import handovers
from remit.ports import QueueLine, QueuePlace

if TYPE_CHECKING:
    from remit.core.views import QueueGroupsAnswer

MOST_GROUPED = 1000
"""So many groups of a kind are told, the largest: agents may name as many accounts as they like."""
MOST_SORTED_LINES = 5000
"""So many lines of each proposer are sorted by when they expire."""
MOST_LINES = 50_000
"""So many of each proposer are looked through for what a filter selects."""
MOST_POSITIONS = 12
"""Of so many proposers a cursor says where they go on; those of others begin anew."""


class WaitingFilter(Struct, frozen=True):
    """
    A choice of waiting cases; what is `None` does not matter. `answerer` leaves out what waits for others than that
    person, who has approved it, and `assigned_to` are people, any of whom has the card.
    """

    account_id: str | None = None
    proposed_by: str | None = None
    reason: str | None = None
    answerer: str | None = None
    action_type: str | None = None
    assigned_to: Sequence[str] | None = None

    def selects(self, line: QueueLine) -> bool:
        return (
            self.account_id in (None, line.account_id)
            and self.proposed_by in (None, line.proposed_by)
            and self.reason in (None, line.reason)
        )

    def has(self, case: Case, bounds: BoundsInForce) -> bool:
        """Does a case that was read still wait, and is it one of those? Its line does not say of which type it is."""
        is_meant = self.action_type in (None, case.action_type)
        is_theirs = self.assigned_to is None or is_among(case.assigned_to, self.assigned_to)
        return case.status in WAITING and is_meant and is_theirs and not waits_for_others(case, self.answerer, bounds)


class WaitingGroups(Struct, frozen=True):
    """
    The numbers of cases that wait, in all and by group, the `MOST_GROUPED` largest of each kind; and of them one's own.
    """

    total: int
    assigned: int
    by_proposer: Sequence[tuple[str, int]]
    by_reason: Sequence[tuple[str, int]]
    by_type: Sequence[tuple[str, int]]
    by_account: Sequence[tuple[str, int]]

    def wire(self) -> QueueGroupsAnswer:
        return {
            "total": self.total,
            "assigned": self.assigned,
            "by_proposer": [{"proposed_by": name, "count": count} for name, count in self.by_proposer],
            "by_reason": [{"reason": name, "count": count} for name, count in self.by_reason],
            "by_type": [{"action_type": name, "count": count} for name, count in self.by_type],
            "by_account": [{"account_id": name, "count": count} for name, count in self.by_account],
        }


class QueueCursor(Struct, frozen=True):
    """
    The end of a page: how many whole turns were taken, and where each proposer's cases go on.

    Positions are those of cases, not numbers of them: what is answered meanwhile makes nobody skip a case.
    """

    turns: int = 0
    after: dict[str, QueuePlace] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str | None) -> Self:
        """Raises `InvalidInput` for what no page ended with."""
        if text is None:
            return cls()
        try:
            turns, after = json.loads(base64.urlsafe_b64decode(text))
            return cls(int(turns), {name: (parse_moment(at), str(id)) for name, (at, id) in after.items()})
        # Also of a number without end, and nested deeper than the parser goes.
        except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
            way_out = "send one that a page of this list ended with"
            raise InvalidInput("after", f"{text[:80]!r} is not a cursor", way_out) from None

    def __str__(self) -> str:
        after = {name: [instant(at), id] for name, (at, id) in self.after.items()}
        return base64.urlsafe_b64encode(json.dumps([self.turns, after], separators=(",", ":")).encode()).decode()


class _Turns:
    """
    The order of one look at the queue: proposers take turns, and of each the soonest to expire comes first.

    However much one of them proposes, the first of every other stands before its second. `lines` are the first `most`
    of each proposer behind where the cursor says that they go on.
    """

    def __init__(self, lines: Sequence[QueueLine], cursor: QueueCursor, which: WaitingFilter, most: int) -> None:
        self._cursor = cursor
        read = Counter(line.proposed_by for line in lines)
        self.cut = any(count >= most for count in read.values())
        """Is there more of somebody than was read?"""
        self._of: dict[str, list[QueueLine]] = {}
        for line in filter(which.selects, lines):
            self._of.setdefault(line.proposed_by, []).append(line)
        ahead = {name: own for name, own in self._of.items() if self._goes_on(name)}
        self._left = Counter({name: len(own) for name, own in ahead.items()})
        numbered = ((turn, line) for own in ahead.values() for turn, line in enumerate(own))
        self.order = sorted(numbered, key=lambda each: (each[0], each[1].place))

    def _goes_on(self, name: str) -> bool:
        # Whoever has no more than the turns that were taken, and no place in the cursor, has been shown whole.
        return name in self._cursor.after or len(self._of[name]) > self._cursor.turns

    def cursor_after(self, count: int) -> QueueCursor | None:
        """The cursor behind the first `count` of this order; `None` at its end."""
        if count >= len(self.order):
            return None
        turns, after = self._cursor.turns + self.order[count][0], dict(self._cursor.after)
        left = Counter(self._left)
        for _, line in self.order[:count]:
            after[line.proposed_by] = line.place
            left[line.proposed_by] -= 1
        known = [name for name in after if name in self._cursor.after or left[name] or len(self._of[name]) > turns]
        known.sort(key=lambda name: -left[name])
        return QueueCursor(turns, {name: after[name] for name in known[:MOST_POSITIONS]})


def waiting(
    context: Context, tenant_id: str, which: WaitingFilter, after: str | None, limit: int
) -> tuple[list[Case], str | None]:
    """Waiting cases, proposers in turns and of each the soonest to expire first, and where to go on."""
    cursor = QueueCursor.parse(after)
    most = cursor.turns + limit + 1
    while True:
        lines = context.store.queue_lines(tenant_id, which.proposed_by, cursor.after, most, _people(which))
        turns = _Turns(lines, cursor, which, most)
        found, count = _first(context, tenant_id, [line for _, line in turns.order], which, limit)
        # Where the filter left much out, there may be more behind what was read.
        if len(found) == limit or not turns.cut or most >= MOST_LINES:
            following = turns.cursor_after(count)
            return found, str(following) if following else None
        most *= 8


def soonest(context: Context, tenant_id: str, which: WaitingFilter, limit: int) -> list[Case]:
    """Waiting cases, the soonest to expire first, whoever proposed them."""
    lines = context.store.queue_lines(tenant_id, which.proposed_by, {}, MOST_SORTED_LINES, _people(which))
    ordered = sorted(filter(which.selects, lines), key=lambda line: line.place)
    return _first(context, tenant_id, ordered, which, limit)[0]


def _first(
    context: Context, tenant_id: str, lines: Sequence[QueueLine], which: WaitingFilter, limit: int
) -> tuple[list[Case], int]:
    """The first cases that still wait, and how many lines were gone through for them."""
    found: list[Case] = []
    count = 0
    while len(found) < limit and count < len(lines):
        some = lines[count : count + limit - len(found)]
        count += len(some)
        found += _still_waiting(context, tenant_id, some, which)
    return found, count


def _still_waiting(context: Context, tenant_id: str, lines: Sequence[QueueLine], which: WaitingFilter) -> list[Case]:
    keys = [case_key(tenant_id, line.action_intent_id) for line in lines]
    seen = context.store.read([*keys, bounds_key(tenant_id)])
    bounds = bounds_of(seen, tenant_id)
    return [case for case in map(seen.get, keys) if case is not None and which.has(case, bounds)]


def waits_for_others(case: Case, person: str | None, bounds: BoundsInForce) -> bool:
    """
    Has this person approved it already, while its type asks for more than have?

    Where bounds ask for fewer by now, whoever answers next carries it out, also somebody who has approved it.
    """
    asks_more = len(case.voted_by) < bounds.approvals_required(case.action_type)
    return person is not None and asks_more and is_among(person, case.voted_by)


def with_deputy(context: Context, tenant_id: str, person: str, now: datetime) -> list[str]:
    """The people whose cards this person has now: their own, and those of whoever handed theirs over."""
    lasting = handovers(context, tenant_id, now)
    return [person, *(each.handed_from for each in lasting if same_person(each.handed_to, person))]


def _people(which: WaitingFilter) -> list[str] | None:
    return None if which.assigned_to is None else list(map(person_of, which.assigned_to))


def waiting_groups(context: Context, tenant_id: str, now: datetime, answerer: str | None = None) -> WaitingGroups:
    people = with_deputy(context, tenant_id, answerer, now) if answerer else []
    # At once: a store that keeps no counts reads what waits for it.
    counted = _counted(context, tenant_id, answerer, KINDS_COUNTED, [ANYBODY, *people])
    groups = {kind: _by_name(counted, kind).most_common(MOST_GROUPED) for kind in KINDS_COUNTED}
    return WaitingGroups(
        total=_by_name(counted, "status").total(),
        assigned=_assigned(counted),
        by_proposer=groups["proposed_by"],
        by_reason=groups["reason"],
        by_type=groups["action_type"],
        by_account=groups["account_id"],
    )


def waiting_count(context: Context, tenant_id: str, answerer: str | None) -> int:
    """The number of cases that wait for `answerer`, however many there are."""
    return _by_name(_counted(context, tenant_id, answerer, ["status"], [ANYBODY]), "status").total()


def assigned_count(context: Context, tenant_id: str, answerer: str, now: datetime) -> int:
    """Of those, how many are assigned to `answerer`, or to whoever handed their cards over."""
    people = with_deputy(context, tenant_id, answerer, now)
    return _assigned(_counted(context, tenant_id, answerer, ["status"], people))


def _counted(
    context: Context, tenant_id: str, answerer: str | None, kinds: Sequence[CountKind], people: Sequence[str]
) -> Counter[WaitingCount]:
    """The numbers of these kinds and people, without what waits for others than `answerer`."""
    votes = [ANYBODY, *(_votes_of(answerer, bounds_now(context, tenant_id)) if answerer is not None else ())]
    found = context.store.waiting_counts(tenant_id, kinds, list(map(person_of, people)), votes)
    counted: Counter[WaitingCount] = Counter()
    for count, n in found.items():
        counted[count._replace(voted_by=ANYBODY)] += -n if count.voted_by else n
    return +counted


def _by_name(counted: Counter[WaitingCount], kind: CountKind) -> Counter[str]:
    return Counter({each.name: n for each, n in counted.items() if (each.kind, each.assigned_to) == (kind, ANYBODY)})


def _assigned(counted: Counter[WaitingCount]) -> int:
    return sum(n for each, n in counted.items() if each.kind == "status" and each.assigned_to)


def _votes_of(person: str, bounds: BoundsInForce) -> list[str]:
    """The votes with which a case waits for others than this person: see `waits_for_others`."""
    types = bounds.bounds.action_types.items()
    return [vote_name(person, name, votes) for name, spec in types for votes in range(1, spec.approvals_required)]
