"""
Fulfilment of an approval: may it be started, taken over, called, repeated, recorded, or given back?

Execution never decides again. Each rule looks at what is recorded and nothing else, so that a step which runs twice,
late, or in two places finds the row of its table that says to do nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from msgspec import Struct

from remit.core.execution.approval import Approval, Publication, PublicationStatus, held_until
from remit.core.execution.outcome import (
    ActionOutcomeV1,
    CallResult,
    Conclusion,
    ExecutionAttempt,
    FoundStatus,
    OutcomeStatus,
    Resolution,
    Retry,
    idempotency_key,
    lease,
)
from remit.core.gate.action_type import ActionTypeSpec, Tool
from remit.core.gate.autonomy import Stops, stop_in_force, stopped_for
from remit.core.intent import ActionIntentV1, digest_of_stored
from remit.core.lifecycle import Case
from remit.core.values import SYSTEM, ApprovalSource, instant

# --- who may act ---

Hold = Literal["nobody", "ours", "another", "lapsed", "ended"]
NOBODY = ""
"""The holder of an attempt that was given back: no run has this name."""


def hold_of(attempt: ExecutionAttempt | None, holder: str, approval_id: str, now: datetime) -> Hold:
    """
    The hold on an attempt, seen from one run of one worker.

    | attempt    | holder and approval | lease | hold      |
    |------------|---------------------|-------|-----------|
    | none       |                     |       | `nobody`  |
    | `RUNNING`  | this run's          | any   | `ours`    |
    | `RUNNING`  | another's           | lives | `another` |
    | `RUNNING`  | another's           | over  | `lapsed`  |
    | any other  | any                 | any   | `ended`   |
    """
    if attempt is None:
        return "nobody"
    if attempt.status != "RUNNING":
        return "ended"
    if (attempt.holder, attempt.approval_id) == (holder, approval_id):
        return "ours"
    return "another" if now < attempt.lease_until else "lapsed"


# --- start ---

Start = Literal["take", "publish and take", "take over", "nothing"]

FIRST_START: dict[PublicationStatus, Start] = {
    # The event came before its delivery was marked.
    "RESERVED": "publish and take",
    "PUBLISHED": "take",
    "RELEASED": "nothing",
}
LATER_START: dict[Hold, Start] = {
    # An engine whose answer to this step was lost asks again, for the run that took it.
    "ours": "take over",
    "lapsed": "take over",
    "another": "nothing",
    "ended": "nothing",
}


def may_start(hold: Hold, state: Publication | None, approval: Approval, now: datetime) -> Start:
    """
    The answer to a start: `FIRST_START` where nobody has begun, by the approval's state; else `LATER_START`.

    Without a state, or with that of another approval, nothing begins; nor while whoever approved it may take it back.
    """
    if hold != "nobody":
        return LATER_START[hold]
    if state is None or state.approval_id != approval.approval_id or held_until(approval, now):
        return "nothing"
    return FIRST_START[state.status]


def key_is_honoured(connector_always: bool, tool_says: bool) -> bool:
    """Does the far side act once, however often it is asked under one key? A connector knows, or the tool says so."""
    return connector_always or tool_says


def approval_matches(case: Case, intent: ActionIntentV1, approval: Approval) -> bool:
    """The approval is the one that the case rests on, and binds the intent as it is."""
    return case.approval_id == approval.approval_id and _binds(approval, intent)


def event_says(intent: ActionIntentV1, approval: Approval, data: Mapping[str, Any]) -> bool:
    """The event is not trusted by itself: it must say what the stored approval says, of the intent as it is."""
    return data.get("intent_digest") == approval.intent_digest and _binds(approval, intent)


def _binds(approval: Approval, intent: ActionIntentV1) -> bool:
    return (
        approval.action_intent_id == intent.action_intent_id
        and approval.intent_digest == intent.digest
        and digest_of_stored(intent.as_committed) == intent.digest
    )


def new_attempt(
    intent: ActionIntentV1,
    approval_id: str,
    tool: Tool | None,
    *,
    holder: str,
    now: datetime,
    until: datetime,
    key: str | None = None,
) -> ExecutionAttempt:
    """The one attempt of an intent, as it is taken; `key` is its idempotency key, where that is at hand."""
    return ExecutionAttempt(
        approval_id=approval_id,
        status="RUNNING",
        attempt_count=0,
        holder=holder,
        lease_until=until,
        invoking=False,
        in_doubt=False,
        tool=tool.name if tool else None,
        idempotency_key=key or idempotency_key(intent, tool),
        started_at=now,
    )


# --- preflight, and the mark before each call ---


class Refusal(Struct, frozen=True):
    """A reason why an approved action may not run any more."""

    code: str
    why: str


def forbidden(intent: ActionIntentV1, source: ApprovalSource, stops: Iterable[Stops], now: datetime) -> Refusal | None:
    """
    | the intent                                        | approved by `POLICY` | approved by `HUMAN` |
    |---------------------------------------------------|----------------------|---------------------|
    | has expired                                       | `INTENT_EXPIRED`     | `INTENT_EXPIRED`    |
    | is under a stop of level `everything`             | `AUTONOMY_STOPPED`   | `AUTONOMY_STOPPED`  |
    | is under a stop of level `autonomy`               | `AUTONOMY_STOPPED`   | may run             |
    | is under none                                     | may run              | may run             |
    """
    if now >= intent.expires_at:
        return Refusal("INTENT_EXPIRED", f"it expired at {instant(intent.expires_at)} before it ran")
    stop = stop_in_force(stops, intent)
    if stop is not None and stopped_for(source, stop):
        return Refusal("AUTONOMY_STOPPED", f"{stop.stopped_by} stopped {stop.scope} ({stop.level}): {stop.reason}")
    return None


def left_alone(spec: ActionTypeSpec | None, waited_until: datetime | None, now: datetime) -> Refusal | None:
    """
    | its type says `if_nobody_waits` | somebody waited | and still does | answer          |
    |---------------------------------|-----------------|----------------|-----------------|
    | `expire`                        | yes             | no             | `NOBODY_WAITS`  |
    | any other                       | any             | any            | may run         |

    Who never waited never left.
    """
    if spec is None or spec.if_nobody_waits != "expire" or waited_until is None or now < waited_until:
        return None
    return Refusal(
        "NOBODY_WAITS", f"whoever waited for it left at {instant(waited_until)}, and its type lets it expire"
    )


def before_call(
    attempt: ExecutionAttempt, hold: Hold, refusal: Refusal | None, *, marking: bool, calls_seen: int
) -> Literal["go on", "leave it"] | Conclusion:
    """
    May a run go on? If not, it leaves everything as it is, or the attempt ends.

    With `marking` the next thing is a call, decided on when `calls_seen` were marked.

    | the attempt                                              | refusal | answer      |
    |----------------------------------------------------------|---------|-------------|
    | is not ours                                              |         | leave it    |
    | is to be marked, and has an answer noted or another mark |         | leave it    |
    | has an answer noted: nothing will be called              |         | go on       |
    | any                                                      | no      | go on       |
    | has every call answered                                  | yes     | `CANCELLED` |
    | has a call without an answer                             | yes     | `UNKNOWN`   |

    An engine may run one step twice at once, both times for the run that holds the lease. Whoever comes second
    decided to call before it could see the other's mark.
    """
    if hold != "ours":
        return "leave it"
    if marking and (attempt.attempt_count != calls_seen or attempt.conclusion):
        return "leave it"
    if attempt.conclusion or refusal is None:
        return "go on"
    if attempt.unanswered:
        return Conclusion(status="UNKNOWN", result=in_doubt(attempt, refusal.why))
    cancelled = CallResult(acted="no", error_code=refusal.code, error_message=refusal.why)
    return Conclusion(status="CANCELLED", result=cancelled)


def marked(attempt: ExecutionAttempt, until: datetime) -> ExecutionAttempt:
    """Right before a call: from here on, no answer means that nobody knows."""
    return attempt.changed(
        lease_until=until, invoking=True, in_doubt=attempt.unanswered, attempt_count=attempt.attempt_count + 1
    )


def in_doubt(attempt: ExecutionAttempt, why: str) -> CallResult:
    """The result of an attempt of which a call stays without an answer."""
    last = attempt.last_error
    return CallResult(
        acted="unknown",
        error_code=(last and last.error_code) or "ANSWER_LOST",
        error_class=(last and last.error_class) or "UNKNOWN",
        error_message=f"nobody knows whether the far side acted: {why}",
    )


# --- the call ---


def concluded_before(attempt: ExecutionAttempt, *, honours_key: bool, max_attempts: int) -> Conclusion | None:
    """
    The conclusion of an earlier holder's calls; `None` if there may be another call.

    | an answer is noted | a call without an answer | key honoured, tries left | answer        |
    |--------------------|--------------------------|--------------------------|---------------|
    | yes                |                          |                          | what is noted |
    | no                 | no                       |                          | call          |
    | no                 | yes                      | yes                      | call          |
    | no                 | yes                      | no                       | `UNKNOWN`     |
    """
    if attempt.conclusion is not None:
        return attempt.conclusion
    if not attempt.unanswered or (honours_key and attempt.attempt_count < max_attempts):
        return None
    lost = in_doubt(attempt, "the worker that called was lost before its answer was recorded")
    return Conclusion(status="UNKNOWN", result=lost)


def noted(
    attempt: ExecutionAttempt, result: CallResult, follows: OutcomeStatus | Retry, until: datetime
) -> ExecutionAttempt:
    """
    The attempt with a call's answer; `follows` is what `after_call` says of it.

    An answer that ends it is noted as its conclusion: whoever takes over before the outcome is recorded must not
    call again.
    """
    concluded = {} if isinstance(follows, Retry) else {"conclusion": Conclusion(status=follows, result=result.known)}
    return attempt.changed(
        invoking=False,
        in_doubt=attempt.in_doubt or result.acted == "unknown",
        lease_until=until,
        last_error=_error_of(result),
        **concluded,
    )


def lease_after(follows: OutcomeStatus | Retry, now: datetime, seconds: float) -> datetime:
    """The lease from one step to the next, and for as long as a pause before the next call lasts."""
    return lease(now, seconds) + timedelta(seconds=follows.pause_s if isinstance(follows, Retry) else 0.0)


def _error_of(result: CallResult) -> CallResult | None:
    return None if result.acted == "yes" else result.changed(answer=None)


# --- the record ---


def outcome_of(result: CallResult) -> OutcomeStatus:
    """The outcome where a step says none itself: it was done, or it was not."""
    return "SUCCEEDED" if result.acted == "yes" else "FAILED"


def may_record(hold: Hold, result: CallResult) -> bool:
    """
    May this run write the outcome, where there is none yet?

    Whose the attempt is may; and a success that arrives after a take-over is still the truth about this intent.
    """
    return hold == "ours" or (hold != "nobody" and result.acted == "yes")


def conclusion(attempt: ExecutionAttempt, status: OutcomeStatus, result: CallResult) -> Conclusion:
    """
    The conclusion that is recorded when a run brings `status` and `result`. The first row that applies:

    | brought    | the attempt                      | recorded      |
    |------------|----------------------------------|---------------|
    | a success  | any                              | that          |
    | any other  | has an answer noted              | what is noted |
    | `FAILED`   | has a call without an answer     | `UNKNOWN`     |
    | any other  | any                              | that          |

    A failure beside a call does not answer that call.
    """
    if result.acted != "yes" and attempt.conclusion is not None:
        return attempt.conclusion
    if status == "FAILED" and attempt.unanswered:
        return Conclusion(status="UNKNOWN", result=in_doubt(attempt, result.error_message or "it could not go on"))
    return Conclusion(status=status, result=result)


def after_break(attempt: ExecutionAttempt, broke: CallResult, *, expired: bool) -> Conclusion | None:
    """
    The conclusion of an attempt whose engine gave a step up; `None` where it is left to the next delivery.

    | an answer is noted | a call without an answer | the intent has expired | answer        |
    |--------------------|--------------------------|------------------------|---------------|
    | yes                |                          |                        | what is noted |
    | no                 | yes                      |                        | `UNKNOWN`     |
    | no                 | no                       | yes                    | `CANCELLED`   |
    | no                 | no                       | no                     | none          |

    A step that broke says nothing about the far side: where nothing is in doubt, nothing has failed.
    """
    if attempt.conclusion is not None:
        return attempt.conclusion
    if attempt.unanswered:
        return Conclusion(status="UNKNOWN", result=in_doubt(attempt, broke.error_message or "a step broke"))
    return Conclusion(status="CANCELLED", result=broke) if expired else None


def left_to_another(attempt: ExecutionAttempt, broke: CallResult, now: datetime) -> ExecutionAttempt:
    """The attempt without a holder: whoever is delivered the approval next takes it over."""
    return attempt.changed(holder=NOBODY, lease_until=now, last_error=broke)


def ended(attempt: ExecutionAttempt, end: Conclusion) -> ExecutionAttempt:
    """The attempt when its outcome is recorded."""
    return attempt.changed(status=end.status, invoking=False, last_error=_error_of(end.result))


def gives_back(status: OutcomeStatus, approval: Approval) -> bool:
    """Policy's charge goes back for what never ran; what failed, or may have happened, keeps it."""
    return status == "CANCELLED" and approval.auto_executed


def found_late(
    outcome: ActionOutcomeV1, case: Case | None, attempt: ExecutionAttempt | None, result: CallResult, *, called: bool
) -> FoundStatus | None:
    """
    The finding that a result brings which comes after the outcome; `called` if a call of this run's brought it.

    | outcome and case | far side acted | came from a call | another call in doubt | finding     |
    |------------------|----------------|------------------|-----------------------|-------------|
    | both `UNKNOWN`   | yes            | any              | any                   | `SUCCEEDED` |
    | both `UNKNOWN`   | no             | yes              | no                    | `FAILED`    |
    | both `UNKNOWN`   | any other      |                  |                       | none        |
    | any other        |                |                  |                       | none        |

    That one call did nothing says that nothing happened only if no other call went unanswered.
    """
    if outcome.status != "UNKNOWN" or case is None or case.status != "UNKNOWN" or attempt is None:
        return None
    if result.acted == "yes":
        return "SUCCEEDED"
    return "FAILED" if result.acted == "no" and called and not attempt.in_doubt else None


def late_resolution(
    outcome: ActionOutcomeV1, found: FoundStatus, result: CallResult, now: datetime, *, by: str = SYSTEM
) -> Resolution:
    """The resolution of an unknown outcome by an answer that arrived late: the system's own, or its caller's."""
    return Resolution(
        action_intent_id=outcome.action_intent_id,
        tenant_id=outcome.tenant_id,
        status=found,
        resolved_by=by,
        resolved_at=now,
        note=result.error_message or "the far side's answer arrived late",
        external_object_refs=result.external_object_refs,
    )
