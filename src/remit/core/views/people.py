"""The queue, what is left of budgets and limits, and what people answered."""

from __future__ import annotations

from typing import NotRequired

# pydantic reads `typing.TypedDict` only from Python 3.12 on.
from typing_extensions import TypedDict

from remit.core.delegation import AgentTier
from remit.core.gate.period import Period
from remit.core.lifecycle import Status
from remit.core.views.base import AmountAnswer, Json, Problem
from remit.core.views.decisions import AnswerableLine, ApprovalRecord, VoteAnswer
from remit.core.views.intents import HopAnswer, PrivateAnswer, RefAnswer, TargetAnswer


class OfTypeAnswer(TypedDict):
    limit: int | None
    used: int
    left: int | None


class LimitLeft(TypedDict):
    """
    The rest of a limit in its window of now. Sums are decimal text with their `unit`, counts whole numbers.

    One with `log_only` refuses nothing.
    """

    name: str
    per: Period
    unit: str | None
    limit: int | str
    used: int | str
    left: int | str
    action_types: list[str] | None
    log_only: bool
    timezone: str
    starts_at: str
    resets_at: str


class PrincipalLeft(TypedDict):
    """The rest for one principal, whatever agents act for it."""

    principal: str
    limits: list[LimitLeft]


class BudgetLeft(TypedDict):
    """One account's budget of today, and its limits of now."""

    account_id: str
    max_autonomous_per_day: int | None
    used: int
    left: int
    per_action_type: dict[str, OfTypeAnswer]
    timezone: str
    resets_at: str
    limits: list[LimitLeft]


class QueuedAnswer(AnswerableLine):
    """An intent that needs a person, and why."""

    explanation: str | None
    target: TargetAnswer | None
    parameters: Json | None
    confidence_score: float | None
    why: list[str | PrivateAnswer] | None
    proposed_by: str | None
    on_behalf_of: str | None
    delegation: list[HopAnswer] | None
    agent_tier: AgentTier | None
    edited_by: str | None
    registry_version: int | None
    budget: BudgetLeft


class QueueAnswer(TypedDict):
    items: list[QueuedAnswer]
    next: str | None


class ProposerGroup(TypedDict):
    proposed_by: str
    count: int


class ReasonGroup(TypedDict):
    reason: str
    count: int


class TypeGroup(TypedDict):
    action_type: str
    count: int


class AccountGroup(TypedDict):
    account_id: str
    count: int


class QueueGroupsAnswer(TypedDict):
    """
    The numbers of what waits, in all and of the largest groups of each kind; `assigned` is how much of it is the
    caller's.
    """

    total: int
    assigned: int
    by_proposer: list[ProposerGroup]
    by_reason: list[ReasonGroup]
    by_type: list[TypeGroup]
    by_account: list[AccountGroup]


class ApprovedAnswer(TypedDict):
    """`complete` is false while further approvers are asked for; then `votes` says who has approved, and when."""

    action_intent_id: str
    complete: bool
    approval: NotRequired[ApprovalRecord]
    approved_by: NotRequired[list[str]]
    approvals_required: NotRequired[int]
    votes: NotRequired[list[VoteAnswer]]


class RejectedAnswer(TypedDict):
    action_intent_id: str
    status: Status


class UndoneAnswer(TypedDict):
    action_intent_id: str
    status: Status


class WithdrawnAnswer(TypedDict):
    """The intent that was taken back: of one that was replaced, the newest."""

    action_intent_id: str
    status: Status


class DecidedAgainAnswer(TypedDict):
    """
    The gate's word of now on an intent that waits: where it runs, `superseded_by` is the intent that took its place,
    whose `status` it is; where a person is asked again, nothing was written and it waits on.
    """

    action_intent_id: str
    superseded_by: str | None
    status: Status
    reason: str
    explanation: str


class DecidedAgainManyAnswer(TypedDict):
    items: list[DecidedAgainAnswer | Problem]


class SampledAnswer(TypedDict):
    """
    An automatic action that people are shown afterwards and nobody judged yet: was it right? `shown_until` is when it
    leaves the list.
    """

    action_intent_id: str
    account_id: str
    action_type: str
    status: Status
    ended_at: str
    shown_until: str
    digest: str
    title: str | None
    target: TargetAnswer | None
    proposed_by: str | None
    amounts: dict[str, AmountAnswer]
    cause: str | None
    parameters: Json | None
    external_object_refs: list[RefAnswer]


class SampledManyAnswer(TypedDict):
    items: list[SampledAnswer]
    next: str | None


class ApprovedManyAnswer(TypedDict):
    items: list[ApprovedAnswer | Problem]


class RejectedManyAnswer(TypedDict):
    items: list[RejectedAnswer | Problem]
