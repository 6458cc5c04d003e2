"""
Counts of the intents that wait for a person, by kind: all that one waiting case counts as.

A store keeps these counts as it keeps its lists, in the write that makes a case wait or ends its waiting, or counts the
cases when it is asked. People are counted under the one form of their names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import product
from typing import Literal, NamedTuple

from remit.core.identity.person import person_of
from remit.core.lifecycle import WAITING, Case
from remit.core.values import Stored

CountKind = Literal["status", "reason", "action_type", "account_id", "proposed_by"]
KINDS_COUNTED: tuple[CountKind, ...] = ("status", "reason", "action_type", "account_id", "proposed_by")
ANYBODY = ""
"""In place of a person: whoever it is, or nobody."""


class WaitingCount(NamedTuple):
    """
    A number that is kept: of the waiting cases that have this status, reason and so on.

    With `assigned_to` only of those that are that person's, and with `voted_by` of those with that vote (`vote_name`).
    """

    assigned_to: str
    voted_by: str
    kind: CountKind
    name: str


def vote_name(person: str, action_type: str, votes: int) -> str:
    """
    The name of a vote: by whom, on which type, and how many have voted for that case.

    Whether it keeps a card from this person follows from how many approvers the type asks for, which bounds change
    while nobody touches the cases.
    """
    return f"{votes} {action_type} {person_of(person)}"


def counted_as(case: Case) -> list[WaitingCount]:
    """The numbers in which a case is one; none if it does not wait."""
    if case.status not in WAITING:
        return []
    named: dict[CountKind, str] = {
        "status": case.status,
        "reason": case.reason or "",
        "action_type": case.action_type,
        "account_id": case.account_id,
        "proposed_by": case.proposed_by,
    }
    votes = [vote_name(person, case.action_type, len(case.voted_by)) for person in case.voted_by]
    whose = product(_and_anybody(holder_of(case)), _and_anybody(*votes))
    return [WaitingCount(*people, *each) for people in whose for each in named.items()]


def counts_of(
    cases: Iterable[Case], kinds: Sequence[CountKind], people: Sequence[str], voters: Sequence[str]
) -> Counter[WaitingCount]:
    """The numbers of these kinds and people that such cases come to, for a store that keeps none."""
    every = Counter(count for case in cases for count in counted_as(case))
    wanted = set(product(people, voters, kinds))
    return Counter({count: n for count, n in every.items() if count[:3] in wanted})


def holder_of(case: Case) -> str:
    """The person who has a waiting case, by the one form of the name; `ANYBODY` if nobody has it."""
    return person_of(case.assigned_to) if case.assigned_to and case.status in WAITING else ANYBODY


def count_changes(before: Stored | None, after: Case) -> Counter[WaitingCount]:
    """The changes of each count as `after` takes the place of `before`; what stays is left out."""
    was, is_now = counted_as(before) if isinstance(before, Case) else [], counted_as(after)
    if was == is_now:
        # As for all that is executed: it does not wait.
        return Counter()
    change = Counter(is_now)
    change.subtract(was)
    return Counter({count: more for count, more in change.items() if more})


def _and_anybody(*people: str) -> list[str]:
    return list(dict.fromkeys([ANYBODY, *people]))
