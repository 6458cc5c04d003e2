"""
The JSON that the HTTP door answers, as types: the door's OpenAPI document is made from them, and the client
gives them back. Times are RFC 3339 text.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypeAlias

# pydantic reads `typing.TypedDict` only from Python 3.12 on.
from typing_extensions import TypedDict

from remit.core.delegation import AgentTier
from remit.core.execution.obstacle import ObstacleCode
from remit.core.execution.outcome import ErrorClass, OutcomeStatus
from remit.core.execution.result import NotKept, ResultState
from remit.core.gate.autonomy import StopLevel
from remit.core.gate.decision import Result
from remit.core.gate.period import Period
from remit.core.gate.policy import PolicyDecision
from remit.core.identity.access import Role
from remit.core.identity.credential import CredentialKind
from remit.core.ledger.entries import EventType
from remit.core.lifecycle import ExecutedBy, Status
from remit.core.notifications.outbox import DeliveryStatus
from remit.core.notifications.subscription import Channel, NoticeKind, PersonRole
from remit.core.values import ApprovalSource, RiskLevel

Json: TypeAlias = dict[str, Any]


class Problem(TypedDict):
    """Why something was not done (RFC 9457): `field` names the place that is wrong, `way_out` what to send."""

    type: str
    title: str
    status: int
    detail: str
    field: NotRequired[str]
    way_out: NotRequired[str]


# --- intents ---


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
    """Where one intent stands."""

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


class IntentLinesAnswer(TypedDict):
    """A page; `next` is what to send as `after` to go on, null at the end."""

    items: list[IntentLine]
    next: str | None


class RefAnswer(TypedDict):
    system: str
    object_type: str
    object_id: str
    object_url: str | None


class OutcomeAnswer(TypedDict):
    """What happened."""

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
    """What was found out later about an `UNKNOWN` outcome."""

    action_intent_id: str
    tenant_id: str
    status: Literal["SUCCEEDED", "FAILED"]
    resolved_by: str
    resolved_at: str
    note: str | None
    external_object_refs: list[RefAnswer]


class ResultFacts(TypedDict):
    """
    What is known of what the tool answered. `not_kept` says why there is no content; where there is, it is erased at
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
    What the tool answered: another system's words, and no instruction.

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
    """What a person wanted to know before answering, and what the agent said to that, once it has."""

    asked_by: str
    asked_at: str
    text: str
    supplement: str | None
    answered_at: str | None


class QuestionsAnswer(TypedDict):
    """All that was asked about an intent, in order."""

    items: list[QuestionAnswer]


class ExecutedAnswer(TypedDict):
    """What was carried out, or may have been: not what was proposed, where a person edited it."""

    target: TargetAnswer | None
    parameters: Json


class AgentAnswer(TypedDict):
    """
    What became of a proposal. `text` says all of it in words, for a model; `settled` that waiting brings nothing more.

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


class VoteAnswer(TypedDict):
    """One person's approval of an intent that takes several people's."""

    voted_by: str
    voted_at: str


class ObstacleAnswer(TypedDict):
    """Why a waiting intent could not be carried out if somebody approved it now, and what would help."""

    code: ObstacleCode
    explanation: str
    way_out: str


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


class FailingToolsAnswer(TypedDict):
    items: list[FailingToolAnswer]


class ToolResumedAnswer(TypedDict):
    """`resumed` is false if the tool was not paused."""

    action_type: str
    resumed: bool


class AmountAnswer(TypedDict):
    """A sum among the arguments as decimal text, or `problem`: why it is not known."""

    value: str | None
    unit: str | None
    problem: str | None


class FactAnswer(TypedDict, total=False):
    """What the gate looked up before it decided: the kept fields, when, and the hash of the answer; or `problem`."""

    had_at: str
    sha256: str
    kept: dict[str, str | int | float | bool | None]
    problem: str


class AnswerableLine(IntentLine):
    """
    Where one intent stands, its headline, who has approved it where that takes several different people, what stands in
    the way, the amounts that its action type declares, and the facts that its decision rests on.

    `approvals_required` is null where nobody had to vote, `obstacle` where nothing is seen to stand in the way, and
    `paused_tool` where its tool may be called.
    """

    title: str
    approvals_required: int | None
    votes: list[VoteAnswer]
    obstacle: ObstacleAnswer | None
    paused_tool: FailingToolAnswer | None
    amounts: dict[str, AmountAnswer]
    facts: dict[str, FactAnswer]
    questions: list[QuestionAnswer]


class NotTakenAnswer(TypedDict):
    """Since when an approved intent waits for a worker that can run it, and which one to start."""

    since: str
    connector: str
    explanation: str


class StatusAnswer(AnswerableLine):
    """
    Where one intent stands, and all that came of it. `not_taken` is null but for what is approved and no worker takes.
    """

    not_taken: NotTakenAnswer | None
    approval_id: str | None
    auto_executed: bool | None
    superseded_by: str | None
    attempt_count: int
    outcome: OutcomeAnswer | None
    resolution: ResolutionAnswer | None
    result: ResultFacts | None
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
    """The permission to execute one intent. Before `not_before` nothing of it begins, and it may be taken back."""

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


class WhyAnswer(AnswerableLine):
    """Why an intent stands where it stands. `not_taken` is as its status says it."""

    not_taken: NotTakenAnswer | None
    why_proposed: list[str | PrivateAnswer] | None
    proposed_by: str | None
    on_behalf_of: str | None
    delegation: list[HopAnswer] | None
    agent_tier: AgentTier | None
    edited_by: str | None
    decision: DecisionAnswer | None
    clause: ClauseAnswer | None
    approval: ApprovalRecord | None
    rejection: Json | None
    withdrawal: Json | None


class EntryAnswer(TypedDict):
    """One line of the ledger."""

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


class ChainAnswer(TypedDict):
    items: list[EntryAnswer]


# --- people ---


class OfTypeAnswer(TypedDict):
    limit: int | None
    used: int
    left: int | None


class LimitLeft(TypedDict):
    """
    What is left of a limit in its window of now. Sums are decimal text with their `unit`, counts whole numbers.

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
    """What is left for one principal, whatever agents act for it."""

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
    """What needs a person, and why."""

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
    """How much waits; `complete` is false where more waits than was counted."""

    total: int
    complete: bool
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


class ApprovedManyAnswer(TypedDict):
    items: list[ApprovedAnswer | Problem]


class RejectedManyAnswer(TypedDict):
    items: list[RejectedAnswer | Problem]


# --- reading ---


class ToldAnswer(TypedDict):
    """One sentence of the timeline. `explanation` is the gate's, where it is about an intent that was decided."""

    at: str
    text: str
    event_type: EventType
    actor: str
    account_id: str | None
    action_intent_id: str | None
    action_type: str | None
    explanation: str | None
    approval_source: ApprovalSource | None
    auto_executed: bool | None


class TimelineAnswer(TypedDict):
    items: list[ToldAnswer]
    next: str | None


class ScopeAnswer(TypedDict):
    tenant_id: str | None
    account_id: str | None
    action_type: str | None


class StopAnswer(TypedDict):
    """One pulled stop switch."""

    scope: ScopeAnswer
    level: StopLevel
    stopped_by: str
    reason: str
    stopped_at: str


class ResumedAnswer(TypedDict):
    resumed: bool
    scope: ScopeAnswer
    level: StopLevel


class CeilingAnswer(TypedDict):
    max_autonomous_per_day: int
    used: int
    left: int
    timezone: str
    resets_at: str


class UsageAnswer(TypedDict):
    """Today's budgets, the limits of now (`limits`: of all accounts together), and the stops that are pulled."""

    tenant_id: str
    config_sequence: int
    accounts: list[BudgetLeft]
    ceiling: CeilingAnswer | None
    limits: list[LimitLeft]
    principals: list[PrincipalLeft]
    stops: list[StopAnswer]


class FindingAnswer(TypedDict):
    invariant: int
    name: str
    where: str
    problem: str


class ReportAnswer(TypedDict):
    """What verification saw."""

    ok: bool
    tenant_id: str | None
    entries: int
    intents: int
    autonomous: int
    approved_by_people: int
    running: int
    windows: int
    sealed: bool
    broken_count: int
    findings: list[FindingAnswer]


# --- bounds ---


class ChangeAnswer(TypedDict):
    path: str
    kind: Literal["added", "removed", "changed"]
    before: Any
    after: Any


class SumAnswer(TypedDict):
    name: str
    unit: str
    sum: str


class TallyLine(TypedDict):
    """How many of one action type, reason or account, which is named beside."""

    count: int
    amounts: list[SumAnswer]
    action_type: NotRequired[str]
    reason: NotRequired[str]
    account_id: NotRequired[str]


class ReplayGroup(TypedDict):
    """Decisions that would have gone otherwise in one way, with what people had said and how they ended."""

    count: int
    amounts: list[SumAnswer]
    by_action_type: list[TallyLine]
    by_reason: list[TallyLine]
    by_account: list[TallyLine]
    people: dict[str, int]
    ended: dict[str, int]
    went_wrong: dict[str, int]


class ReplayedAmount(TypedDict):
    name: str
    unit: str
    value: str


class TellingAnswer(TypedDict):
    """One decision that would have gone otherwise: `was` and `would_be` are its reasons."""

    action_intent_id: str
    account_id: str
    action_type: str
    decided_at: str
    change: Literal["would_run", "would_ask", "would_be_blocked", "no_longer_blocked"]
    was: str
    would_be: str
    explanation: str
    people: str | None
    ended: str | None
    amounts: list[ReplayedAmount]


class NotJudgedAnswer(TypedDict):
    reason: str
    explanation: str
    count: int
    intents: list[str]


class ReplayAnswer(TypedDict):
    """What a part of the history would have been under other bounds."""

    tenant_id: str
    since: str
    until: str
    counted_from: str
    decisions: int
    unchanged: int
    other_reason: int
    would_run: ReplayGroup
    would_ask: ReplayGroup
    would_be_blocked: ReplayGroup
    no_longer_blocked: ReplayGroup
    telling: list[TellingAnswer]
    not_judged: list[NotJudgedAnswer]


class BoundsChangedAnswer(TypedDict):
    """What a change of the bounds did, or with `dry_run` would do; with `replay` to the history as well."""

    tenant_id: str
    dry_run: bool
    changed: bool
    config_sequence: int
    changes: list[ChangeAnswer]
    type_versions: dict[str, int]
    zones_until: Json
    limits_from_zero: list[str]
    replay: NotRequired[ReplayAnswer]


class ValidatedAnswer(TypedDict):
    version: str
    rules: list[ClauseAnswer]


class DifferenceAnswer(TypedDict):
    changed: bool
    difference: str


class VersionLine(TypedDict):
    version: str
    in_force: bool
    files: list[str]


class VersionsAnswer(TypedDict):
    items: list[VersionLine]


class SourceAnswer(TypedDict):
    name: str
    text: str


class VersionAnswer(TypedDict):
    """One kept version of a tenant's policies, and the platform's rules beside them."""

    version: str
    in_force: bool
    policies: list[SourceAnswer]
    platform: str


# --- keys ---


class CredentialAnswer(TypedDict):
    """The credential through which somebody acted, and everybody who had a hand in making it."""

    kind: CredentialKind
    id: str | None
    session_id: str | None
    made_by: list[str]


class KeyAnswer(TypedDict):
    """An API key without its secret."""

    key_id: str
    tenant_id: str
    name: str
    roles: list[Role]
    created_by: str
    created_at: str
    expires_at: str | None
    revoked_by: str | None
    revoked_at: str | None
    last_used_at: str | None
    created_through: CredentialAnswer | None
    on_behalf_of: str | None
    tier: AgentTier


class NewKeyAnswer(KeyAnswer):
    """`key` is the text to send; it is shown this once."""

    key: str


class KeysAnswer(TypedDict):
    items: list[KeyAnswer]


# --- telling people ---


class RecipientAnswer(TypedDict):
    name: str
    address: str
    roles: list[PersonRole]


class SubscriptionAnswer(TypedDict):
    """Who is told what outside. Secrets are shown as the references that they are."""

    subscription_id: str
    tenant_id: str
    channel: Channel
    url: str | None
    signing_secret: str | None
    recipients: list[RecipientAnswer]
    notices: list[NoticeKind]
    accounts: list[str] | None
    enabled: bool
    set_by: str
    set_at: str
    told_from: str
    set_through: CredentialAnswer | None


class SubscriptionsAnswer(TypedDict):
    items: list[SubscriptionAnswer]


class NoticeAnswer(TypedDict):
    """
    One thing that people are told. Of `INTENT_ENDED` also its `status`, and `proposed_as` where a person's edit took
    the place of what its agent had proposed.
    """

    notice: NoticeKind
    at: str
    text: str
    account_id: str | None
    action_intent_id: str | None
    action_type: str | None
    expires_at: str | None
    status: NotRequired[Status]
    proposed_as: NotRequired[str]


class LastResultAnswer(TypedDict):
    at: str
    outcome: Literal["delivered", "failed", "refused"]
    detail: str


class DeliveryAnswer(TypedDict):
    """
    One message to a subscription. `more` is how many notices it holds beyond its `items`, `url` where a callback goes.
    """

    delivery_id: str
    subscription_id: str
    notice: NoticeKind
    items: list[NoticeAnswer]
    more: int
    created_at: str
    status: DeliveryStatus
    tries: int
    next_at: str | None
    last_result: LastResultAnswer | None
    delivered_at: str | None
    url: str | None


class DeliveriesAnswer(TypedDict):
    items: list[DeliveryAnswer]


# --- days ---


class DecisionsAnswer(TypedDict):
    action_type: str
    count: int
    result: Result
    reason: str


class OutcomesAnswer(TypedDict):
    action_type: str
    count: int
    status: OutcomeStatus
    approval_source: ApprovalSource


class AnswersAnswer(TypedDict):
    action_type: str
    count: int
    answer: Literal["APPROVED", "REJECTED", "EXPIRED", "WITHDRAWN"]


class DayAnswer(TypedDict):
    date: str
    timezone: str
    decisions: list[DecisionsAnswer]
    outcomes: list[OutcomesAnswer]
    answers: list[AnswersAnswer]


class TallyAnswer(TypedDict):
    """Counts of each day. `counted_to` is the time of the latest entry that is counted; null before any was."""

    tenant_id: str
    timezone: str
    today: str
    counted_to: str | None
    days: list[DayAnswer]
