"""Decisions and all that is recorded of one intent: its status, why, and its chain."""

from __future__ import annotations

from typing import Literal, NotRequired

# pydantic reads `typing.TypedDict` only from Python 3.12 on.
from typing_extensions import TypedDict

from remit.core.delegation import AgentTier
from remit.core.execution.approval import PublicationStatus
from remit.core.execution.obstacle import ObstacleCode
from remit.core.gate.decision import Result
from remit.core.gate.policy import PolicyDecision
from remit.core.ledger.entries import EventType
from remit.core.values import ApprovalSource
from remit.core.views.base import AmountAnswer, Json
from remit.core.views.intents import (
    FailingToolAnswer,
    HopAnswer,
    IntentAnswer,
    IntentLine,
    JudgedAnswer,
    OutcomeAnswer,
    PrivateAnswer,
    QuestionAnswer,
    ResolutionAnswer,
    ResultFacts,
)


class VoteAnswer(TypedDict):
    """One person's approval of an intent that takes several people's."""

    voted_by: str
    voted_at: str


class ObstacleAnswer(TypedDict):
    """The cause why a waiting intent could not be carried out if somebody approved it now, and what would help."""

    code: ObstacleCode
    explanation: str
    way_out: str


class FailingToolsAnswer(TypedDict):
    items: list[FailingToolAnswer]


class ToolResumedAnswer(TypedDict):
    """`resumed` is false if the tool was not paused."""

    action_type: str
    resumed: bool


class FactAnswer(TypedDict, total=False):
    """
    A fact that the gate looked up before it decided: the kept fields, when, and the hash of the answer; or `problem`.
    """

    had_at: str
    sha256: str
    kept: dict[str, str | int | float | bool | None]
    problem: str


class AnswerableLine(IntentLine):
    """
    One intent as it stands, its headline, who has approved it where that takes several different people, what stands in
    the way, the amounts that its action type declares, the facts that its decision rests on, and the tool that carries
    it out as the bounds say it (null where none is registered).

    `approvals_required` is null where nobody had to vote, `obstacle` where nothing is seen to stand in the way, and
    `paused_tool` where its tool may be called.
    """

    title: str
    tool: str | None
    approvals_required: int | None
    votes: list[VoteAnswer]
    obstacle: ObstacleAnswer | None
    paused_tool: FailingToolAnswer | None
    amounts: dict[str, AmountAnswer]
    facts: dict[str, FactAnswer]
    questions: list[QuestionAnswer]
    assigned_to: str | None
    deputy: str | None


class NotTakenAnswer(TypedDict):
    """Since when an approved intent waits for a worker that can run it, and which one to start."""

    since: str
    connector: str
    explanation: str


class StatusAnswer(AnswerableLine):
    """
    One intent as it stands, and all that came of it. `not_taken` is null but for what is approved and no worker takes.
    `rechecked` are the facts that were looked up again right before its call, once its outcome is recorded.

    `sampled` says that people are shown it afterwards, and `sample_answer` what they said.
    """

    not_taken: NotTakenAnswer | None
    approval_id: str | None
    auto_executed: bool | None
    superseded_by: str | None
    attempt_count: int
    outcome: OutcomeAnswer | None
    resolution: ResolutionAnswer | None
    result: ResultFacts | None
    rechecked: dict[str, FactAnswer]
    sampled: bool
    sample_answer: JudgedAnswer | None
    intent: IntentAnswer | None


class ChargeAnswer(TypedDict):
    """
    One window that it was charged to. Sums are decimal text, counts whole numbers.

    What came later is absent in older approvals, each of which took one. `would_be_limit` is there where the limit only
    watches.
    """

    window_id: str
    limit: int | str | None
    used_after: int | str
    position: int
    unit: NotRequired[str | None]
    taken: NotRequired[int | str]
    starts_at: NotRequired[str]
    ends_at: NotRequired[str]
    would_be_limit: NotRequired[int | str]


class ApprovalRecord(TypedDict):
    """The permission to execute one intent. Before `not_before` nothing of it begins, and it may be taken back.

    `sample` is the share of its type's automatic actions that people are shown afterwards.
    """

    approval_id: str
    tenant_id: str
    account_id: str
    action_intent_id: str
    approval_source: ApprovalSource
    auto_executed: bool
    approved_by: str
    approved_at: str
    intent_digest: str
    policy_version: str | None
    trace_id: str
    charges: list[ChargeAnswer]
    not_before: NotRequired[str]
    sample: NotRequired[str]


class AutoExecStateAnswer(TypedDict):
    """
    The publication state of an intent's approval. It is over at `expires_at`, and not there from then on: beside an
    approval that means done.
    """

    state_key: str
    action_intent_id: str
    tenant_id: str
    status: PublicationStatus
    approval_id: str
    approval_source: ApprovalSource
    charges: list[ChargeAnswer]
    reserved_at: str
    published_at: str | None
    released_at: str | None
    deliveries: int
    expires_at: str | None


class CheckAnswer(TypedDict):
    check: str
    passed: bool
    saw: Json


class DecisionAnswer(TypedDict):
    """The gate's decision with every check it made."""

    action_intent_id: str
    tenant_id: str
    account_id: str
    result: Result
    reason: str
    explanation: str
    policy_decision: PolicyDecision | None
    policy_version: str
    policy_clause: str | None
    checks: list[CheckAnswer]
    config_sequence: int
    decided_at: str
    intent_digest: str
    facts: NotRequired[dict[str, FactAnswer]]


class ClauseAnswer(TypedDict):
    """One rule of a policy."""

    clause_id: str
    effect: PolicyDecision
    reason: str
    explanation: str
    text: str
    platform: bool


class LogOnlyAnswer(TypedDict):
    """A policy or limit that decides nothing: the reason that it would have given, or null if it would have none."""

    kind: Literal["policy", "limit"]
    name: str
    would_say: str | None
    explanation: str | None


class WhyAnswer(AnswerableLine):
    """
    The reasons for which an intent stands where it stands. `not_taken` is as its status says it; `log_only` is what
    would have been said by the policies and limits that decide nothing, and `rechecked` the facts as its status says
    them.
    """

    not_taken: NotTakenAnswer | None
    why_proposed: list[str | PrivateAnswer] | None
    proposed_by: str | None
    on_behalf_of: str | None
    delegation: list[HopAnswer] | None
    agent_tier: AgentTier | None
    edited_by: str | None
    decision: DecisionAnswer | None
    log_only: list[LogOnlyAnswer]
    rechecked: dict[str, FactAnswer]
    clause: ClauseAnswer | None
    approval: ApprovalRecord | None
    rejection: Json | None
    withdrawal: Json | None


class EntryAnswer(TypedDict):
    """One line of the ledger. `v` is its format; entries of the first have none."""

    entry_id: str
    tenant_id: str
    account_id: str | None
    action_intent_id: str | None
    sequence: int
    event_type: EventType
    actor: str
    at: str
    data: Json
    previous_hash: str | None
    hash: str
    v: NotRequired[int]


class ChainAnswer(TypedDict):
    items: list[EntryAnswer]
