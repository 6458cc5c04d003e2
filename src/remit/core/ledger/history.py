"""One intent's chain, read as the records that its entries are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, TypeVar

from remit.core.execution.approval import UNDONE, Approval
from remit.core.execution.outcome import OUTCOME_EVENT, ActionOutcomeV1, Resolution
from remit.core.execution.question import Question
from remit.core.execution.result import ToolResult
from remit.core.execution.sample import SampleAnswer, is_shown
from remit.core.execution.votes import Vote
from remit.core.gate.decision import Decision
from remit.core.gate.fact import NO_FACTS, Fact, Facts
from remit.core.intent import ActionIntentV1
from remit.core.ledger.entries import LedgerEntry
from remit.core.private_values import may_hold_commitments
from remit.core.values import Record, UtcTime

R = TypeVar("R", bound=Record)
_OUTCOMES = frozenset(OUTCOME_EVENT.values())
_TELL_RESULTS = _OUTCOMES | {"OUTCOME_RESOLVED"}
DECIDED_AGAIN = "DECIDED_AGAIN"
"""Why an intent was superseded, where the same was put in its place to be decided by other bounds."""
RESULT_CONTENT = "result"
"""The content that a `CONTENT_ERASED` entry speaks of, where it is the result."""


class TimedVote(Record, frozen=True):
    """One person's approval of an intent that takes more than one approver."""

    voted_by: str
    voted_at: UtcTime


class Votes(Record, frozen=True):
    """The people who have approved an intent that takes more than one approver, and the digest they saw."""

    digest: str
    approved_by: list[str]
    votes: list[TimedVote]
    approvals_required: int


class IntentHistory:
    """
    The entries of one intent's chain, from the first; each fact about the intent is one of them, and only there.

    A fact that has not happened is `None`. It grows only by the entries of a write, under the intent's case.
    """

    __slots__ = ("_found", "entries")

    def __init__(self, entries: Sequence[LedgerEntry]) -> None:
        self.entries = tuple(entries)
        self._found: dict[str, Any] = {}

    def after(self, entries: Sequence[LedgerEntry]) -> IntentHistory:
        """With these entries behind its own."""
        grown = IntentHistory((*self.entries, *entries))
        # What was found stays what it is; what has not happened may have by now.
        grown._found.update({name: found for name, found in self._found.items() if found is not None})
        return grown

    @property
    def intent(self) -> ActionIntentV1 | None:
        """As it stands in the ledger: what is private of it is a commitment."""
        return self._record("intent", ActionIntentV1, "INTENT_PROPOSED")

    @property
    def has_private_values(self) -> bool:
        """Does it have commitments for which values are kept elsewhere, or were?"""
        if "private" not in self._found:
            proposed = next(self._of("INTENT_PROPOSED"), None)
            # The first format knew of none: whatever looks like one there is the caller's own.
            self._found["private"] = proposed and proposed.v > 1 and may_hold_commitments(proposed.line)
        return bool(self._found["private"])

    @property
    def decision(self) -> Decision | None:
        return self._record("decision", Decision, "GATE_DECIDED")

    @property
    def facts(self) -> Facts:
        """Those that its decision recorded."""
        decision = self.decision
        return decision.facts if decision is not None else NO_FACTS

    def approval(self, approval_id: str) -> Approval | None:
        """The approval of that id; an intent may have had several, one after the other."""
        if approval_id not in self._found:
            approvals = (Approval.from_json(entry.data_json) for entry in self._of("ACTION_APPROVED"))
            self._found[approval_id] = next((each for each in approvals if each.approval_id == approval_id), None)
        approval: Approval | None = self._found[approval_id]
        return approval

    @property
    def ended(self) -> LedgerEntry | None:
        """The entry that tells its outcome."""
        return next((entry for entry in self.entries if entry.event_type in _OUTCOMES), None)

    @property
    def outcome(self) -> ActionOutcomeV1 | None:
        if "outcome" not in self._found:
            ended = self.ended
            self._found["outcome"] = ActionOutcomeV1.from_wire(ended.data["outcome"]) if ended else None
        outcome: ActionOutcomeV1 | None = self._found["outcome"]
        return outcome

    @property
    def is_sampled(self) -> bool:
        """Is it one of the automatic actions that people are shown afterwards?"""
        ended = self.ended
        approval = self.approval(ended.data["approval_id"]) if ended else None
        if ended is None or approval is None:
            return False
        return is_shown(approval.sample, ended.data["outcome"]["status"], ended.hash)

    @property
    def sample_answer(self) -> SampleAnswer | None:
        """The answer of whoever was shown it."""
        return self._record("sample_answer", SampleAnswer, "AUTONOMY_SAMPLED")

    @property
    def result(self) -> ToolResult | None:
        """The known facts of the tool's answer: told with the outcome, or with an answer that came late."""
        if "result" not in self._found:
            told = (entry.data.get("result") for entry in self.entries if entry.event_type in _TELL_RESULTS)
            facts = next(filter(None, told), None)
            self._found["result"] = ToolResult.of_facts(facts) if facts else None
        result: ToolResult | None = self._found["result"]
        return result

    @property
    def rechecked(self) -> Facts:
        """The facts that were looked up again before its call, where its type says so; told with the outcome."""
        ended = self.ended
        told = ended.data.get("rechecked", {}) if ended else {}
        return {name: Fact.from_wire(fact) for name, fact in told.items()}

    @property
    def questions(self) -> list[Question]:
        """People's questions to its agent, with what that said; a supplement answers all that is open."""
        found: list[Question] = []
        for entry in self.entries:
            at = datetime.fromisoformat(entry.at)
            if entry.event_type == "QUESTION_ASKED":
                found.append(Question(asked_by=entry.data["asked_by"], asked_at=at, text=entry.data["text"]))
            elif entry.event_type == "QUESTION_ANSWERED":
                said = {"supplement": entry.data["text"], "answered_at": at}
                found = [each if each.supplement is not None else each.changed(**said) for each in found]
        return found

    @property
    def assigned_to(self) -> str | None:
        """The person whose card it is, where somebody said so last."""
        said = next((entry for entry in reversed(self.entries) if entry.event_type == "CARD_ASSIGNED"), None)
        return said.data["assigned_to"] if said is not None else None

    @property
    def result_erased(self) -> bool:
        """Did somebody have the result erased before its time?"""
        return any(entry.data.get("content") == RESULT_CONTENT for entry in self._of("CONTENT_ERASED"))

    @property
    def resolution(self) -> Resolution | None:
        resolved = next(self._of("OUTCOME_RESOLVED"), None)
        return Resolution.from_wire(resolved.data["outcome"]) if resolved else None

    @property
    def votes(self) -> Votes | None:
        """The votes since it began to wait, in their order: an approval used up those before it."""
        return self._votes_before(None)

    def votes_for(self, approval_id: str) -> Votes | None:
        """The votes that an approval came of; `None` where one approver was enough."""
        return self._votes_before(approval_id)

    def _votes_before(self, approval_id: str | None) -> Votes | None:
        cast = self._cast_before(approval_id)
        return _votes(cast) if cast else None

    def _cast_before(self, approval_id: str | None) -> list[LedgerEntry]:
        cast: list[LedgerEntry] = []
        for entry in self.entries:
            if entry.event_type == "APPROVAL_VOTED":
                cast.append(entry)
            elif entry.event_type == "ACTION_APPROVED":
                if entry.data["approval_id"] == approval_id:
                    break
                cast = []
        return cast

    @property
    def ballots(self) -> list[Vote]:
        """Each vote since it began to wait with the credential it came through, in their order."""
        return [Vote.from_wire(entry.data) for entry in self._cast_before(None)]

    @property
    def decided_again(self) -> bool:
        """Did a person have it decided again, so that the same stands in its place?"""
        return any(entry.data.get("why") == DECIDED_AGAIN for entry in self._of("INTENT_SUPERSEDED"))

    @property
    def rejection(self) -> dict[str, Any] | None:
        """The rejection: who said no, and why."""
        return next((entry.data for entry in self._of("ACTION_REJECTED")), None)

    @property
    def withdrawal(self) -> dict[str, Any] | None:
        """By whom it was taken back, and why."""
        return next((entry.data for entry in self._of("INTENT_WITHDRAWN")), None)

    @property
    def undone(self) -> frozenset[str]:
        """The approvals that their approvers took back."""
        released = self._of("BUDGET_RELEASED")
        return frozenset(entry.data["approval_id"] for entry in released if entry.data["why"] == UNDONE)

    def _of(self, event_type: str) -> Iterator[LedgerEntry]:
        return (entry for entry in self.entries if entry.event_type == event_type)

    def _record(self, name: str, kind: type[R], event_type: str) -> R | None:
        if name not in self._found:
            entry = next(self._of(event_type), None)
            known = entry.record if entry else None
            self._found[name] = known if isinstance(known, kind) else entry and kind.from_json(entry.data_json)
        record: R | None = self._found[name]
        return record


def _votes(cast: Sequence[LedgerEntry]) -> Votes:
    last = cast[-1].data
    return Votes(
        digest=last["digest"],
        approved_by=[entry.data["voted_by"] for entry in cast],
        votes=[TimedVote(voted_by=entry.data["voted_by"], voted_at=datetime.fromisoformat(entry.at)) for entry in cast],
        approvals_required=last["votes_needed"],
    )
