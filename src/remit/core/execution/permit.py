"""
Permits: who executes an action itself may act once, for as long as its lease says, and says what came of it.

The attempt record is the same as a worker's, and follows the same rules; here is what a caller's own steps add.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from remit.core.canonical import digest_of
from remit.core.errors import Conflict, InvalidInput, NotInThatState
from remit.core.execution.approval import held_until
from remit.core.execution.fulfilment import in_doubt
from remit.core.execution.outcome import (
    ActionOutcomeV1,
    CallResult,
    Conclusion,
    ErrorClass,
    ExecutionAttempt,
    ExternalObjectRef,
    OutcomeStatus,
    Resolution,
    storable,
)
from remit.core.execution.proposer import Proposer
from remit.core.execution.publication import may_expire
from remit.core.execution.result import ToolResult
from remit.core.gate.action_type import CALLER
from remit.core.intent import ActionIntentV1, Target
from remit.core.lifecycle import Case, Status
from remit.core.values import Record, UtcTime, check_text, instant

Acted = Literal["yes", "no", "unknown"]
OUTCOME_OF: Mapping[Acted, OutcomeStatus] = {"yes": "SUCCEEDED", "no": "FAILED", "unknown": "UNKNOWN"}
"""The outcome by whether the caller's tool acted."""
PERMIT_LAPSED = "PERMIT_LAPSED"
"""The error code of an outcome that nobody knows because whoever was permitted to act never said."""
LONGEST_KEY = 200
MOST_REFS = 100


class PermitRecord(Record, frozen=True):
    """
    The permission to act once: what to run, with what, and until when its outcome is awaited.

    `parameters` are what the action type's tool maps of the intent's own. A far side that honours an idempotency key is
    given this one.
    """

    action_intent_id: str
    approval_id: str
    account_id: str
    action_type: str
    target: Target | None
    parameters: dict[str, Any]
    digest: str
    idempotency_key: str
    lease_until: UtcTime


class Begun(Record, frozen=True):
    """
    The answer to a begin: a permit, or why there is none.

    `action_intent_id` is the intent that runs, or would: of one that was replaced, the newest. `ended_now` says that
    this begin found that it may not run.
    """

    action_intent_id: str
    status: Status
    explanation: str
    permit: PermitRecord | None = None
    outcome: ActionOutcomeV1 | None = None
    resolution: Resolution | None = None
    superseded_by: str | None = None
    ended_now: bool = False

    def wire(self) -> dict[str, Any]:
        """As JSON values, without what only this process needs to know."""
        shown = super().wire()
        del shown["ended_now"]
        return shown


class Finished(Record, frozen=True):
    """
    The status of an intent after its caller said what came of it.

    `recorded` is false where that had been recorded already, by whomever.
    """

    action_intent_id: str
    approval_id: str
    status: Status
    recorded: bool
    trace_id: str


# --- begin ---

Beginning = Literal["begin", "give again", "expire", "say"]


def holder_of(proposer: Proposer, key: str) -> str:
    """The holder of the attempt: the same for one credential that asks under one key, and nobody else's."""
    through = proposer.credential
    return f"caller/{digest_of([proposer.name, through.kind, through.id, key])}"


def check_key(key: str | None) -> None:
    """Raises `InvalidInput` for a caller's key that is none."""
    if key is not None and not key.strip():
        raise InvalidInput("key", "is empty", "send the id of the tool's call, or leave it out")
    check_text("key", key or "", most=LONGEST_KEY)


def may_begin(case: Case, holder: str, now: datetime) -> Beginning:
    """
    The answer to a begin. The first row that applies:

    | the intent                                             | answer       |
    |--------------------------------------------------------|--------------|
    | waits or is approved, is not started, and has expired  | `expire`     |
    | is approved, and that may still be taken back          | `say`        |
    | is approved and not started, and is its caller's       | `begin`      |
    | was begun by this holder, whose lease lives            | `give again` |
    | any other                                              | `say`        |

    There is one permit for good: whoever asks after it has lapsed, or under another key, is told what is recorded.
    """
    attempt = case.attempt
    if may_expire(case, attempt, now):
        return "expire"
    if attempt is None:
        held = held_until(case.publication, now) is not None
        return "begin" if case.status == "APPROVED" and case.by_caller and not held else "say"
    alive = attempt.status == "RUNNING" and now < attempt.lease_until
    return "give again" if alive and attempt.holder == holder else "say"


def check_is_callers(case: Case, connector: str) -> None:
    """Raises `Conflict` for an action that a worker executes, by its tool's connector: it must not run twice."""
    if not case.by_caller or connector != CALLER:
        how = f"by a worker (connector {connector!r})" if connector else "by nobody: it has no tool"
        raise Conflict(
            f"intent {case.action_intent_id!r} is executed {how}; give {case.action_type} a tool with connector "
            "'caller' to execute it yourself"
        )


def permit_of(intent: ActionIntentV1, attempt: ExecutionAttempt, parameters: dict[str, Any]) -> PermitRecord:
    return PermitRecord(
        action_intent_id=intent.action_intent_id,
        approval_id=attempt.approval_id,
        account_id=intent.account_id,
        action_type=intent.action_type,
        target=intent.target,
        parameters=parameters,
        digest=intent.digest,
        idempotency_key=attempt.idempotency_key,
        lease_until=attempt.lease_until,
    )


_TOLD: Mapping[Status, str] = {
    "PROPOSED": "it is not decided yet",
    "AWAITING_APPROVAL": "a person is asked about it; it must not run before somebody has approved it",
    "BLOCKED": "the bounds block it; it must not run",
    "REJECTED": "a person said no; it must not run",
    "EXPIRED": "it expired before it was begun; it must not run",
    "SUPERSEDED": "another one took its place; it must not run",
    "WITHDRAWN": "it was taken back; it must not run",
    "APPROVED": "it is approved and not begun",
    "RUNNING": "it was begun already, and its one permit is given; it must not run again",
    "SUCCEEDED": "it was done; it must not run again",
    "FAILED": "it was begun, and failed without acting; propose it anew to try again",
    "UNKNOWN": "it may have happened: it must not run again, a person finds out",
    "CANCELLED": "it was cancelled before it ran; it must not run",
}


def explained(case: Case, outcome: ActionOutcomeV1 | None, now: datetime) -> str:
    """The reason why there is no permit, in words that a model may read."""
    if case.status in ("APPROVED", "RUNNING") and not case.by_caller:
        return _not_its_callers(case)
    if case.status == "APPROVED" and (until := held_until(case.publication, now)) is not None:
        return f"it is approved, which may be taken back until {instant(until)}; begin it then"
    said = outcome.error_message if outcome is not None else None
    return f"{_TOLD[case.status]} ({said})" if said else _TOLD[case.status]


def _not_its_callers(case: Case) -> str:
    if case.executed_by is None:
        return "nobody executes it: it had no tool when it was proposed"
    return f"it is executed by a worker (connector {case.connector!r}); it must not run here, wait for its outcome"


# --- finish, renew and lapse ---


def check_permit(case: Case, approval_id: str, step: str) -> ExecutionAttempt:
    """
    The attempt that a permit stands for. Raises `NotInThatState` before it was begun, and `Conflict` for another's
    permit, or an action that a worker executes.
    """
    check_is_callers(case, case.connector)
    if case.attempt is None:
        raise NotInThatState(case.action_intent_id, case.status, step, "begin it first")
    if case.attempt.approval_id != approval_id:
        raise Conflict(f"intent {case.action_intent_id!r} was begun under another approval than {approval_id!r}")
    return case.attempt


def finish_result(
    acted: Acted,
    *,
    external_object_refs: Sequence[ExternalObjectRef] = (),
    error_code: str | None = None,
    error_class: ErrorClass | None = None,
    error_message: str | None = None,
    answer: ToolResult | None = None,
) -> CallResult:
    """The result that a caller reports. Raises `InvalidInput` for what is none."""
    if acted not in OUTCOME_OF:
        raise InvalidInput("acted", f"is {acted!r}", f"say one of {', '.join(OUTCOME_OF)}")
    if len(external_object_refs) > MOST_REFS:
        way_out = f"name at most {MOST_REFS}"
        raise InvalidInput("external_object_refs", f"are {len(external_object_refs)}", way_out)
    return storable(
        CallResult(
            acted=acted,
            external_object_refs=list(external_object_refs),
            error_code=error_code,
            error_class=error_class,
            error_message=error_message,
            answer=answer,
        )
    )


def renewed(attempt: ExecutionAttempt, until: datetime) -> ExecutionAttempt:
    """The attempt with its lease prolonged, never shortened."""
    return attempt.changed(lease_until=max(attempt.lease_until, until))


def has_lapsed(case: Case, now: datetime) -> bool:
    """Was it begun by its caller, who has not said what came of it in time?"""
    attempt = case.attempt
    return case.by_caller and case.status == "RUNNING" and attempt is not None and now >= attempt.lease_until


def lapsed(attempt: ExecutionAttempt) -> Conclusion:
    """The end of an attempt whose permit lapsed: nobody knows whether its caller acted."""
    result = in_doubt(attempt, "whoever was permitted to act did not say in time whether it did")
    return Conclusion(status="UNKNOWN", result=result.changed(error_code=PERMIT_LAPSED))
