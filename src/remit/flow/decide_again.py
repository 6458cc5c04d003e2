"""Decide again: what waits is looked at anew by the bounds as they are; where it runs, the same takes its place."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from remit.core.lifecycle import Status
from remit.core.proposal import Proposal
from remit.flow.context import Context
from remit.flow.facts import CallFacts
from remit.flow.gate import GateAnswer
from remit.flow.propose import DecidedAgainBy
from remit.flow.submit import SubmitIntent
from remit.ports import Snapshot, UnitOfWork, Writes

if TYPE_CHECKING:
    from remit.core.views import DecidedAgainAnswer


class DecidedAgain(Struct, frozen=True):
    """
    The gate's word on an intent that was looked at anew.

    Where it runs now, `superseded_by` is the intent that took its place and `status` is that one's. Where a person is
    asked again, nothing was written: it waits on as it did, and `reason` is the one of now.
    """

    action_intent_id: str
    superseded_by: str | None
    status: Status
    reason: str
    explanation: str

    def wire(self) -> DecidedAgainAnswer:
        return {
            "action_intent_id": self.action_intent_id,
            "superseded_by": self.superseded_by,
            "status": self.status,
            "reason": self.reason,
            "explanation": self.explanation,
        }


class DecideAgain:
    """
    The one write: what waits is superseded by the same, which is decided, charged and approved as any other.

    Votes, questions and the place in the queue are kept of what a person is asked about all the same.
    """

    def __init__(
        self, context: Context, proposal: Proposal, facts: CallFacts, again: DecidedAgainBy, now: datetime
    ) -> None:
        self._submit = SubmitIntent(context, proposal, facts, now, decided_again=again)
        self._replaces = proposal.supersedes or ""

    def unit(self) -> UnitOfWork[tuple[DecidedAgain, GateAnswer | None]]:
        unit = self._submit.unit()
        return UnitOfWork(unit.reads, self.decide, unit.then_reads, new=unit.new, may_lag=unit.may_lag)

    def decide(self, snapshot: Snapshot) -> Writes[tuple[DecidedAgain, GateAnswer | None]]:
        writes = self._submit.decide(snapshot)
        intent, answer = writes.answer
        if answer.result == "REQUIRE_APPROVAL":
            return Writes(answer=(self._still_asks(snapshot, answer), None))
        told = DecidedAgain(
            self._replaces, intent.action_intent_id, answer.status or "APPROVED", answer.reason, answer.explanation
        )
        return Writes((told, answer), writes.puts, writes.deletes, writes.entries)

    def _still_asks(self, snapshot: Snapshot, answer: GateAnswer) -> DecidedAgain:
        key = self._submit.propose.replaced_at
        case = snapshot.get(key) if key else None
        assert case is not None
        return DecidedAgain(self._replaces, None, case.status, answer.reason, answer.explanation)
