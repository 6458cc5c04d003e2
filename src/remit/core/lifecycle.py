"""
The life of an intent: its statuses, what may follow what, and what a case in each status waits for.

`Case` is where one intent stands. Whoever changes anything about an intent reads its case, checks
the table below, and writes the case again in the same write: that is what makes approve, reject,
edit, supersede, expire, start and release exclude each other.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal

from msgspec import UNSET

from remit.core.errors import Forbidden, InvalidInput, NotFound, NotInThatState
from remit.core.execution.approval import PUBLISH_AFTER, Publication
from remit.core.execution.outcome import ExecutionAttempt
from remit.core.gate.action_type import CALLER
from remit.core.gate.decision import INTENT_EXPIRED, Decision
from remit.core.intent import ActionIntentV1
from remit.core.ledger.entries import NO_CHAIN, Head
from remit.core.values import ApprovalSource, Record, UtcTime

Status = Literal[
    "PROPOSED",
    "AWAITING_APPROVAL",
    "BLOCKED",
    "REJECTED",
    "EXPIRED",
    "SUPERSEDED",
    "APPROVED",
    "RUNNING",
    "SUCCEEDED",
    "FAILED",
    "UNKNOWN",
    "CANCELLED",
    "WITHDRAWN",
]

FOLLOWS: dict[Status, frozenset[Status]] = {
    "PROPOSED": frozenset({"AWAITING_APPROVAL", "BLOCKED", "APPROVED", "EXPIRED", "WITHDRAWN"}),
    "AWAITING_APPROVAL": frozenset({"APPROVED", "REJECTED", "EXPIRED", "SUPERSEDED", "WITHDRAWN"}),
    "BLOCKED": frozenset({"APPROVED", "REJECTED", "EXPIRED", "SUPERSEDED", "WITHDRAWN"}),
    # Back to the queue when the bus refused the event and the charge was released.
    "APPROVED": frozenset({"RUNNING", "AWAITING_APPROVAL", "EXPIRED", "WITHDRAWN"}),
    "RUNNING": frozenset({"SUCCEEDED", "FAILED", "UNKNOWN", "CANCELLED"}),
    # A resolution: what was found out about an unknown outcome.
    "UNKNOWN": frozenset({"SUCCEEDED", "FAILED"}),
    "REJECTED": frozenset(),
    "EXPIRED": frozenset(),
    "SUPERSEDED": frozenset(),
    "SUCCEEDED": frozenset(),
    "FAILED": frozenset(),
    "CANCELLED": frozenset(),
    "WITHDRAWN": frozenset(),
}

_STEP_TO: dict[Status, str] = {
    "AWAITING_APPROVAL": "put back into the queue",
    "RUNNING": "started",
    **dict.fromkeys(("SUCCEEDED", "FAILED", "UNKNOWN", "CANCELLED"), "recorded"),
}
"""The word for a step in errors, where the status is not one."""

WAITING: frozenset[Status] = frozenset({"AWAITING_APPROVAL", "BLOCKED"})
"""In the review queue."""
UNANSWERED: frozenset[Status] = WAITING | {"PROPOSED"}
"""In the review queue, or on the way there for all that is known."""
MOVING: frozenset[Status] = frozenset({"PROPOSED", "APPROVED", "RUNNING"})
"""Remit itself has to do the next step."""

ENDED: frozenset[Status] = frozenset(status for status in FOLLOWS if status not in WAITING | MOVING)
"""Nothing is left for Remit to do; of what is `UNKNOWN`, a person may still find out."""

GATE_AFTER = PUBLISH_AFTER
"""The time that a proposal may wait for its proposer to gate it before Remit does."""
SOON_AGAIN = timedelta(minutes=2)
"""Within this most executions end."""

ExecutedBy = Literal["caller", "worker"]
Step = Literal["gate", "publish", "publish_again", "expire", "expire_begun", "lapse"]


class Case(Record, frozen=True):
    """
    One intent as it stands now.

    `due_at` is when Remit has to look at it again if nothing happens before; `None` if never.
    `chain` is the head of the intent's ledger chain; what stands in its entries stands nowhere else. `connector` is
    that of the tool which executes it, "" where there is none; `queued` says that a worker of this store may take it.
    `person_required` says that a person has to answer it: it is an edit, or takes the place of one, however often.
    `voted_by` are the people who have approved it while it waits for further ones: it is not theirs to answer now.
    `assigned_to` is whose card it is, where somebody said so.
    `waited_until` is until when somebody said to wait for it; `None` if nobody ever did.
    """

    tenant_id: str
    action_intent_id: str
    account_id: str
    action_type: str
    status: Status
    created_at: UtcTime
    updated_at: UtcTime
    expires_at: UtcTime
    due_at: UtcTime | None
    digest: str
    trace_id: str
    chain: Head
    proposed_by: str = ""
    edited_by: str | None = None
    person_required: bool = False
    reason: str | None = None
    approval_id: str | None = None
    approval_source: ApprovalSource | None = None
    published: bool = False
    superseded_by: str | None = None
    voted_by: list[str] = []
    assigned_to: str | None = None
    connector: str = ""
    queued: bool = False
    publication: Publication | None = None
    attempt: ExecutionAttempt | None = None
    waited_until: UtcTime | None = None

    def require(self, status: Status, step: str) -> None:
        """Raises `NotInThatState` unless the case may move on to `status`."""
        if status not in FOLLOWS[self.status]:
            raise NotInThatState(self.action_intent_id, self.status, step, self._hint())

    def require_waiting(self, step: str) -> None:
        """Raises `NotInThatState` unless a person may answer: only what is in the queue can be answered."""
        if self.status not in WAITING:
            raise NotInThatState(self.action_intent_id, self.status, step, self._hint())

    @property
    def can_be_approved(self) -> bool:
        """A person may say yes to it: it waits, and the bounds do not block it."""
        return self.status == "AWAITING_APPROVAL"

    @property
    def decided(self) -> bool:
        """The gate has made its decision, which is final; or never will, as its proposer took it back first."""
        return self.status != "PROPOSED"

    @property
    def leaving(self) -> bool:
        """It is approved, and its event is not out for all that is known."""
        return self.status == "APPROVED" and not self.published

    @property
    def expired(self) -> bool:
        return self.status == "EXPIRED"

    @property
    def executed_by(self) -> ExecutedBy | None:
        """Whoever carries it out; nobody does where it has no tool."""
        if not self.connector:
            return None
        return "caller" if self.by_caller else "worker"

    @property
    def by_caller(self) -> bool:
        """Its proposer executes it itself."""
        return self.connector == CALLER

    @property
    def moving(self) -> bool:
        """Remit itself has to do the next step: not so where an approval is due only when it expires."""
        return self.status in MOVING and not (self.status == "APPROVED" and self.due_at == self.expires_at)

    @property
    def first_due_at(self) -> datetime | None:
        """
        The moment when it was due as it was approved, of one that left and is due again soon after; else `None`.

        It is due at this moment or later: a store that finds what is due by an index need not move it there.
        """
        reserved = self.publication
        if reserved is None or reserved.not_before is not UNSET or not (self.published and self.moving):
            return None
        first = min(reserved.reserved_at + PUBLISH_AFTER, self.expires_at)
        soon = self.due_at is not None and first <= self.due_at < first + SOON_AGAIN
        return first if soon else None

    def _hint(self) -> str:
        return f"look at {self.superseded_by!r}, which replaced it" if self.superseded_by else ""


def new_case(
    intent: ActionIntentV1, now: datetime, *, connector: str, edited_by: str | None, replaced: Case | None
) -> Case:
    """
    The case that a proposal begins with; `edited_by` names the person whose edit it is, if it is one.

    What a person has edited stays with people, whatever its agent proposes in its place; that is nobody's edit.
    """
    return Case(
        tenant_id=intent.tenant_id,
        action_intent_id=intent.action_intent_id,
        account_id=intent.account_id,
        action_type=intent.action_type,
        status="PROPOSED",
        created_at=intent.created_at,
        updated_at=now,
        expires_at=intent.expires_at,
        due_at=due_in("PROPOSED", now=now, expires_at=intent.expires_at),
        digest=intent.digest,
        trace_id=intent.trace_id,
        chain=NO_CHAIN,
        proposed_by=intent.proposed_by,
        edited_by=edited_by,
        person_required=edited_by is not None or (replaced is not None and replaced.person_required),
        connector=connector,
    )


def after_gate(decision: Decision) -> Status:
    """
    The status in which a decision puts the case. The first row that applies:

    | the decision                        | the case is         |
    |-------------------------------------|---------------------|
    | says `AUTO_EXECUTED`                | `APPROVED`          |
    | has the reason `INTENT_EXPIRED`     | `EXPIRED`           |
    | had the policy say `BLOCK`          | `BLOCKED`           |
    | is any other                        | `AWAITING_APPROVAL` |
    """
    if decision.result == "AUTO_EXECUTED":
        return "APPROVED"
    if decision.reason == INTENT_EXPIRED:
        return "EXPIRED"
    return "BLOCKED" if decision.policy_decision == "BLOCK" else "AWAITING_APPROVAL"


def due_in(
    status: Status,
    *,
    now: datetime,
    expires_at: datetime,
    lease_until: datetime | None = None,
) -> datetime | None:
    """
    The moment when Remit has to look at a case again that enters `status` now.

    | status               | due                                         | to                                |
    |----------------------|---------------------------------------------|-----------------------------------|
    | `PROPOSED`           | soon                                        | gate it, if its proposer does not |
    | in the review queue  | when it expires                             | expire it                         |
    | `APPROVED`           | soon, and no later than when it expires     | publish it, or expire it          |
    | `RUNNING`            | when the attempt's lease runs out           | publish it again, or end it where |
    |                      |                                             | its caller did not finish         |
    | any other            | never                                       |                                   |
    """
    if status == "PROPOSED":
        return now + GATE_AFTER
    if status in WAITING:
        return expires_at
    if status == "APPROVED":
        return min(now + PUBLISH_AFTER, expires_at)
    if status == "RUNNING":
        return lease_until
    return None


def moved(case: Case, status: Status, *, now: datetime, lease_until: datetime | None = None) -> dict[str, Any]:
    """
    The fields of a case that change as it moves on to `status`.

    Raises `NotInThatState` where the table has no such way, so that whatever a step overlooks ends here.
    """
    case.require(status, _STEP_TO.get(status, status.lower()))
    changes = {
        "status": status,
        "due_at": due_in(status, now=now, expires_at=case.expires_at, lease_until=lease_until),
    }
    return changes | ({"queued": False} if status in ENDED else {})


def check_supersedes(old: Case | None, intent: ActionIntentV1, on_behalf_of: str | None = None) -> Case:
    """
    May `intent` take the place of `old`, which is on that principal's behalf? Only of one that still waits, of the same
    proposer, account and action type; what was on somebody's behalf stays so.

    A person's edit goes on under the proposer's name. Raises `NotFound`, `Forbidden`, `InvalidInput` or
    `NotInThatState`.
    """
    if old is None:
        raise NotFound("intent", intent.supersedes or "", intent.tenant_id)
    # First of all: whose it is not learns nothing of it.
    if old.proposed_by != intent.proposed_by:
        problem = f"intent {old.action_intent_id!r} was not proposed by {intent.proposed_by!r}"
        raise Forbidden(f"{problem}; only its proposer, or a person by editing it, puts another in its place")
    if on_behalf_of not in (None, intent.on_behalf_of):
        problem = f"intent {old.action_intent_id!r} is on another's behalf than this one"
        raise Forbidden(f"{problem}; propose this one as an intent of its own")
    for field in ("account_id", "action_type"):
        if getattr(old, field) != getattr(intent, field):
            way_out = f"propose it with {field} {getattr(old, field)!r}, or as an intent of its own"
            raise InvalidInput("supersedes", f"names an intent with another {field}", way_out)
    old.require_waiting("superseded")
    return old


def is_due(case: Case, now: datetime) -> bool:
    """
    Has Remit itself to look at a case now? The first row that applies:

    | the case                          | answer                   |
    |-----------------------------------|--------------------------|
    | is `APPROVED` and has expired     | yes                      |
    | is queued and has not expired     | no: it is a worker's     |
    | any other                         | once `due_at` has come   |
    """
    if case.expires_at <= now and case.status == "APPROVED":
        return True
    if case.queued and case.expires_at > now:
        return False
    return case.due_at is not None and case.due_at <= now


def waited_for(case: Case, until: datetime) -> Case:
    """The case with the mark that somebody waits until then, at least. What has ended stays as it is."""
    noted = case.waited_until is not None and case.waited_until >= until
    return case if noted or case.status in ENDED else case.changed(waited_until=until)


def due_step(case: Case, now: datetime) -> Step | None:
    """The step that Remit itself has to take about a case that is due; `None` if it is not."""
    if case.due_at is None or case.due_at > now:
        return None
    if case.status == "PROPOSED":
        return "gate"
    if case.status in WAITING or (case.status == "APPROVED" and case.expires_at <= now):
        return "expire"
    if case.status == "APPROVED" and case.leaving:
        return "publish"
    return _step_of_begun(case, now) if case.status in ("APPROVED", "RUNNING") else None


def _step_of_begun(case: Case, now: datetime) -> Step | None:
    """Of what is out, or runs: who takes queued work finds it, and a caller is told once."""
    if case.by_caller:
        return "lapse" if case.status == "RUNNING" else None
    if case.status == "RUNNING" and case.queued:
        # Its next call is a worker's to make; once it is over, nobody has to wait until its tool may be called.
        return "expire_begun" if case.expires_at <= now else None
    return "publish_again"
