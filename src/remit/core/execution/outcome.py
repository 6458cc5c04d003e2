"""Attempts, outcomes and error classes: what execution may do next, and what is written for good."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from msgspec import UNSET, Raw, UnsetType

from remit.core.canonical import canonical, canonical_plain, sha256_hex
from remit.core.execution.approval import Approval
from remit.core.execution.result import ToolResult
from remit.core.gate.action_type import Tool
from remit.core.gate.fact import Fact
from remit.core.intent import ActionIntentV1
from remit.core.ledger.entries import EventType
from remit.core.values import ApprovalSource, Record, UtcTime

AttemptStatus = Literal["RUNNING", "SUCCEEDED", "FAILED", "UNKNOWN", "CANCELLED"]
OutcomeStatus = Literal["SUCCEEDED", "FAILED", "UNKNOWN", "CANCELLED"]
FoundStatus = Literal["SUCCEEDED", "FAILED"]
"""A finding about an `UNKNOWN` outcome."""
ErrorClass = Literal["AUTH", "RATE_LIMIT", "VALIDATION", "DOWNSTREAM", "TIMEOUT", "UNKNOWN"]

LEASE_MARGIN = timedelta(seconds=5)
"""The time by which a call's lease outlasts the call's own time-out."""
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
LONGEST_MESSAGE = 2000
LEASE_LOST = "LEASE_LOST"
"""The error code of a call that was not sent, because its worker came too late."""


class ExternalObjectRef(Record, frozen=True):
    """One object of another system that the action made or touched."""

    system: str
    object_type: str
    object_id: str
    object_url: str | None = None


class CallResult(Record, frozen=True):
    """
    The result of one call to the far side.

    `acted` is whether the far side did it: `yes`, `no`, or `unknown` where the answer was lost. `answer` is what it
    said, with its content only on its way to being stored: `known` is what attempts and steps of an engine hold.
    """

    acted: Literal["yes", "no", "unknown"]
    external_object_refs: list[ExternalObjectRef] = []
    error_code: str | None = None
    error_class: ErrorClass | None = None
    error_message: str | None = None
    retry_after_s: float | None = None
    answer: ToolResult | None = None

    @property
    def known(self) -> CallResult:
        """The result without the content of the answer."""
        return self if self.answer is None else self.changed(answer=self.answer.known)


class Conclusion(Record, frozen=True):
    """The end that the last call came to, noted before the outcome is recorded: from here on nobody calls again."""

    status: OutcomeStatus
    result: CallResult


def storable(result: CallResult) -> CallResult:
    """The result with every text such that it can be written down: what the far side says may hold half a character."""
    said = result.changed(answer=None)
    try:
        whole = CallResult.from_json(said.to_json())
    except UnicodeEncodeError:
        whole = CallResult.from_wire(_whole(said.wire()))
    return whole.changed(answer=result.answer)


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {name: _whole(inner) for name, inner in value.items()}
    return [_whole(inner) for inner in value] if isinstance(value, list) else value


class ExecutionAttempt(Record, frozen=True):
    """
    The one attempt of an intent; whoever holds its lease, and nobody else, may act.

    `invoking` is set before each call and cleared by its answer: a mark without an answer means
    nobody knows. `in_doubt` stays set once any answer was lost. `rechecked` are the facts that were looked up again
    (`recheck`): those that the last mark rests on, or that kept a call from being made.
    """

    approval_id: str
    status: AttemptStatus
    attempt_count: int
    holder: str
    lease_until: UtcTime
    invoking: bool
    in_doubt: bool
    tool: str | None
    idempotency_key: str
    started_at: UtcTime
    last_error: CallResult | None = None
    conclusion: Conclusion | None = None
    rechecked: dict[str, Fact] | UnsetType = UNSET

    @property
    def unanswered(self) -> bool:
        """Some call was marked and its answer never noted: nobody knows whether the far side acted."""
        return self.in_doubt or self.invoking


class ActionOutcomeV1(Record, frozen=True):
    """The outcome of an action. Written once."""

    action_intent_id: str
    tenant_id: str
    account_id: str
    approval_id: str
    status: OutcomeStatus
    external_object_refs: list[ExternalObjectRef]
    error_code: str | None
    error_class: ErrorClass | None
    error_message: str | None
    attempt_count: int
    tool: str | None
    registry_version: int | None
    started_at: UtcTime
    completed_at: UtcTime
    trace_id: str
    approval_source: ApprovalSource
    auto_executed: bool


class StartedData(Record, frozen=True):
    """The data of an `EXECUTION_STARTED` entry."""

    approval_id: str
    digest: str
    approval_source: ApprovalSource
    auto_executed: bool
    config_sequence: int
    tool_hash: str | None
    outcome: None = None

    def canonical(self) -> bytes:
        # Text, a whole number, yes and no.
        return canonical_plain(self)


class EndedData(Record, frozen=True):
    """The data of the entry that tells an outcome; `result` is what the tool answered, without its content."""

    approval_id: str
    digest: str
    approval_source: ApprovalSource
    auto_executed: bool
    outcome: ActionOutcomeV1
    result: Mapping[str, Any] | UnsetType = UNSET
    rechecked: dict[str, Fact] | UnsetType = UNSET

    def canonical(self) -> bytes:
        # Text, whole numbers, yes and no; but for facts, which may be fractions.
        return canonical_plain(self) if self.rechecked is UNSET else canonical(self.wire())


class Resolution(Record, frozen=True):
    """A finding made later about an `UNKNOWN` outcome. Written once; the outcome stays as it was."""

    action_intent_id: str
    tenant_id: str
    status: FoundStatus
    resolved_by: str
    resolved_at: UtcTime
    note: str | None = None
    external_object_refs: list[ExternalObjectRef] = []


OUTCOME_EVENT: dict[OutcomeStatus, EventType] = {
    "SUCCEEDED": "ACTION_EXECUTED",
    "FAILED": "ACTION_FAILED",
    "UNKNOWN": "ACTION_UNKNOWN",
    "CANCELLED": "EXECUTION_CANCELLED",
}


class Retry(Record, frozen=True):
    """Call again after `pause_s`."""

    pause_s: float


def idempotency_key(intent: ActionIntentV1, tool: Tool | None) -> str:
    """SHA-256, lowercase hex: the same for every call of one intent, different for anything else."""
    # Of private parameters the commitments: the key stands in the attempt, and outlives the values.
    parameters = Raw(canonical(intent.as_committed.parameters))
    described = Raw(tool.canonical) if tool else None
    covered = [intent.tenant_id, intent.action_intent_id, described, parameters, intent.registry_version]
    return sha256_hex(canonical_plain(covered))


def tool_hash(tool: Tool | None) -> str | None:
    """SHA-256, lowercase hex, of the tool that is called, as its action type describes it."""
    return tool.sha256 if tool else None


def after_call(
    result: CallResult, *, attempt_count: int, max_attempts: int, honours_key: bool, in_doubt: bool
) -> OutcomeStatus | Retry:
    """
    The consequence of one call's result.

    A lost answer, and a time-out of any kind, is repeated only where the far side honours the key. What
    stays in doubt is `UNKNOWN`, whatever the last answer was: it speaks of the repeat, not of the call before.
    """
    if result.acted == "yes":
        return "SUCCEEDED"
    doubt = in_doubt or result.acted == "unknown"
    if doubt and not honours_key:
        return "UNKNOWN"
    repeatable = ("RATE_LIMIT", "DOWNSTREAM", "TIMEOUT") if honours_key else ("RATE_LIMIT", "DOWNSTREAM")
    again = result.error_class in repeatable
    if again and attempt_count < max_attempts:
        return Retry(pause_s=_pause(attempt_count, result.retry_after_s))
    return "UNKNOWN" if doubt else "FAILED"


def _pause(attempt_count: int, asked_for_s: float | None) -> float:
    own = FIRST_PAUSE_S * 2 ** min(attempt_count - 1, 10)
    return float(min(max(own, asked_for_s or 0.0), LONGEST_PAUSE_S))


def lease(now: datetime, seconds: float) -> datetime:
    """The end of the time in which the holder may act: the time it needs, and a margin."""
    return now + timedelta(seconds=seconds) + LEASE_MARGIN


def conclude(
    intent: ActionIntentV1,
    approval: Approval,
    attempt: ExecutionAttempt,
    status: OutcomeStatus,
    result: CallResult,
    now: datetime,
) -> ActionOutcomeV1:
    """The outcome that ends an attempt; `approval_source` and `auto_executed` are the approval's."""
    return ActionOutcomeV1(
        action_intent_id=intent.action_intent_id,
        tenant_id=intent.tenant_id,
        account_id=intent.account_id,
        approval_id=approval.approval_id,
        status=status,
        external_object_refs=result.external_object_refs,
        error_code=result.error_code,
        error_class=result.error_class,
        error_message=(result.error_message or "")[:LONGEST_MESSAGE] or None,
        attempt_count=attempt.attempt_count,
        tool=attempt.tool,
        registry_version=intent.registry_version,
        started_at=attempt.started_at,
        completed_at=now,
        trace_id=intent.trace_id,
        approval_source=approval.approval_source,
        auto_executed=approval.auto_executed,
    )
