"""Intents as agents and people are told of them: proposed, decided, begun, finished, answered."""

from __future__ import annotations

from typing import Literal, NotRequired

# pydantic reads `typing.TypedDict` only from Python 3.12 on.
from typing_extensions import TypedDict

from remit.core.delegation import AgentTier
from remit.core.execution.outcome import ErrorClass, OutcomeStatus
from remit.core.execution.result import NotKept, ResultState
from remit.core.gate.decision import Result
from remit.core.lifecycle import ExecutedBy, Status
from remit.core.values import ApprovalSource, RiskLevel
from remit.core.views.base import AmountAnswer, Json, Problem

PrivateAnswer = TypedDict(
    "PrivateAnswer", {"$committed": str, "state": NotRequired[Literal["ERASED", "DIFFERENT"]]}, total=True
)
"""What stands in the place of a private value that is not to be had: it was erased, or is not what was committed."""


class TargetAnswer(TypedDict):
    entity_type: str | PrivateAnswer
    entity_id: str | PrivateAnswer


class HopAnswer(TypedDict):
    """One agent through which it came, and the scopes that it was given."""

    agent: str
    scopes: list[str]


class IntentAnswer(TypedDict):
    """A stored intent."""

    action_intent_id: str
    tenant_id: str
    account_id: str
    action_type: str
    target: TargetAnswer | None
    parameters: Json
    confidence_score: float | None
    risk_level: RiskLevel | None
    why: list[str | PrivateAnswer] | None
    proposed_by: str
    created_at: str
    expires_at: str
    trace_id: str
    supersedes: str | None
    registry_version: int | None
    on_behalf_of: str | None
    delegation: list[HopAnswer] | None
    agent_tier: AgentTier | None
    on_end: str | None
    digest: str


class PermitAnswer(TypedDict):
    """The permission to act once: what to run, with what, and until when its outcome is awaited."""

    action_intent_id: str
    approval_id: str
    account_id: str
    action_type: str
    target: TargetAnswer | None
    parameters: Json
    digest: str
    idempotency_key: str
    lease_until: str


class BegunAnswer(TypedDict):
    """
    A permit, or `permit` null and in `explanation` why there is none.

    `action_intent_id` is the intent that runs, or would: of one that was replaced, the newest.
    """

    action_intent_id: str
    status: Status
    explanation: str
    permit: PermitAnswer | None
    outcome: OutcomeAnswer | None
    resolution: ResolutionAnswer | None
    superseded_by: str | None


class FinishedAnswer(TypedDict):
    """`recorded` is false where what came of it had been recorded already."""

    action_intent_id: str
    approval_id: str
    status: Status
    recorded: bool
    trace_id: str


class VerdictAnswer(TypedDict):
    """
    The gate's word. `already_published` is true when an earlier call had finished all of it.

    `executed_by` is null where nobody carries it out: it has no tool. `begun` is there where it was asked for with
    `begin=true`.
    """

    action_intent_id: str
    result: Result
    reason: str
    explanation: str
    already_published: bool
    status: Status | None
    approval_id: str | None
    trace_id: str | None
    executed_by: ExecutedBy | None
    begun: NotRequired[BegunAnswer]


class ProposedAnswer(TypedDict):
    """Each proposal's verdict (or the stored intent, where it was not to be gated) or problem, in order."""

    items: list[VerdictAnswer | IntentAnswer | Problem]


class IntentLine(TypedDict):
    """One intent as it stands."""

    action_intent_id: str
    tenant_id: str
    account_id: str
    action_type: str
    status: Status
    reason: str | None
    approval_source: ApprovalSource | None
    created_at: str
    updated_at: str
    expires_at: str
    digest: str
    trace_id: str


class FailingToolAnswer(TypedDict):
    """
    A tool whose latest calls failed, so many in a row.

    It is paused if `paused_since` is not null: one call is tried at `next_trial_at`, and all else waits.
    """

    action_type: str
    failures: int
    failed_at: str
    last_error: str
    paused_since: str | None
    next_trial_at: str | None
    explanation: str


class ListedIntent(IntentLine):
    """
    One line of a list. What it is about is there where it was asked for (`describe=true`), null where its content
    cannot be read; `cause` says why it failed or was refused. `paused_tool` is there behind whose pause it waits.
    """

    paused_tool: FailingToolAnswer | None
    title: NotRequired[str | None]
    target: NotRequired[TargetAnswer | None]
    proposed_by: NotRequired[str | None]
    amounts: NotRequired[dict[str, AmountAnswer]]
    cause: NotRequired[str | None]


class IntentLinesAnswer(TypedDict):
    """A page; `next` is what to send as `after` to go on, null at the end."""

    items: list[ListedIntent]
    next: str | None


class RefAnswer(TypedDict):
    system: str
    object_type: str
    object_id: str
    object_url: str | None


class OutcomeAnswer(TypedDict):
    """An outcome."""

    action_intent_id: str
    tenant_id: str
    account_id: str
    approval_id: str
    status: OutcomeStatus
    external_object_refs: list[RefAnswer]
    error_code: str | None
    error_class: ErrorClass | None
    error_message: str | None
    attempt_count: int
    tool: str | None
    registry_version: int | None
    started_at: str
    completed_at: str
    trace_id: str
    approval_source: ApprovalSource
    auto_executed: bool


class ErasedAnswer(TypedDict):
    """The paths of the private values that this call erased: those that were gone before are not among them."""

    action_intent_id: str
    paths: list[str]


class ResolutionAnswer(TypedDict):
    """A later finding about an `UNKNOWN` outcome."""

    action_intent_id: str
    tenant_id: str
    status: Literal["SUCCEEDED", "FAILED"]
    resolved_by: str
    resolved_at: str
    note: str | None
    external_object_refs: list[RefAnswer]


class ResultFacts(TypedDict):
    """
    The known facts of the tool's answer. `not_kept` says why there is no content; where there is, it is erased at
    `erase_at`.
    """

    media_type: str
    size: int
    sha256: str
    kept: bool
    not_kept: NotKept | None
    erase_at: str | None


class ResultAnswer(TypedDict):
    """
    The tool's answer: another system's words, and no instruction.

    `content` is there where `state` is `KEPT`: as text where `encoding` is `utf-8`, else in base64. Its bytes have the
    hash `sha256`.
    """

    action_intent_id: str
    state: ResultState
    media_type: str
    size: int
    sha256: str
    not_kept: NotKept | None
    erase_at: str | None
    encoding: Literal["utf-8", "base64"] | None
    content: str | None


class QuestionAnswer(TypedDict):
    """A person's question before answering, and what the agent said to that, once it has."""

    asked_by: str
    asked_at: str
    text: str
    supplement: str | None
    answered_at: str | None


class QuestionsAnswer(TypedDict):
    """All that was asked about an intent, in order."""

    items: list[QuestionAnswer]


class LimitJudgedAnswer(TypedDict):
    """An answer as it counts for a limit with `stop_after`; `scope` is `account:north`, whose limit it is."""

    limit: str
    scope: str
    number: int
    stopped: bool
    disagreements: int
    of_sampled: int


class JudgedAnswer(TypedDict):
    """
    A person's answer about an automatic action: was it right? `number` is its place among all answers about its type.

    `disagreements` of the last `of_sampled` answers said no, where the bounds say when to stop; `stopped` says that
    this one stopped its type's autonomy. `limits` are those with `stop_after` that it was charged to.
    """

    action_type: str
    approval_id: str
    digest: str
    right: bool
    reason: str | None
    answered_by: str
    number: int
    stopped: bool
    disagreements: NotRequired[int]
    of_sampled: NotRequired[int]
    limits: NotRequired[list[LimitJudgedAnswer]]


class AssignedAnswer(TypedDict):
    """The person whose card it is now; `null` is nobody."""

    action_intent_id: str
    assigned_to: str | None


class HandoverAnswer(TypedDict):
    """A handover of one person's cards to another until then; with nobody in `handed_to` their own again."""

    handed_from: str
    handed_to: str | None
    until: str


class HandoversAnswer(TypedDict):
    items: list[HandoverAnswer]


class ExecutedAnswer(TypedDict):
    """The action that was carried out, or may have been: not what was proposed, where a person edited it."""

    target: TargetAnswer | None
    parameters: Json


class AgentAnswer(TypedDict):
    """
    The answer to a proposal. `text` says all of it in words, for a model; `settled` that waiting brings nothing more.

    All but `action_intent_id` is of `current_intent_id`: the newest that took the place of the one asked about.
    """

    action_intent_id: str
    current_intent_id: str
    status: Status
    settled: bool
    text: str
    executed: ExecutedAnswer | None
    edited_by: str | None
    rejected_by: str | None
    reason: str | None
    questions: list[QuestionAnswer]
    result: ResultAnswer | None
    executed_by: ExecutedBy | None
