"""Propose, then gate, and then begin, in one write: nobody waits for two commits, and nothing is left ungated."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from remit.core.execution.proposer import Proposer
from remit.core.intent import ActionIntentV1
from remit.core.proposal import Proposal
from remit.core.records import ACTION_TYPE, Key, type_id
from remit.flow.context import Context, bounds_of
from remit.flow.execute.begin import BeginIntent
from remit.flow.facts import CallFacts
from remit.flow.gate import GateAnswer, GateIntent, GateRequest
from remit.flow.one_write import SnapshotAfter
from remit.flow.propose import DecidedAgainBy, ProposeIntent
from remit.ports import Snapshot, UnitOfWork, Writes

Submitted = tuple[ActionIntentV1, GateAnswer]


class SubmitIntent:
    """Both steps, or neither: what proposing refuses is not gated."""

    __slots__ = ("gate", "propose")

    def __init__(
        self,
        context: Context,
        proposal: Proposal,
        facts: CallFacts,
        now: datetime,
        decided_again: DecidedAgainBy | None = None,
    ) -> None:
        self.propose = ProposeIntent(context, proposal, now, decided_again=decided_again)
        request = GateRequest(self.propose.action_intent_id, proposal.tenant_id, proposal.account_id)
        self.gate = GateIntent(context, request, facts, now, proposal)

    def unit(self) -> UnitOfWork[Submitted]:
        # The gate's own reads are among these.
        may_lag = self.gate.may_lag()
        reads = [*self.propose.reads(), *may_lag]
        return UnitOfWork(reads, self.decide, self.then_reads, new=self.propose.new(), may_lag=may_lag)

    def then_reads(self, snapshot: Snapshot) -> Sequence[Key[Any]]:
        # Both name the private values of the one that is stored already.
        return self.gate.then_reads(snapshot) or self.propose.then_reads(snapshot)

    def decide(self, snapshot: Snapshot) -> Writes[Submitted]:
        stored = self.propose.stored(snapshot)
        if stored is not None:
            writes = self.gate.decide(snapshot)
            return Writes((stored, writes.answer), writes.puts, writes.deletes, writes.entries)
        writer, intent = self.propose.begin(snapshot)
        writes = self.propose.closing(snapshot, intent, self.gate.decided(snapshot, writer, intent))
        return Writes((intent, writes.answer), writes.puts, writes.deletes, writes.entries)


class SubmitAndBegin:
    """All three steps, or none: what policy approves is begun in the write that proposes it."""

    __slots__ = ("begin", "context", "proposal", "submit")

    def __init__(
        self, context: Context, proposal: Proposal, facts: CallFacts, now: datetime, proposer: Proposer, holder: str
    ) -> None:
        self.context, self.proposal = context, proposal
        self.submit = SubmitIntent(context, proposal, facts, now)
        name = self.submit.propose.action_intent_id
        self.begin = BeginIntent(context, proposal.tenant_id, name, proposer, holder, facts, now)

    def unit(self) -> UnitOfWork[Submitted]:
        # The stops do not lag: what is begun may run at once.
        submitting = self.submit.unit()
        reads = [*dict.fromkeys([*submitting.reads, *self.begin.reads()])]
        return UnitOfWork(reads, self.decide, self.then_reads, new=submitting.new)

    def then_reads(self, snapshot: Snapshot) -> Sequence[Key[Any]]:
        """The counters, private values, and the tool: of a new intent that of the version it will pin."""
        named = self.submit.then_reads(snapshot), self.begin.then_reads(snapshot), self._pinned(snapshot)
        return [*dict.fromkeys(key for keys in named for key in keys)]

    def _pinned(self, snapshot: Snapshot) -> Sequence[Key[Any]]:
        tenant_id, name = self.proposal.tenant_id, self.proposal.action_type
        version = bounds_of(snapshot, tenant_id).registry_version(name)
        return [] if version is None else [Key(ACTION_TYPE, tenant_id, type_id(name, version))]

    def decide(self, snapshot: Snapshot) -> Writes[Submitted]:
        before = self.submit.decide(snapshot)
        then = self.begin.decide(SnapshotAfter(snapshot, before))
        intent, decided = before.answer
        answer = intent, decided.with_begun(then.answer)
        return Writes(answer, [*before.puts, *then.puts], before.deletes, [*before.entries, *then.entries])
