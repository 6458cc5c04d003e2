"""
Records as the views that mirror them: the one place that says which view a record becomes on the wire.

A type checker reads the table below; `tests/core/test_views.py` holds the two of each pair against each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, overload

if TYPE_CHECKING:
    from remit.core.erasure import Erased
    from remit.core.execution.approval import Approval, AutoExecStateV1
    from remit.core.execution.assignment import Handover
    from remit.core.execution.obstacle import Obstacle
    from remit.core.execution.outcome import ActionOutcomeV1, ExternalObjectRef, Resolution
    from remit.core.execution.permit import Begun, Finished, PermitRecord
    from remit.core.execution.question import Question
    from remit.core.execution.sample import SampleAnswer
    from remit.core.gate.amount import Amount, AmountUnknown
    from remit.core.gate.autonomy import Stop, StopScope
    from remit.core.gate.bounds_diff import Difference
    from remit.core.gate.decision import Decision
    from remit.core.gate.fact import Fact
    from remit.core.gate.log_only import WouldHaveSaid
    from remit.core.gate.policy.source import Clause
    from remit.core.intent import ActionIntentV1
    from remit.core.ledger.entries import LedgerEntry
    from remit.core.ledger.history import TimedVote
    from remit.core.notifications.daily_counts import DailyCounts, Sums
    from remit.core.notifications.subscription import Subscription
    from remit.core.views import (
        AmountAnswer,
        ApprovalRecord,
        AutoExecStateAnswer,
        BegunAnswer,
        ChangeAnswer,
        ClauseAnswer,
        DayAnswer,
        DecisionAnswer,
        EntryAnswer,
        ErasedAnswer,
        FactAnswer,
        FinishedAnswer,
        HandoverAnswer,
        IntentAnswer,
        JudgedAnswer,
        LogOnlyAnswer,
        ObstacleAnswer,
        OutcomeAnswer,
        PermitAnswer,
        QuestionAnswer,
        RefAnswer,
        ResolutionAnswer,
        ScopeAnswer,
        StopAnswer,
        SubscriptionAnswer,
        SumsAnswer,
        VoteAnswer,
    )


class OnWire(Protocol):
    """A value that says itself as JSON values."""

    def wire(self) -> Mapping[str, Any]: ...


@overload
def view_of(record: None) -> None: ...
@overload
def view_of(record: ActionIntentV1) -> IntentAnswer: ...
@overload
def view_of(record: ActionOutcomeV1) -> OutcomeAnswer: ...
@overload
def view_of(record: Amount | AmountUnknown) -> AmountAnswer: ...
@overload
def view_of(record: Approval) -> ApprovalRecord: ...
@overload
def view_of(record: AutoExecStateV1) -> AutoExecStateAnswer: ...
@overload
def view_of(record: Begun) -> BegunAnswer: ...
@overload
def view_of(record: Clause) -> ClauseAnswer: ...
@overload
def view_of(record: DailyCounts) -> DayAnswer: ...
@overload
def view_of(record: Decision) -> DecisionAnswer: ...
@overload
def view_of(record: Difference) -> ChangeAnswer: ...
@overload
def view_of(record: Erased) -> ErasedAnswer: ...
@overload
def view_of(record: ExternalObjectRef) -> RefAnswer: ...
@overload
def view_of(record: Fact) -> FactAnswer: ...
@overload
def view_of(record: Finished) -> FinishedAnswer: ...
@overload
def view_of(record: Handover) -> HandoverAnswer: ...
@overload
def view_of(record: LedgerEntry) -> EntryAnswer: ...
@overload
def view_of(record: Obstacle) -> ObstacleAnswer: ...
@overload
def view_of(record: PermitRecord) -> PermitAnswer: ...
@overload
def view_of(record: Question) -> QuestionAnswer: ...
@overload
def view_of(record: Resolution) -> ResolutionAnswer: ...
@overload
def view_of(record: SampleAnswer) -> JudgedAnswer: ...
@overload
def view_of(record: Stop) -> StopAnswer: ...
@overload
def view_of(record: StopScope) -> ScopeAnswer: ...
@overload
def view_of(record: Subscription) -> SubscriptionAnswer: ...
@overload
def view_of(record: Sums) -> SumsAnswer: ...
@overload
def view_of(record: TimedVote) -> VoteAnswer: ...
@overload
def view_of(record: WouldHaveSaid) -> LogOnlyAnswer: ...
def view_of(record: OnWire | None) -> Any:
    """The JSON values of a record; `None` stays."""
    return record.wire() if record is not None else None
