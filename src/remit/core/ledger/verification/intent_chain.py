"""One intent's chain, read from its first entry: invariants 3, 4 and 5, and what it adds to 1, 2 and 8."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cached_property, partial

from msgspec import UNSET

from remit.core.erasure import PRIVATE_CONTENT
from remit.core.execution.approval import UNDONE
from remit.core.execution.result import ToolResult
from remit.core.execution.sample import SampleAnswer, is_shown
from remit.core.gate.charging import Charge
from remit.core.identity.person import same_person
from remit.core.ledger.verification.conversation import Conversation
from remit.core.ledger.verification.entry_data import (
    OUTCOME_EVENTS,
    SAYING_WRITER,
    Data,
    as_taken,
    charges_of,
    moment,
    names_bounds,
    of_kind,
    owner_of,
    seen_limits,
    source_of,
    window_ends,
    written_for_another,
)
from remit.core.ledger.verification.erasures import Erasures
from remit.core.ledger.verification.in_force import InForceChecks
from remit.core.ledger.verification.proposed_intent import KeptPrivate, ProposedIntent, nothing_kept
from remit.core.ledger.verification.report import Report
from remit.core.ledger.verification.samples import SampleAnswered, SampleAnswers
from remit.core.ledger.verification.successions import Successions
from remit.core.ledger.verification.tenant_chain import TenantChain
from remit.core.ledger.verification.windows import Charged, Windows


class IntentChain:
    """
    Reads one chain. Raises `KeyError`, `TypeError`, `ValueError` or `AttributeError` where an entry does not
    carry what its type carries.
    """

    def __init__(
        self,
        report: Report,
        windows: Windows,
        samples: SampleAnswers,
        own: TenantChain,
        where: str,
        successions: Successions,
        private: KeptPrivate = nothing_kept,
    ) -> None:
        self.report, self.windows, self.configs, self.where = report, windows, own.configs, where
        self.samples, self.successions, self.private = samples, successions, private
        # Without the chain itself in them: a circle would hold every entry until garbage is looked for.
        self.in_force = InForceChecks(own, partial(_broken_at, report, where, 8))
        self.proposed: Data = {}
        self.intent: Data = {}
        self.edited_by: str | None = None
        self.decision: Data = {}
        self.approvals: dict[str, Data] = {}
        self.published: set[str] = set()
        self.released: set[str] = set()
        self.started: dict[str, datetime] = {}
        self.ended: dict[str, Data] = {}
        self.shown: str | None = None
        """The approval of the automatic action that people are shown afterwards; `None` without one."""
        self.judged = self.resolved = False
        self.result: ToolResult | None = None
        self.closed: str | None = None

    # Few chains tell of either.
    @cached_property
    def erasures(self) -> Erasures:
        return Erasures(partial(_broken_at, self.report, self.where))

    @cached_property
    def conversation(self) -> Conversation:
        return Conversation(partial(_broken_at, self.report, self.where))

    def broken(self, invariant: int, problem: str) -> None:
        self.report.broken(invariant, self.where, problem)

    def read(self, chain: Sequence[Data]) -> None:
        if chain[0]["event_type"] != "INTENT_PROPOSED":
            self.broken(6, "its chain does not begin with the proposal")
            return
        self.proposed, self.intent = chain[0], chain[0]["data"]
        self.value = ProposedIntent(chain[0], self.private)
        self.successions.proposed(chain[0])
        for entry in chain[1:]:
            reader = _READERS.get(entry["event_type"])
            if reader is None:
                self.broken(6, f"an entry of type {entry['event_type']!r} has no place in an intent's chain")
            else:
                reader(self, entry["data"], entry)
                if entry["event_type"] in SAYING_WRITER and (problem := written_for_another(entry)) is not None:
                    self.broken(8, problem)
        self._check_digest()
        self._check_decision()
        self._check_ends()

    def gate_decided(self, data: Data, entry: Data) -> None:
        if self.decision:
            self.broken(3, "it was decided twice")
        if data["intent_digest"] != self.intent["digest"]:
            self.broken(4, "what was decided is not what it proposes")
        self.decision = data
        edits = [check for check in data["checks"] if check["check"] == "not_edited"]
        self.successions.decided(entry, edits)
        if names_bounds(entry):
            self.edited_by = edits[0]["saw"]["edited_by"] if edits else None
            self.in_force.decision(self.value.opened, self.proposed, data, entry)

    def action_approved(self, data: Data, entry: Data) -> None:
        by_policy = data["approval_source"] == "POLICY"
        self._check_source(data, by_policy)
        if data["intent_digest"] != self.intent["digest"]:
            self.broken(4, "what was approved is not what it proposes")
        if self.closed:
            self.broken(5, f"it was approved after {self.closed}")
        self.approvals[data["approval_id"]] = data
        self.report.autonomous += by_policy
        self.report.approved_by_people += not by_policy
        charges = charges_of(data)
        if by_policy != bool(charges):
            self.broken(1, "policy approved it and nothing was charged" if by_policy else "a person's approval charged")
        self._charge(charges, entry)
        if names_bounds(entry) and by_policy:
            self.in_force.approval_of_policy(self.value.stored, self.decision, charges, data, entry)
        elif names_bounds(entry):
            self.in_force.approval_of_people(self.value.opened, self.decision, self.edited_by, data, entry)

    def _check_source(self, data: Data, by_policy: bool) -> None:
        if self.approvals and set(self.approvals) - self.released:
            self.broken(3, "it was approved while another approval was in force")
        if data["approval_source"] not in ("POLICY", "HUMAN") or data["auto_executed"] is not by_policy:
            self.broken(3, "an approval's source and auto_executed do not agree")
        by_gate = self.decision.get("result") == "AUTO_EXECUTED" and not self.approvals
        if by_policy != by_gate:
            self.broken(3, f"the gate decided {self.decision.get('result')}, and {data['approval_source']} approved it")

    def _charge(self, charges: list[Charge], entry: Data) -> None:
        self._move(charges, +1)
        if not charges or self._charged_elsewhere(charges):
            return
        self.windows.charge(
            Charged(
                where=self.where,
                charges=charges,
                config=self.configs.get(self.decision["config_sequence"]) if self.decision else None,
                account_id=of_kind(str, self.intent["account_id"]),
                action_type=of_kind(str, self.intent["action_type"]),
                at=moment(entry["at"]),
                ends=window_ends(seen := seen_limits(self.decision)),
                intent=lambda: self.value.stored,
                seen=seen,
            )
        )

    def _charged_elsewhere(self, charges: list[Charge]) -> bool:
        own = f"account:{self.intent['account_id']}", f"principal:{self.intent.get('on_behalf_of')}", "tenant"
        others = {owner for charge in charges if (owner := owner_of(charge.window_id)) not in own}
        for owner in sorted(others):
            self.broken(7, f"it was charged to {owner}")
        return bool(others)

    def _move(self, charges: list[Charge], sign: int) -> None:
        for charge in charges:
            self.windows.move(charge, sign)

    def _check_not_held(self, data: Data, entry: Data, what: str) -> None:
        """Nothing leaves or begins while its approval may be taken back."""
        approval = self.approvals.get(data["approval_id"], {})
        if "not_before" in approval and moment(entry["at"]) < moment(approval["not_before"]):
            self.broken(5, f"its approval was {what} before it might have been")

    def _check_undo(self, approval: Data, entry: Data) -> None:
        """Only who approved it takes that back, in time, and nothing has left."""
        if not same_person(entry["actor"], approval["approved_by"]):
            self.broken(8, f"{entry['actor']} took back what {approval['approved_by']} had approved")
        if "not_before" not in approval or moment(entry["at"]) >= moment(approval["not_before"]):
            self.broken(5, "its approval was taken back when it was too late")
        if approval["approval_id"] in self.published:
            self.broken(5, "its approval was taken back after it had been published")

    def budget_released(self, data: Data, entry: Data) -> None:
        approval_id = data["approval_id"]
        approval = self.approvals.get(approval_id)
        if approval is None or approval_id in self.released:
            self.broken(5, "a charge was released that no approval in force had taken")
            return
        if data["approval_source"] != approval["approval_source"]:
            self.broken(3, "a release and its approval do not agree in approval_source")
        charges = charges_of(data)
        if list(map(as_taken, charges)) != list(map(as_taken, charges_of(approval))):
            self.broken(1, "a charge was released into another window than it was taken from, or another one was")
        if data["why"] == UNDONE:
            self._check_undo(approval, entry)
        self.released.add(approval_id)
        self._move(charges, -1)

    def approval_voted(self, data: Data, entry: Data) -> None:
        if data["digest"] != self.intent["digest"]:
            self.broken(4, "somebody voted for something else than it proposes")
        self.in_force.vote(self.value.opened, self.edited_by, data, entry)

    def action_published(self, data: Data, entry: Data) -> None:
        if data["approval_id"] not in self.approvals:
            self.broken(5, "something was published that nobody approved")
        if data["approval_id"] in self.released:
            self.broken(5, "an approval was published that had been released")
        if names_bounds(entry) and data["approval_id"] in self.published:
            self.broken(5, "its approval was published twice")
        self._check_not_held(data, entry, "published")
        self.published.add(data["approval_id"])

    def closing(self, _: Data, entry: Data) -> None:
        """Rejected, superseded, expired or withdrawn: never begun, and whatever approved it was given back."""
        self.closed = entry["event_type"]
        if self.started:
            self.broken(5, f"{self.closed} stands after its execution was started")
        if set(self.approvals) - self.released:
            self.broken(5, f"{self.closed} stands after an approval that is in force")

    def superseded(self, data: Data, entry: Data) -> None:
        self.successions.superseded(entry)
        self.closing(data, entry)

    def rejected(self, data: Data, entry: Data) -> None:
        if names_bounds(entry) and data["digest"] != self.intent["digest"]:
            self.broken(4, "what was rejected is not what it proposes")
        self.closing(data, entry)

    def withdrawn(self, data: Data, entry: Data) -> None:
        """Only its proposer takes it back."""
        if data["digest"] != self.intent["digest"]:
            self.broken(4, "what was taken back is not what it proposes")
        for name in sorted({entry["actor"], data["withdrawn_by"]} - {self.intent["proposed_by"]}):
            self.broken(8, f"{name} took back what {self.intent['proposed_by']} had proposed")
        self.closing(data, entry)

    def execution_started(self, data: Data, entry: Data) -> None:
        approval_id = data["approval_id"]
        if self._execution_of(data) is None:
            return
        if approval_id not in self.published:
            self.broken(5, "it was executed on an approval that was never published")
        if approval_id in self.released:
            self.broken(5, "it was executed on an approval that had been released")
        if self.started:
            self.broken(3, "its execution was started twice")
        self._check_not_held(data, entry, "begun")
        self.started[approval_id] = datetime.fromisoformat(entry["at"])
        if names_bounds(entry):
            self.in_force.start(self.value.opened, data, entry)

    def outcome(self, data: Data, entry: Data) -> None:
        if self.ended:
            self.broken(3, "it has more than one outcome")
        approval, outcome = self._execution_of(data), data["outcome"]
        if approval is None:
            return
        if (outcome["approval_source"], outcome["auto_executed"]) != source_of(approval):
            self.broken(3, "its outcome and its approval do not agree in approval_source or auto_executed")
        if outcome["approval_id"] != data["approval_id"]:
            self.broken(3, "its outcome names another approval than its entry")
        if outcome["status"] != OUTCOME_EVENTS[entry["event_type"]]:
            self.broken(3, f"its outcome says {outcome['status']}, its entry {entry['event_type']}")
        if data["approval_id"] not in self.started:
            self.broken(5, "it has an outcome and was never started")
        if data["approval_id"] in self.released:
            self.broken(5, "it has an outcome after its approval was released")
        self.ended[data["approval_id"]] = outcome
        if names_bounds(entry) and data["approval_id"] in self.started:
            started_at = self.started[data["approval_id"]]
            self.in_force.outcome(self.value.opened, self.decision, started_at, data, entry)
        self._read_result(data, entry)
        if is_shown(approval.get("sample", UNSET), outcome["status"], entry["hash"]):
            self.shown = data["approval_id"]

    def autonomy_sampled(self, data: Data, entry: Data) -> None:
        """Answered once, by somebody whose own it is not, about an action that people are shown."""
        answer = SampleAnswer.from_wire(data)
        if self.judged:
            self.broken(8, "whether it was right was answered twice")
        self.judged = True
        if self.shown is None or (answer.approval_id, answer.action_type) != (self.shown, self.intent["action_type"]):
            self.broken(8, "whether it was right was answered, and it is none that people are shown")
        if answer.digest != self.intent["digest"]:
            self.broken(4, "what was judged is not what it proposes")
        charges = charges_of(self.approvals.get(answer.approval_id, {"charges": ()}))
        stop_after, limits = self.in_force.judged(self.value.opened, self.edited_by, charges, data, entry)
        self.samples.add(SampleAnswered.of_type(self.where, entry, self.value.opened, answer, stop_after))
        for limit, counted in zip(limits, answer.of_limits, strict=False):
            self.samples.add(SampleAnswered.of_limit(self.where, entry, answer, counted, limit))

    def _read_result(self, data: Data, entry: Data) -> None:
        if "result" not in data:
            return
        if self.result is not None:
            self.broken(3, "it has more than one result")
        self.result = ToolResult.of_facts(data["result"])
        if names_bounds(entry):
            self.in_force.result(self.value.opened, self.result, entry)

    def card_assigned(self, data: Data, entry: Data) -> None:
        self.conversation.assigned(data, entry, self.intent, waits=self._waits)

    def question_asked(self, data: Data, _: Data) -> None:
        self.conversation.asked(data, self.intent, waits=self._waits)

    def question_answered(self, data: Data, entry: Data) -> None:
        self.conversation.answered(data, entry, self.intent, waits=self._waits)

    @property
    def _waits(self) -> bool:
        return not self.closed and not set(self.approvals) - self.released

    def content_erased(self, data: Data, entry: Data) -> None:
        if data["erased_by"] != entry["actor"]:
            self.broken(8, f"{entry['actor']} wrote that {data['erased_by']} erased something")
        if data["content"] == PRIVATE_CONTENT:
            self.erasures.values(data["paths"], self.value.private_paths)
        else:
            self.erasures.content(data, self.result)

    def outcome_resolved(self, data: Data, entry: Data) -> None:
        ended = self.ended.get(data["approval_id"])
        if self._execution_of(data) is None:
            return
        if ended is None or ended["status"] != "UNKNOWN":
            self.broken(3, "an outcome was resolved that was not unknown")
        if self.resolved:
            self.broken(3, "its outcome was resolved twice")
        if data["outcome"]["status"] not in ("SUCCEEDED", "FAILED"):
            self.broken(3, f"its outcome was resolved as {data['outcome']['status']}")
        self.resolved = True
        self._read_result(data, entry)

    def _execution_of(self, data: Data) -> Data | None:
        approval = self.approvals.get(data["approval_id"])
        if approval is None:
            self.broken(4, "it was executed and no such approval exists")
            return None
        if data["digest"] != self.intent["digest"]:
            self.broken(4, "it was executed under an approval of something else")
        if source_of(data) != source_of(approval):
            self.broken(3, "its execution and its approval do not agree in approval_source or auto_executed")
        return approval

    def _check_digest(self) -> None:
        if not self.value.has_its_digest:
            self.broken(4, "its digest is not the digest of what it proposes")

    def _check_decision(self) -> None:
        # The charge and the decision are one write: a decision alone means that an approval was taken out.
        if self.decision.get("result") == "AUTO_EXECUTED" and not self.approvals:
            self.broken(1, "the gate decided AUTO_EXECUTED and nothing was charged")

    def _check_ends(self) -> None:
        for approval_id, approval in self.approvals.items():
            started, released = approval_id in self.started, approval_id in self.released
            self.report.running += started and approval_id not in self.ended
            cancelled = self.ended.get(approval_id, {}).get("status") == "CANCELLED"
            if released and started and not cancelled:
                self.broken(5, "its approval was released although it was executed")
            if cancelled and not released and approval["approval_source"] == "POLICY":
                self.broken(5, "it was cancelled and its charge was kept")


def _broken_at(report: Report, where: str, invariant: int, problem: str) -> None:
    report.broken(invariant, where, problem)


_READERS: dict[str, Callable[[IntentChain, Data, Data], None]] = {
    "GATE_DECIDED": IntentChain.gate_decided,
    "ACTION_APPROVED": IntentChain.action_approved,
    "BUDGET_RELEASED": IntentChain.budget_released,
    "ACTION_PUBLISHED": IntentChain.action_published,
    "ACTION_REJECTED": IntentChain.rejected,
    "INTENT_SUPERSEDED": IntentChain.superseded,
    "INTENT_EXPIRED": IntentChain.closing,
    "INTENT_WITHDRAWN": IntentChain.withdrawn,
    "EXECUTION_STARTED": IntentChain.execution_started,
    **dict.fromkeys(OUTCOME_EVENTS, IntentChain.outcome),
    "OUTCOME_RESOLVED": IntentChain.outcome_resolved,
    "APPROVAL_VOTED": IntentChain.approval_voted,
    "CONTENT_ERASED": IntentChain.content_erased,
    "QUESTION_ASKED": IntentChain.question_asked,
    "QUESTION_ANSWERED": IntentChain.question_answered,
    "CARD_ASSIGNED": IntentChain.card_assigned,
    "AUTONOMY_SAMPLED": IntentChain.autonomy_sampled,
}
