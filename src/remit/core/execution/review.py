"""Review: who may approve, what may be approved, rejected or resolved, and what an answer given twice finds."""

from __future__ import annotations

from datetime import datetime
from typing import get_args

from remit.core.errors import Conflict, DigestChanged, Forbidden, InvalidInput, NotInThatState
from remit.core.execution.approval import Approval, held_until
from remit.core.execution.outcome import ActionOutcomeV1, FoundStatus, Resolution
from remit.core.execution.publication import is_reserved
from remit.core.execution.votes import may_not_approve
from remit.core.gate.bounds import BoundsInForce
from remit.core.gate.decision import block_now
from remit.core.gate.fact import Facts
from remit.core.identity.person import is_among, same_person
from remit.core.intent import ActionIntentV1
from remit.core.lifecycle import Case
from remit.core.values import instant


def approved_before(intent: ActionIntentV1, earlier: Approval | None, seen: str) -> Approval | None:
    """
    The approval that a person gave already: a second approve returns the first.

    Raises `DigestChanged` if the person saw another content than `intent`'s, whoever approved it.
    """
    if seen != intent.digest:
        raise DigestChanged(intent.action_intent_id, seen, intent.digest)
    return earlier if earlier is not None and earlier.approval_source == "HUMAN" else None


def check_may_approve(
    case: Case, intent: ActionIntentV1, bounds: BoundsInForce, by: str, now: datetime, facts: Facts
) -> None:
    """
    Refuse an approval that may not be given; `facts` are those that its decision recorded. The first row that applies:

    | the intent                                                              | raises           |
    |-------------------------------------------------------------------------|------------------|
    | is not in the review queue                                              | `NotInThatState` |
    | has expired                                                             | `Conflict`       |
    | is blocked by the bounds as they are now                                | `Conflict`       |
    | is `by`'s own, and the bounds give its own people no say in it          | `Forbidden`      |
    """
    case.require_waiting("approved")
    if now >= intent.expires_at:
        raise Conflict(f"intent {intent.action_intent_id!r} expired at {instant(intent.expires_at)}; propose it again")
    _refuse_blocked(intent, bounds, now, facts)
    if is_among(by, may_not_approve(intent, case.edited_by, bounds.bounds)):
        raise Forbidden(f"intent {intent.action_intent_id!r} is {by}'s own, so somebody else has to approve it")


def _refuse_blocked(intent: ActionIntentV1, bounds: BoundsInForce, now: datetime, facts: Facts) -> None:
    verdict = block_now(intent, bounds, now, facts)
    if verdict is not None:
        raise Conflict(
            f"intent {intent.action_intent_id!r} is blocked ({verdict.reason}): {verdict.explanation}; "
            "lift the block first"
        )


def check_may_reject(case: Case, seen: str | None) -> bool:
    """
    Refuse a rejection that may not be given; `seen` is the digest the person saw, where they say which.

    | the intent                        | answer                   |
    |-----------------------------------|--------------------------|
    | has another digest than was seen  | raises `Conflict`        |
    | is rejected already               | false: return that       |
    | is in the review queue            | true: reject it          |
    | is anything else                  | raises `NotInThatState`  |
    """
    if seen is not None and seen != case.digest:
        shown = f"intent {case.action_intent_id!r} has digest {case.digest[:12]}…"
        raise Conflict(f"{shown} and you saw {seen[:12]}…; look at it again")
    if case.status == "REJECTED":
        return False
    case.require_waiting("rejected")
    return True


def check_may_undo(case: Case, approval: Approval | None, by: str, now: datetime) -> Approval:
    """
    The approval that `by` may take back. The first row that applies:

    | the approval                                             | raises           |
    |----------------------------------------------------------|------------------|
    | is not in force                                          | `NotInThatState` |
    | is not `by`'s own                                        | `Forbidden`      |
    | has left or begun, or its time to be taken back is over  | `Conflict`       |
    """
    if approval is None or case.status != "APPROVED":
        raise NotInThatState(case.action_intent_id, case.status, "taken back")
    if approval.approval_source != "HUMAN" or not same_person(approval.approved_by, by):
        raise Forbidden(
            f"{approval.approved_by} approved intent {case.action_intent_id!r} and alone may take that back"
        )
    if case.attempt is not None or not is_reserved(case.publication) or not held_until(approval, now):
        raise Conflict(f"it is too late to take back the approval of intent {case.action_intent_id!r}: it is under way")
    return approval


def check_finding(status: str) -> None:
    """Raises `InvalidInput` for what no finding about an unknown outcome can be."""
    if status not in get_args(FoundStatus):
        raise InvalidInput("status", f"is {status!r}", f"say {' or '.join(get_args(FoundStatus))}")


def resolved_before(earlier: Resolution | None, status: FoundStatus) -> Resolution | None:
    """The resolution that said so already: the same finding again returns the first."""
    return earlier if earlier is not None and earlier.status == status else None


def check_may_resolve(
    case: Case, outcome: ActionOutcomeV1 | None, earlier: Resolution | None, status: FoundStatus
) -> ActionOutcomeV1:
    """
    The outcome that a finding resolves. Raises `NotInThatState` for one that is known, or was resolved otherwise.
    """
    if outcome is None or outcome.status != "UNKNOWN" or earlier is not None:
        raise NotInThatState(case.action_intent_id, case.status, "resolved")
    case.require(status, "resolved")
    return outcome
