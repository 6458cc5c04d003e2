"""The approval, the event that carries it, and its publication state."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal

from msgspec import UNSET, UnsetType
from msgspec.structs import asdict

from remit.core.canonical import canonical_plain
from remit.core.errors import InvalidInput, NotInThatState
from remit.core.gate.charging import Charge
from remit.core.identity.credential import Credential
from remit.core.intent import ActionIntentV1
from remit.core.values import ApprovalSource, Record, UtcTime, instant

PublicationStatus = Literal["RESERVED", "PUBLISHED", "RELEASED"]
DETAIL_TYPE = "ACTION_APPROVED"
DEFAULT_SOURCE = "remit"

STATE_TTL_DAYS = (30, 90)
"""The shortest and the longest life of a publication state after it is done."""

PUBLISH_AFTER = timedelta(seconds=3)
PUBLISH_AGAIN_AFTER = timedelta(seconds=30)
LONGEST_PUBLISH_PAUSE = timedelta(minutes=10)

UNDONE = "UNDONE"
"""Why an approval was released: whoever gave it took it back before anything began."""
LONGEST_UNDO = timedelta(minutes=1)


class Approval(Record, frozen=True):
    """
    The permission to execute one intent, bound to its digest: the data of an `ACTION_APPROVED` entry.

    Before `not_before` nothing is published or begun, and a person may take back what they approved. `sample` is the
    share of its type's automatic actions that people are shown afterwards, where the decision saw one.
    """

    approval_id: str
    tenant_id: str
    account_id: str
    action_intent_id: str
    approval_source: ApprovalSource
    auto_executed: bool
    approved_by: str
    approved_at: UtcTime
    intent_digest: str
    policy_version: str | None
    trace_id: str
    charges: list[Charge] = []
    not_before: UtcTime | UnsetType = UNSET
    sample: str | UnsetType = UNSET


class ApprovedData(Approval, frozen=True, kw_only=True):
    """An approval as its entry carries it: with its charges, and which state of the bounds it saw."""

    config_sequence: int
    approvers: list[str] | UnsetType = UNSET
    credential: Credential | UnsetType = UNSET

    def canonical(self) -> bytes:
        # Text, whole numbers, yes and no: nothing of the caller's parameters.
        return canonical_plain(self)


class PublishedData(Record, frozen=True):
    """The data of an `ACTION_PUBLISHED` entry."""

    approval_id: str

    def canonical(self) -> bytes:
        return canonical_plain(self)


class Publication(Record, frozen=True):
    """
    The progress of an approval on its way out; a part of the intent's case.

    Until `not_before` it stays where it is.
    """

    status: PublicationStatus
    approval_id: str
    approval_source: ApprovalSource
    reserved_at: UtcTime
    published_at: UtcTime | None = None
    released_at: UtcTime | None = None
    deliveries: int = 0
    expires_at: UtcTime | None = None
    not_before: UtcTime | UnsetType = UNSET

    @property
    def auto_executed(self) -> bool:
        return is_auto_executed(self.approval_source)


class AutoExecStateV1(Record, frozen=True):
    """The publication state of an intent's approval as a record of its own, `AUTO_EXEC_STATE#<action_intent_id>`."""

    state_key: str
    action_intent_id: str
    tenant_id: str
    status: PublicationStatus
    approval_id: str
    approval_source: ApprovalSource
    charges: list[Charge]
    reserved_at: UtcTime
    published_at: UtcTime | None
    released_at: UtcTime | None
    deliveries: int
    expires_at: UtcTime | None


def is_auto_executed(source: ApprovalSource) -> bool:
    """Policy approved it, and no person."""
    return source == "POLICY"


def state_key(action_intent_id: str) -> str:
    return f"AUTO_EXEC_STATE#{action_intent_id}"


def approve(
    intent: ActionIntentV1,
    source: ApprovalSource,
    *,
    approval_id: str,
    approved_by: str,
    policy_version: str | None,
    charges: list[Charge],
    now: datetime,
    undo_for: timedelta | None = None,
    sample: str | UnsetType = UNSET,
) -> Approval:
    """An approval of exactly what `intent` says; for `undo_for` it may be taken back, and nothing begins."""
    return Approval(
        approval_id=approval_id,
        tenant_id=intent.tenant_id,
        account_id=intent.account_id,
        action_intent_id=intent.action_intent_id,
        approval_source=source,
        auto_executed=is_auto_executed(source),
        approved_by=approved_by,
        approved_at=now,
        intent_digest=intent.digest,
        policy_version=policy_version,
        trace_id=intent.trace_id,
        charges=charges,
        not_before=_not_before(now, undo_for, intent.expires_at),
        sample=sample,
    )


def _not_before(now: datetime, undo_for: timedelta | None, expires_at: datetime) -> datetime | UnsetType:
    # What would expire meanwhile has no time to think it over.
    return now + undo_for if undo_for and now + undo_for < expires_at else UNSET


def check_undo_for(seconds: float) -> timedelta:
    """Raises `InvalidInput` for a time to think it over that nobody should wait for."""
    longest = LONGEST_UNDO.total_seconds()
    if type(seconds) not in (int, float) or not 0 <= seconds <= longest:
        raise InvalidInput("undo_for_s", f"is {seconds!r:.40}", f"choose 0 to {longest:g}")
    return timedelta(seconds=seconds)


def reserved(approval: Approval) -> Publication:
    """The publication that an approval begins with."""
    return Publication(
        status="RESERVED",
        approval_id=approval.approval_id,
        approval_source=approval.approval_source,
        reserved_at=approval.approved_at,
        not_before=approval.not_before,
    )


def held_until(approval: Approval | Publication | None, now: datetime) -> datetime | None:
    """The moment before which nothing of an approval leaves or begins, while that lies ahead."""
    not_before = approval.not_before if approval is not None else UNSET
    return not_before if not_before is not UNSET and now < not_before else None


def published(publication: Publication, *, expires_at: datetime, now: datetime, ttl_days: int) -> Publication:
    """
    Delivered once more. The first time it becomes `PUBLISHED`; it never goes back.

    Raises `NotInThatState` for a `RELEASED` one.
    """
    _refuse_released(publication, "published")
    return publication.changed(
        status="PUBLISHED",
        published_at=publication.published_at or now,
        deliveries=publication.deliveries + 1,
        expires_at=state_expiry(now, expires_at, ttl_days),
    )


def released(publication: Publication, *, expires_at: datetime, now: datetime, ttl_days: int) -> Publication:
    """Given back before it began. Raises `NotInThatState` the second time."""
    _refuse_released(publication, "released")
    return publication.changed(status="RELEASED", released_at=now, expires_at=state_expiry(now, expires_at, ttl_days))


def _refuse_released(publication: Publication, step: str) -> None:
    if publication.status == "RELEASED":
        raise NotInThatState(publication.approval_id, "RELEASED", step)


def auto_exec_state(approval: Approval, publication: Publication, now: datetime) -> AutoExecStateV1 | None:
    """The publication state as a record of its own; `None` when its time to live is over."""
    if publication.expires_at is not None and publication.expires_at <= now:
        return None
    return AutoExecStateV1(
        state_key=state_key(approval.action_intent_id),
        action_intent_id=approval.action_intent_id,
        tenant_id=approval.tenant_id,
        status=publication.status,
        approval_id=publication.approval_id,
        approval_source=publication.approval_source,
        charges=approval.charges,
        reserved_at=publication.reserved_at,
        published_at=publication.published_at,
        released_at=publication.released_at,
        deliveries=publication.deliveries,
        expires_at=publication.expires_at,
    )


def state_expiry(now: datetime, intent_expires_at: datetime, ttl_days: int) -> datetime:
    """The end of a done state: `ttl_days` from now, and never before the intent has expired."""
    return max(now + timedelta(days=ttl_days), intent_expires_at)


def check_ttl_days(days: int) -> int:
    """Raises `InvalidInput` outside 30 to 90."""
    shortest, longest = STATE_TTL_DAYS
    if not shortest <= days <= longest:
        raise InvalidInput("state_ttl_days", f"is {days}", f"choose {shortest} to {longest}")
    return days


def next_publish(deliveries: int) -> timedelta:
    """The pause before a published and unstarted approval is published again: doubling, at most ten minutes."""
    factor: int = 2 ** min(deliveries, 6)
    return min(PUBLISH_AGAIN_AFTER * factor, LONGEST_PUBLISH_PAUSE)


def event_data(approval: Approval) -> dict[str, Any]:
    """`detail.data` of the `ACTION_APPROVED` event."""
    return {
        "action_intent_id": approval.action_intent_id,
        "tenant_id": approval.tenant_id,
        "account_id": approval.account_id,
        "approval_source": approval.approval_source,
        "auto_executed": approval.auto_executed,
        "intent_digest": approval.intent_digest,
        "approval_id": approval.approval_id,
        "approved_by": approval.approved_by,
        "approved_at": instant(approval.approved_at),
        "policy_version": approval.policy_version,
        "trace_id": approval.trace_id,
    }


def approved_data(
    approval: Approval,
    config_sequence: int,
    *,
    approvers: list[str] | UnsetType = UNSET,
    credential: Credential | UnsetType = UNSET,
) -> ApprovedData:
    """The data of an `ACTION_APPROVED` entry; a person's has all `approvers`, and the last one's `credential`."""
    fields = asdict(approval)
    return ApprovedData(**fields, config_sequence=config_sequence, approvers=approvers, credential=credential)


def approved_event(approval: Approval, source: str = DEFAULT_SOURCE) -> dict[str, Any]:
    """The event as it goes on a bus."""
    return {"source": source, "detail_type": DETAIL_TYPE, "detail": {"data": event_data(approval)}}
