"""Propose, then gate, in one write: nobody waits for two commits, and nothing is left ungated."""

from __future__ import annotations

from datetime import datetime

from remit.core.intent import ActionIntentV1, Proposal
from remit.flow.context import Context
from remit.flow.gate import GateAnswer, GateIntent, GateRequest
from remit.flow.propose import ProposeIntent
from remit.ports import Snapshot, UnitOfWork, Writes

Submitted = tuple[ActionIntentV1, GateAnswer]


class SubmitIntent:
    """Both steps, or neither: what proposing refuses is not gated."""

    __slots__ = ("gate", "propose")

    def __init__(self, context: Context, proposal: Proposal, now: datetime) -> None:
        self.propose = ProposeIntent(context, proposal, now)
        request = GateRequest(self.propose.action_intent_id, proposal.tenant_id, proposal.account_id)
        self.gate = GateIntent(context, request, now)

    def unit(self) -> UnitOfWork[Submitted]:
        reads = [*dict.fromkeys([*self.propose.reads(), *self.gate.reads()])]
        new, may_lag = self.propose.new(), self.gate.may_lag()
        return UnitOfWork(reads, self.decide, self.gate.usage_keys, new=new, may_lag=may_lag)

    def decide(self, snapshot: Snapshot) -> Writes[Submitted]:
        stored = self.propose.stored(snapshot)
        if stored is not None:
            writes = self.gate.decide(snapshot)
            return Writes((stored, writes.answer), writes.puts, writes.deletes, writes.entries)
        writer, intent = self.propose.begin(snapshot)
        writes = self.propose.closing(snapshot, intent, self.gate.decided(snapshot, writer, intent))
        return Writes((intent, writes.answer), writes.puts, writes.deletes, writes.entries)
