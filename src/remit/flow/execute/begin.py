"""
Begin: start, preflight and the mark of the call in one write, for whoever proposed the action and executes it itself.

It is answered with a permit, one an intent and for good, or with why there is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from remit.core.errors import Conflict, NotFound
from remit.core.execution import fulfilment
from remit.core.execution.approval import Approval
from remit.core.execution.outcome import Conclusion, ExecutionAttempt, lease
from remit.core.execution.permit import Begun, PermitRecord, check_is_callers, explained, may_begin, permit_of
from remit.core.execution.proposer import Proposer
from remit.core.execution.publication import is_reserved
from remit.core.gate.action_type import Tool
from remit.core.intent import ActionIntentV1
from remit.core.ledger.history import IntentHistory
from remit.core.lifecycle import Case
from remit.core.records import Key
from remit.flow.context import Context
from remit.flow.execute import common
from remit.flow.execute.common import Keys, end_with
from remit.flow.execute.map import Unmapped, mapped, mapped_again
from remit.flow.execute.recheck import rechecked
from remit.flow.facts import CallFacts
from remit.flow.writers import CaseWriter, writes_expiry
from remit.ports import Clock, Snapshot, UnitOfWork, Writes


def begin(
    context: Context,
    tenant_id: str,
    action_intent_id: str,
    *,
    proposer: Proposer,
    holder: str,
    facts: CallFacts,
    clock: Clock,
) -> Begun:
    """
    The permit of an approved intent, or of the newest that took its place; or what is recorded.

    `holder` names who asks (`holder_of`). Raises `NotFound`, `Forbidden` for another's intent, or `Conflict` for one
    whose approval or tool is not what is recorded. `facts` are of this call, which may wait for those that are looked
    at again before the mark: `TryLater` where none could be looked up, and `FactsOutdated` where it may not wait.
    """
    name = action_intent_id

    def unit() -> UnitOfWork[Begun]:
        return BeginIntent(context, tenant_id, name, proposer, holder, facts, clock.now()).unit()

    while True:
        begun = facts.carry_out(unit)
        if begun.superseded_by is None:
            return begun
        name = begun.superseded_by


class BeginIntent(Struct, frozen=True):
    """The one write of a begin; of an intent that was replaced it answers by which."""

    context: Context
    tenant_id: str
    action_intent_id: str
    proposer: Proposer
    holder: str
    facts: CallFacts
    now: datetime

    def unit(self) -> UnitOfWork[Begun]:
        return UnitOfWork(self.reads(), self.decide, self.then_reads)

    def reads(self) -> list[Key[Any]]:
        return self.keys("").begun()

    def keys(self, approval_id: str | None) -> Keys:
        return Keys(self.tenant_id, self.action_intent_id, approval_id or "")

    def then_reads(self, snapshot: Snapshot) -> Sequence[Key[Any]]:
        case = snapshot.get(self.keys("").case)
        keys = self.keys(case.approval_id if case else None)
        return [*keys.pinned_type(snapshot), *keys.charged(snapshot), *keys.private(snapshot)]

    def decide(self, snapshot: Snapshot) -> Writes[Begun]:
        case, history = snapshot.get(self.keys("").case), snapshot.get(self.keys("").chain)
        if case is None or history is None or history.intent is None:
            raise NotFound("intent", self.action_intent_id, self.tenant_id)
        self.proposer.require_own(case, history.intent)
        keys, intent = self.keys(case.approval_id), history.intent
        to_do = may_begin(case, self.holder, self.now)
        if to_do == "expire":
            return self._expired(case, keys, snapshot, history)
        if to_do == "give again" and case.attempt is not None:
            return Writes(self._permitted(snapshot, keys, case.attempt))
        if to_do == "begin":
            return self._begun(snapshot, keys, case, intent)
        return Writes(self._recorded(case, history))

    def _recorded(self, case: Case, history: IntentHistory) -> Begun:
        outcome = history.outcome
        return Begun(
            action_intent_id=case.action_intent_id,
            status=case.status,
            explanation=explained(case, outcome, self.now),
            outcome=outcome,
            resolution=history.resolution,
            superseded_by=case.superseded_by,
        )

    def _expired(self, case: Case, keys: Keys, snapshot: Snapshot, history: IntentHistory) -> Writes[Begun]:
        ended = self._recorded(case.changed(status="EXPIRED"), history)
        return writes_expiry(self.context, case, keys.approval(snapshot), snapshot, self.now, ended)

    def _begun(self, snapshot: Snapshot, keys: Keys, case: Case, intent: ActionIntentV1) -> Writes[Begun]:
        approval, tool = keys.approval(snapshot), keys.tool(snapshot)
        check_is_callers(case, tool.connector if tool else "")
        self._check_approval(case, intent, approval)
        assert approval is not None and tool is not None
        writer = CaseWriter(self.context, case, self.now)
        if case.publication is not None and is_reserved(case.publication):
            writer.mark_published(case.publication)
        until = lease(self.now + self.facts.waited, tool.timeout_s)
        attempt = common.take_attempt(writer, snapshot, keys, holder=self.holder, until=until, by=self.proposer.name)
        stops = [stops for stops in map(snapshot.get, keys.stops) if stops is not None]
        refusal = fulfilment.forbidden(intent, approval.approval_source, stops, self.now)
        ends = self._cancelled(attempt, refusal)
        if ends is None:
            try:
                return self._marked(writer, snapshot, keys, tool, attempt, until)
            except Unmapped as unmapped:
                ends = fulfilment.conclusion(attempt, "FAILED", unmapped.result)
        return self._ended(writer, snapshot, keys, attempt, ends)

    def _check_approval(self, case: Case, intent: ActionIntentV1, approval: Approval | None) -> None:
        if approval is None or not fulfilment.approval_matches(case, intent, approval):
            raise Conflict(
                f"the approval of intent {case.action_intent_id!r} does not match what is stored, and it is not begun; "
                "run 'remit verify --tenant'"
            )
        if fulfilment.may_start("nobody", case.publication, approval, self.now) == "nothing":
            raise Conflict(f"the approval of intent {case.action_intent_id!r} was given back; look at it again")

    def _cancelled(self, attempt: ExecutionAttempt, refusal: fulfilment.Refusal | None) -> Conclusion | None:
        go = fulfilment.before_call(attempt, "ours", refusal, marking=True, calls_seen=attempt.attempt_count)
        return go if isinstance(go, Conclusion) else None

    def _marked(
        self,
        writer: CaseWriter,
        snapshot: Snapshot,
        keys: Keys,
        tool: Tool,
        attempt: ExecutionAttempt,
        until: datetime,
    ) -> Writes[Begun]:
        intent = keys.opened(snapshot)
        assert intent is not None
        _, request = mapped(self.context, intent, tool, None)
        attempt, refusal = rechecked(snapshot, keys, intent, attempt, self.facts)
        if (ends := self._cancelled(attempt, refusal)) is not None:
            return self._ended(writer, snapshot, keys, attempt, ends)
        writer.update(attempt=fulfilment.marked(attempt, until), due_at=until)
        return writer.writes(_given(permit_of(intent, attempt, request["parameters"])))

    def _permitted(self, snapshot: Snapshot, keys: Keys, attempt: ExecutionAttempt) -> Begun:
        intent = keys.opened(snapshot)
        assert intent is not None
        request = mapped_again(self.context, intent, keys.tool(snapshot), attempt)
        return _given(permit_of(intent, attempt, request["parameters"]))

    def _ended(
        self, writer: CaseWriter, snapshot: Snapshot, keys: Keys, attempt: ExecutionAttempt, ends: Conclusion
    ) -> Writes[Begun]:
        writes = end_with(writer, snapshot, keys, attempt, ends, None)
        history = snapshot.get(keys.chain)
        assert history is not None
        ended = self._recorded(writer.case, history.after(writes.entries)).changed(ended_now=True)
        return Writes(ended, writes.puts, writes.deletes, writes.entries)


def _given(permit: PermitRecord) -> Begun:
    return Begun(
        action_intent_id=permit.action_intent_id,
        status="RUNNING",
        explanation="it may run now, once; say what came of it",
        permit=permit,
    )
