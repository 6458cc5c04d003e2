"""Votes: whose count where several people must approve one intent, and whose do not beside whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from remit.core.errors import Forbidden
from remit.core.gate.bounds import Bounds
from remit.core.identity.credential import PROCESS, Credential
from remit.core.identity.person import is_among, same_person
from remit.core.intent import ActionIntentV1
from remit.core.values import Record


class Vote(Record, frozen=True):
    """One person's yes, and the credential it came through."""

    voted_by: str
    credential: Credential = PROCESS


def may_not_approve(intent: ActionIntentV1, edited_by: str | None, bounds: Bounds) -> list[str]:
    """
    The people whose own it is, and who therefore have no say in it.

    | `proposer_may_approve` | no say has                       |
    |------------------------|----------------------------------|
    | not set                | who proposed it                  |
    | `false`                | who proposed it, and who edited  |
    | `true`                 | nobody                           |
    """
    if bounds.proposer_may_approve:
        return []
    own = [intent.proposed_by, edited_by] if bounds.proposer_may_approve is False else [intent.proposed_by]
    return [name for name in own if name is not None]


def is_new(vote: Vote, beside: Sequence[Vote], bounds: Bounds) -> bool:
    """
    Does this vote add a person to those who voted before? The first row that applies:

    | the vote                                                            | answer              |
    |---------------------------------------------------------------------|---------------------|
    | is of a person, or through a credential, that has voted already     | false               |
    | is of one who made an earlier voter's credential, or the other way  | raises `Forbidden`  |
    | is any other                                                        | true                |

    The second row is left out where the bounds say `independent_approvers: false`.
    """
    if any(_is_one(vote, earlier) for earlier in beside):
        return False
    if bounds.independent_approvers:
        for earlier in beside:
            _refuse_maker(vote, earlier)
            _refuse_maker(earlier, vote)
    return True


def counted(votes: Sequence[Vote], intent: ActionIntentV1, edited_by: str | None, bounds: Bounds) -> list[Vote]:
    """
    The votes that count by these bounds, in their order.

    Each had its place when it was given; but bounds change, and of two that do not count any more beside each other
    the earlier one stays.
    """
    barred, counting = may_not_approve(intent, edited_by, bounds), list[Vote]()
    for vote in votes:
        if not is_among(vote.voted_by, barred) and _counts(vote, counting, bounds):
            counting.append(vote)
    return counting


def _counts(vote: Vote, beside: Sequence[Vote], bounds: Bounds) -> bool:
    try:
        return is_new(vote, beside, bounds)
    except Forbidden:
        return False


def _is_one(vote: Vote, other: Vote) -> bool:
    if same_person(vote.voted_by, other.voted_by):
        return True
    through, before = vote.credential, other.credential
    return through.names_holder and (through.kind, through.id) == (before.kind, before.id)


def _refuse_maker(vote: Vote, other: Vote) -> None:
    if is_among(vote.voted_by, other.credential.made_by):
        raise Forbidden(
            f"{vote.voted_by} had a hand in making the credential through which {other.voted_by} approves, so the two "
            "do not count beside each other; somebody else has to approve it"
        )


def vote_data(vote: Vote, intent: ActionIntentV1, *, votes: int, needed: int, config_sequence: int) -> dict[str, Any]:
    """
    The data of an `APPROVAL_VOTED` entry: who, through which credential, which digest, how many of how many, by which
    state of the bounds.
    """
    return {
        "voted_by": vote.voted_by,
        "credential": vote.credential.wire(),
        "digest": intent.digest,
        "votes": votes,
        "votes_needed": needed,
        "config_sequence": config_sequence,
    }
