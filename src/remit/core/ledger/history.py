"""One intent's chain, read as the records that its entries are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from remit.core.execution.approval import Approval
from remit.core.execution.outcome import OUTCOME_EVENT, ActionOutcomeV1, Resolution
from remit.core.execution.votes import Vote
from remit.core.gate.decision import Decision
from remit.core.intent import ActionIntentV1
from remit.core.ledger.entries import LedgerEntry
from remit.core.values import Record

R = TypeVar("R", bound=Record)
_OUTCOMES = frozenset(OUTCOME_EVENT.values())


class Votes(Record, frozen=True):
    """The people who have approved an intent that takes more than one approver, and the digest they saw."""

    digest: str
    approved_by: list[str]


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
        return IntentHistory((*self.entries, *entries))

    @property
    def intent(self) -> ActionIntentV1 | None:
        return self._record("intent", ActionIntentV1, "INTENT_PROPOSED")

    @property
    def decision(self) -> Decision | None:
        return self._record("decision", Decision, "GATE_DECIDED")

    def approval(self, approval_id: str) -> Approval | None:
        """The approval of that id; an intent may have had several, one after the other."""
        if approval_id not in self._found:
            found = (entry for entry in self._of("ACTION_APPROVED") if entry.data["approval_id"] == approval_id)
            entry = next(found, None)
            self._found[approval_id] = Approval.from_wire(entry.data) if entry else None
        approval: Approval | None = self._found[approval_id]
        return approval

    @property
    def outcome(self) -> ActionOutcomeV1 | None:
        if "outcome" not in self._found:
            ended = next((entry for entry in self.entries if entry.event_type in _OUTCOMES), None)
            self._found["outcome"] = ActionOutcomeV1.from_wire(ended.data["outcome"]) if ended else None
        outcome: ActionOutcomeV1 | None = self._found["outcome"]
        return outcome

    @property
    def resolution(self) -> Resolution | None:
        resolved = next(self._of("OUTCOME_RESOLVED"), None)
        return Resolution.from_wire(resolved.data["outcome"]) if resolved else None

    @property
    def votes(self) -> Votes | None:
        """The votes so far, in their order."""
        voted = [entry.data for entry in self._of("APPROVAL_VOTED")]
        return Votes(digest=voted[-1]["digest"], approved_by=[each["voted_by"] for each in voted]) if voted else None

    @property
    def ballots(self) -> list[Vote]:
        """Each vote so far with the credential it came through, in their order."""
        return [Vote.from_wire(entry.data) for entry in self._of("APPROVAL_VOTED")]

    @property
    def rejection(self) -> dict[str, Any] | None:
        """Who said no, and why."""
        return next((entry.data for entry in self._of("ACTION_REJECTED")), None)

    def _of(self, event_type: str) -> Iterator[LedgerEntry]:
        return (entry for entry in self.entries if entry.event_type == event_type)

    def _record(self, name: str, kind: type[R], event_type: str) -> R | None:
        if name not in self._found:
            entry = next(self._of(event_type), None)
            known = entry.record if entry else None
            self._found[name] = known if isinstance(known, kind) else entry and kind.from_wire(entry.data)
        record: R | None = self._found[name]
        return record
