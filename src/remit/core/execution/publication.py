"""
Publication of an approval: may it be delivered, delivered again, released or expired?

Until an attempt begins, publication and what undoes it exclude each other by the approval's state alone.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from remit.core.execution.approval import PUBLISH_AFTER, Publication, held_until, next_publish
from remit.core.execution.outcome import ExecutionAttempt
from remit.core.gate.action_type import FUNCTION
from remit.core.gate.decision import Decision
from remit.core.lifecycle import MOVING, WAITING, Case, Status
from remit.core.values import instant

if TYPE_CHECKING:
    from remit.core.views import NotTakenAnswer

UNFINISHED: frozenset[Status] = frozenset({"APPROVED", "RUNNING"})
"""Approved, and without an outcome."""


def is_reserved(state: Publication | None) -> bool:
    """
    Does the approval still have to leave?

    Without a state nothing is on its way: that is never a reason to decide or publish again.
    """
    return state is not None and state.status == "RESERVED"


def has_left(decision: Decision, case: Case) -> bool:
    """
    Has policy's approval been published?

    One that was released did not leave: a person is asked about it, whatever the gate once said.
    """
    return decision.approves and case.published


def may_publish(case: Case, state: Publication, now: datetime, *, again: bool) -> bool:
    """
    May the approval be delivered? `again` delivers once more what has been.

    | its state   | the intent           | first time | again |
    |-------------|----------------------|------------|-------|
    | is held     | any                  | no         | no    |
    | `RESERVED`  | any                  | yes        | yes   |
    | `PUBLISHED` | its caller's         | no         | no    |
    | `PUBLISHED` | without an outcome   | no         | yes   |
    | `PUBLISHED` | any other            | no         | no    |
    | `RELEASED`  | any                  | no         | no    |
    """
    if held_until(state, now):
        return False
    if is_reserved(state):
        return True
    return again and not case.by_caller and state.status == "PUBLISHED" and case.status in UNFINISHED


def due_when_published(case: Case, state: Publication, now: datetime) -> datetime | None:
    """The moment to look again at a case whose approval is delivered now; `state` is that from before."""
    if case.by_caller and case.status == "APPROVED":
        # Its caller is told once; from here on it is begun, or expires.
        return case.expires_at
    return _on_time(case, now + next_publish(state.deliveries)) if case.status in MOVING else case.due_at


def due_when_unconfirmed(case: Case, now: datetime) -> datetime | None:
    """
    The moment to look again at a case whose delivery nobody confirmed; as before, if it does not have to be put off.

    It goes to the end of the line: a bus that is down must not hold up what needs no bus.
    """
    if case.status not in UNFINISHED or case.due_at is None or case.due_at > now:
        return case.due_at
    return _on_time(case, now + PUBLISH_AFTER)


def _on_time(case: Case, at: datetime) -> datetime:
    # An expired approval has to be released on time; an attempt that runs has its own end.
    return min(at, case.expires_at) if case.status == "APPROVED" else at


def may_release_refused(state: Publication, attempt: ExecutionAttempt | None) -> bool:
    """Only what was never delivered and never began is released on refusal: an earlier delivery can still start."""
    return is_reserved(state) and attempt is None


def is_taken_by_workers(case: Case) -> bool:
    """Is an approval out, and without an outcome, that no caller executes itself?"""
    return case.published and case.status in UNFINISHED and not case.by_caller


NOT_TAKEN_AFTER = timedelta(seconds=10)
"""How long an approval that is out may wait for a worker before it is said: one that is there takes it at once."""


def not_taken_since(case: Case, now: datetime) -> datetime | None:
    """Since when an approval that is out waits and no worker has taken it; `None` if one has, or it is its caller's."""
    state = case.publication
    if case.status != "APPROVED" or case.by_caller or state is None or state.published_at is None:
        return None
    waits = case.published and now >= state.published_at + NOT_TAKEN_AFTER
    return state.published_at if waits else None


def not_taken(case: Case, now: datetime) -> NotTakenAnswer | None:
    """The time since which no worker took it, and a way out, as JSON values."""
    since = not_taken_since(case, now)
    if since is None:
        return None
    needed = f"a function for {case.action_type}" if case.connector == FUNCTION else f"the connector {case.connector!r}"
    start = "remit worker --import MODULE" if case.connector == FUNCTION else "remit worker"
    return {
        "since": instant(since),
        "connector": case.connector,
        "explanation": f"no worker has taken it since {instant(since)}; start one that has {needed} ({start})",
    }


# --- what nobody answered or started ---


def may_expire(case: Case, attempt: ExecutionAttempt | None, now: datetime) -> bool:
    """Expiry is for what is over, and neither answered nor begun: what waits for a person, and an approval."""
    unanswered = case.status in WAITING or case.status == "APPROVED"
    return unanswered and attempt is None and now >= case.expires_at


def gives_back_unstarted(case: Case) -> bool:
    """An approval that expires, or is withdrawn, has its charge given back; once."""
    state = case.publication
    return case.status == "APPROVED" and state is not None and state.status != "RELEASED"
