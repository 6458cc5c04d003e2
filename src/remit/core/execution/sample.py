"""
Sampled actions: what ran alone and is shown to people afterwards, their answers, and how these are counted.

A person says whether it was right. Each answer is counted for its action type, and for the limits with `stop_after`
that the action was charged to (`limit_answers`); where the bounds say so, the one that makes too many disagreements
stops autonomy in the write that records it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from remit.core.errors import Conflict, Forbidden
from remit.core.execution.approval import Approval
from remit.core.execution.outcome import OutcomeStatus
from remit.core.gate.sampling import MOST_OF_SAMPLED, StopAfter, is_sampled
from remit.core.identity.credential import Credential
from remit.core.identity.person import is_among
from remit.core.intent import ActionIntentV1
from remit.core.values import Record, UtcTime, shifted

SHOWN_FOR = timedelta(days=30)
"""How long a sampled action is listed for people; it can be judged later as well."""
MOST_OF_A_REASON = 500
"""How much of a person's reason stands in that of a stop; all of it is in the answer's own entry."""


class Sample(Record, frozen=True):
    """A sampled action that nobody has judged yet, and until when it is listed."""

    action_intent_id: str
    account_id: str
    action_type: str
    ended_at: UtcTime
    shown_until: UtcTime

    @property
    def over_at(self) -> datetime:
        return self.shown_until

    @property
    def due_at(self) -> datetime:
        """By this a store finds it, over all tenants."""
        return self.shown_until

    def is_listed(self, now: datetime) -> bool:
        return now < self.shown_until


class SampleTally(Record, frozen=True):
    """
    The answers about one action type, or about what is charged to one limit of one account, principal or tenant: how
    many, and the numbers of the disagreements that still count.

    `counted_from` is the number of the answer that last stopped it: only later ones count towards the next stop.
    """

    action_type: str | None = None
    limit: str | None = None
    scope: str | None = None
    """Of a limit, whose it is: `account:north`, as its windows say it."""
    answered: int = 0
    disagreed: list[int] = []
    counted_from: int = 0


class LimitAnswer(Record, frozen=True):
    """
    An answer as it counts for a limit of one account, principal or tenant: `number` is its place among all about that,
    of which `disagreements` of the last `of_sampled` said no; `stopped` says that this one stopped what it is over.
    """

    limit: str
    scope: str
    number: int
    stopped: bool
    disagreements: int
    of_sampled: int


class SampleAnswer(Record, frozen=True):
    """
    A person's answer: was it right to run alone? The data of an `AUTONOMY_SAMPLED` entry.

    `number` is its place among all answers about its action type. Where the bounds say when to stop, `disagreements` is
    how many of the last `of_sampled` answers said no, with this one; `stopped` says that this one stopped the type.
    `limits` are those with `stop_after` that the action was charged to, where there are any.
    """

    action_type: str
    approval_id: str
    digest: str
    right: bool
    reason: str | None
    answered_by: str
    number: int
    stopped: bool
    disagreements: int | UnsetType = UNSET
    of_sampled: int | UnsetType = UNSET
    limits: list[LimitAnswer] | UnsetType = UNSET

    @property
    def of_limits(self) -> Sequence[LimitAnswer]:
        return () if self.limits is UNSET else self.limits

    @property
    def stops(self) -> list[str]:
        """The action type and limits that it stopped, in words."""
        limits = [f"limit {each.limit} of {each.scope.replace(':', ' ')}" for each in self.of_limits if each.stopped]
        return [*([self.action_type] if self.stopped else []), *limits]


class CountedAnswer(Struct, frozen=True):
    """An answer as it is counted, and the tally with it."""

    tally: SampleTally
    number: int
    stops: bool = False
    disagreements: int | UnsetType = UNSET
    of_sampled: int | UnsetType = UNSET


def count_answer(tally: SampleTally, right: bool, stop_after: StopAfter | None) -> CountedAnswer:
    """Count one more answer, by what the bounds say now of when to stop."""
    number = tally.answered + 1
    found = [*tally.disagreed, *([] if right else [number])]
    kept = tally.changed(answered=number, disagreed=[each for each in found if each > number - MOST_OF_SAMPLED])
    if stop_after is None:
        return CountedAnswer(kept, number)
    first = max(tally.counted_from, number - stop_after.of_sampled)
    disagreements = sum(each > first for each in found)
    stops = not right and disagreements >= stop_after.disagreements
    after = kept.changed(disagreed=[], counted_from=number) if stops else kept
    return CountedAnswer(after, number, stops, disagreements, number - first)


def sample_of(
    intent: ActionIntentV1, approval: Approval, status: OutcomeStatus, outcome_hash: str, now: datetime
) -> Sample | None:
    """
    The sample that people are shown of an action that ends now; `outcome_hash` is the hash of the entry that tells of
    it.
    """
    if not is_shown(approval.sample, status, outcome_hash):
        return None
    return Sample(
        action_intent_id=intent.action_intent_id,
        account_id=intent.account_id,
        action_type=intent.action_type,
        ended_at=now,
        shown_until=shifted(now, SHOWN_FOR),
    )


def is_shown(share: str | UnsetType, status: OutcomeStatus, outcome_hash: str) -> bool:
    """
    Are people shown an action afterwards whose approval carries this share? Never one that was cancelled: it did not
    run.
    """
    return share is not UNSET and status != "CANCELLED" and is_sampled(share, outcome_hash)


def judged_before(action_intent_id: str, earlier: SampleAnswer | None, right: bool) -> SampleAnswer | None:
    """The answer that was given already: the same again returns the first. Raises `Conflict` for another."""
    if earlier is not None and earlier.right is not right:
        said = "right" if earlier.right else "wrong"
        raise Conflict(f"{earlier.answered_by} said already that intent {action_intent_id!r} was {said}; that stands")
    return earlier


def check_may_judge(intent: ActionIntentV1, by: str, sampled: bool, own: Sequence[str]) -> None:
    """
    Refuse an answer that may not be given; `own` are the people whose own it is. The first row that applies:

    | the intent                                     | raises      |
    |------------------------------------------------|-------------|
    | is none that people are shown afterwards       | `Conflict`  |
    | is `by`'s own, and they have no say in it      | `Forbidden` |
    """
    if not sampled:
        problem = f"intent {intent.action_intent_id!r} is not among the automatic actions that people are shown"
        raise Conflict(f"{problem}; 'remit sampled' lists those")
    if is_among(by, own):
        raise Forbidden(f"intent {intent.action_intent_id!r} is {by}'s own, so somebody else has to judge it")


def answer_data(
    answer: SampleAnswer,
    credential: Credential,
    config_sequence: int,
    stop_after: StopAfter | None,
    of_limits: Sequence[StopAfter] = (),
) -> dict[str, Any]:
    """The data of an `AUTONOMY_SAMPLED` entry, with when its type says to stop, and each of its limits."""
    data = {**answer.wire(), "credential": credential.wire(), "config_sequence": config_sequence}
    if stop_after is not None:
        data["stop_after"] = stop_after.model_dump(mode="json")
    for limit, when in zip(data.get("limits", ()), of_limits, strict=True):
        limit["stop_after"] = when.model_dump(mode="json")
    return data


def why_stopped(action_intent_id: str, answer: SampleAnswer, counted_for: SampleAnswer | LimitAnswer) -> str:
    """The reason of a stop that an answer brought about, as it was counted for its type, or for a limit."""
    said = answer.reason or ""
    why = f": {said}" if len(said) <= MOST_OF_A_REASON else f": {said[:MOST_OF_A_REASON]}…"
    counted = f"{counted_for.disagreements} of the last {counted_for.of_sampled} sampled actions"
    if isinstance(counted_for, LimitAnswer):
        counted += f" of limit {counted_for.limit}"
    last = f"people disagreed with {counted}, the last of them {action_intent_id}, as {answer.answered_by} says"
    return last + (why if said else "")
