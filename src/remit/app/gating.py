"""An agent's requests: propose, gate, both in one write, and what was approved on its way."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, TypeVar, overload

from remit.app.execution import Execution
from remit.app.own import OwnIntents
from remit.app.part import Part
from remit.app.reading import Reading
from remit.app.single_proposals import BATCH, SingleProposal, SingleProposals
from remit.core.edit import same_proposal
from remit.core.errors import OutcomeUnknown, RemitError, TryLater
from remit.core.execution.proposer import Proposer
from remit.core.gate.fact import Fact
from remit.core.identity.credential import PROCESS, Credential
from remit.core.identity.person import check_person
from remit.core.intent import ActionIntentV1
from remit.core.lifecycle import UNANSWERED
from remit.core.proposal import Proposal
from remit.flow import gate, propose, publish
from remit.flow.decide_again import DecideAgain, DecidedAgain
from remit.flow.facts import CallFacts, facts_now
from remit.flow.gate import GateAnswer, GateRequest
from remit.flow.policies_ahead import PoliciesAhead
from remit.flow.propose import DecidedAgainBy
from remit.flow.publish import IntentRef
from remit.flow.queue_limit import QueueLimit, unless_full
from remit.flow.submit import SubmitAndBegin, SubmitIntent, Submitted
from remit.hooks import Hooks
from remit.ports import CheckedPublisher, SendingPublisher, UnitOfWork, answer_of, attempt, in_order

log = logging.getLogger(__name__)
T = TypeVar("T")
_UnitOf = Callable[[Proposal, CallFacts, datetime], UnitOfWork[Submitted]]


class Gating(Part):
    """Decides what is proposed, once or again, and publishes what was approved."""

    def __init__(
        self,
        execution: Execution,
        own: OwnIntents,
        reading: Reading,
        hooks: Hooks,
        queue_limit: QueueLimit,
        *,
        sender: SendingPublisher | None,
        publishing: bool,
    ) -> None:
        """`sender` and `publishing` are those of `App`."""
        super().__init__(reading.context, reading.clock)
        self._execution, self._own, self._reading = execution, own, reading
        self._hooks, self._queue_limit = hooks, queue_limit
        self._sender, self._publishing = sender, publishing
        self._checked_sender = sender if publishing and isinstance(sender, CheckedPublisher) else None
        self.policies_ahead = PoliciesAhead()
        self._lookups = execution.lookups
        self._single_proposals = SingleProposals(partial(propose.named, self.context), self._decided_at_once)

    @overload
    def propose(self, proposals: Mapping[str, Any] | Proposal) -> ActionIntentV1: ...
    @overload
    def propose(self, proposals: Sequence[Any]) -> list[ActionIntentV1 | RemitError]: ...
    def propose(self, proposals: Any) -> Any:
        """
        Store proposals without gating them.

        One is answered with the stored intent, or raises. A list is answered with a list in the same order,
        each the intent or the error of that one: one that is wrong holds no other back.
        """
        if isinstance(proposals, Mapping | Proposal):
            return answer_of(self.propose([proposals]))
        return [answer for batch in _batches(proposals) for answer in self._propose(batch)]

    @overload
    def submit(self, proposals: Mapping[str, Any] | Proposal) -> GateAnswer: ...
    @overload
    def submit(self, proposals: Sequence[Any]) -> list[GateAnswer | RemitError]: ...
    def submit(self, proposals: Any) -> Any:
        """Propose and gate, one or many, answered as `propose` does: with the gate's word on each."""
        if isinstance(proposals, Mapping | Proposal):
            return self._submit_one(proposals)
        facts = CallFacts(self._lookups)
        return [answer for batch in _batches(proposals) for answer in self._submit(batch, facts)]

    def submit_at_once(self, proposals: Sequence[Any]) -> list[GateAnswer | RemitError]:
        """
        `submit` without waiting for anybody outside: what needs facts is answered with `FactsOutdated`, and nothing
        was done.
        """
        facts = CallFacts(self._lookups, looks_up=False)
        return [answer for batch in _batches(proposals) for answer in self._submit(batch, facts)]

    def facts_now(self, tenant_id: str, action_intent_id: str) -> dict[str, Fact]:
        """The facts of an intent as they are now, within a few seconds. Raises `NotFound`."""
        return dict(facts_now(self._lookups, tenant_id, action_intent_id))

    def looks_up_facts(self, tenant_id: str, action_type: str | None = None) -> bool:
        """Does this process know that deciding such an action, or some action, waits for others? Asks nobody."""
        return self._lookups.known_to_ask(tenant_id, action_type)

    def _submit_one(self, data: Mapping[str, Any] | Proposal) -> GateAnswer:
        """One proposal: with those that other threads make at the time, where it waits for nobody."""
        self._check_way_out()
        began_ns, asked = self._hooks.begin(), SingleProposal(data)
        if self.context.store.one_at_a_time and not self.looks_up_facts(asked.tenant_id, asked.action_type):
            self._single_proposals.settle(asked)
        both = asked.answer
        if both is None:
            (both,) = self._decided(self._named([asked.data]), self._propose_and_gate, CallFacts(self._lookups))
        self._tell(began_ns, [both])
        return answer_of([both])[1]

    def _decided_at_once(self, named: Sequence[Proposal | RemitError]) -> list[Submitted | RemitError]:
        return self._decided(named, self._propose_and_gate, CallFacts(self._lookups, looks_up=False))

    def _submit(self, proposals: Sequence[Any], facts: CallFacts) -> list[GateAnswer | RemitError]:
        both = self._submitted(proposals, self._propose_and_gate, facts)
        return [each[1] if isinstance(each, tuple) else each for each in both]

    def _submitted(self, proposals: Sequence[Any], unit_of: _UnitOf, facts: CallFacts) -> list[Submitted | RemitError]:
        self._check_way_out()
        began_ns = self._hooks.begin()
        both = self._decided(self._named(proposals), unit_of, facts)
        self._tell(began_ns, both)
        return both

    def _named(self, proposals: Sequence[Any]) -> list[Proposal | RemitError]:
        return [propose.named(self.context, data) for data in proposals]

    def _decided(
        self, named: Sequence[Proposal | RemitError], unit_of: _UnitOf, facts: CallFacts
    ) -> list[Submitted | RemitError]:
        # One write stores the proposal and decides it: nobody waits for two commits, and nothing is left ungated.
        facts.for_proposals(named)
        # Of after the lookups: what expired meanwhile has expired.
        now = self.clock.now()
        self.policies_ahead.proposals(self.context, named, facts, now)

        def let_in(ready: Sequence[Proposal]) -> list[Submitted | RemitError]:
            return self._let_in(ready, [unit_of(each, facts, now) for each in ready], facts.transact, now)

        return in_order(named, RemitError, let_in)

    def _tell(self, began_ns: int, both: Sequence[Submitted | RemitError]) -> None:
        """Publish what was approved, and tell the hooks."""
        # Of a proposal that was refused there is nothing more to say.
        submitted = [each for each in both if isinstance(each, tuple)]
        self._hooks.proposed(began_ns, (intent for intent, _ in submitted))
        self._gated(began_ns, submitted)

    @overload
    def submit_and_begin(
        self, proposals: Mapping[str, Any] | Proposal, *, key: str | None = None, credential: Credential = PROCESS
    ) -> GateAnswer: ...
    @overload
    def submit_and_begin(
        self, proposals: Sequence[Any], *, key: str | None = None, credential: Credential = PROCESS
    ) -> list[GateAnswer | RemitError]: ...
    def submit_and_begin(self, proposals: Any, *, key: str | None = None, credential: Credential = PROCESS) -> Any:
        """
        Propose, gate, and begin in one write what policy approves, answered as `submit` does: `begun` is what `begin`
        answers, with the permit or why there is none: of what is not `executed_by` its caller, a worker makes the call.
        """
        if isinstance(proposals, Mapping | Proposal):
            return answer_of(self.submit_and_begin([proposals], key=key, credential=credential))
        began_ns, unit_of = self._hooks.begin(), partial(self._propose_gate_and_begin, key, credential)
        facts = CallFacts(self._lookups)
        both = [each for batch in _batches(proposals) for each in self._submitted(batch, unit_of, facts)]
        return [self._told_begun(began_ns, each, key, credential) for each in both]

    def _propose_gate_and_begin(
        self, key: str | None, credential: Credential, proposal: Proposal, facts: CallFacts, now: datetime
    ) -> UnitOfWork[Submitted]:
        proposer = Proposer(proposal.proposed_by, credential)
        holder = self._own.holder(proposer, key)
        return SubmitAndBegin(self.context, proposal, facts, now, proposer, holder).unit()

    def _told_begun(
        self, began_ns: int, both: tuple[ActionIntentV1, GateAnswer] | RemitError, key: str | None, through: Credential
    ) -> GateAnswer | RemitError:
        """The answer; where the intent had been replaced before, with what becomes of the newest."""
        if isinstance(both, RemitError):
            return both
        intent, answer = both
        if answer.begun is None or answer.begun.superseded_by is None:
            self._hooks.begun(began_ns, answer.begun)
            return answer
        newest, by = answer.begun.superseded_by, intent.proposed_by
        return answer.with_begun(self._own.begin(intent.tenant_id, newest, by=by, key=key, credential=through))

    def _propose_and_gate(self, proposal: Proposal, facts: CallFacts, now: datetime) -> UnitOfWork[Submitted]:
        return SubmitIntent(self.context, proposal, facts, now).unit()

    def _let_in(
        self,
        proposals: Sequence[Proposal],
        units: Sequence[UnitOfWork[T]],
        transact: Callable[[Sequence[UnitOfWork[T]]], list[T | RemitError]],
        now: datetime,
    ) -> list[T | RemitError]:
        """Carry out each proposal's unit, as far as its proposer may have more waiting."""
        refusals = self._queue_limit.take(self.context.store, proposals, now)
        waits = [True] * len(proposals)
        try:
            answers = transact([unless_full(unit, full) for unit, full in zip(units, refusals, strict=True)])
            waits = [_may_wait(answer) for answer in answers]
            return answers
        finally:
            self._queue_limit.settle(proposals, refusals, waits)

    def _propose(self, proposals: Sequence[Any]) -> list[ActionIntentV1 | RemitError]:
        began_ns, now = self._hooks.begin(), self.clock.now()
        named = self._named(proposals)
        self.policies_ahead.proposals(self.context, named, None, now)

        def let_in(ready: Sequence[Proposal]) -> list[ActionIntentV1 | RemitError]:
            units = [propose.ProposeIntent(self.context, each, now).unit() for each in ready]
            return self._let_in(ready, units, self.context.store.transact, now)

        answers = in_order(named, RemitError, let_in)
        self._hooks.proposed(began_ns, (answer for answer in answers if not isinstance(answer, RemitError)))
        return answers

    @overload
    def gate(self, requests: GateRequest) -> GateAnswer: ...
    @overload
    def gate(self, requests: Sequence[GateRequest]) -> list[GateAnswer | RemitError]: ...
    def gate(self, requests: Any) -> Any:
        """Decide intents, one or many, and publish what was approved."""
        if isinstance(requests, GateRequest):
            return answer_of(self._gate([requests], CallFacts(self._lookups)))
        answers: list[GateAnswer | RemitError] = []
        facts = CallFacts(self._lookups)
        for batch in _batches(requests):
            answers += self._gate(batch, facts)
        return answers

    def _gate(self, requests: Sequence[GateRequest], facts: CallFacts) -> list[GateAnswer | RemitError]:
        self._check_way_out()
        began_ns = self._hooks.begin()
        facts.for_requests([(each.tenant_id, each.action_intent_id) for each in requests])
        now = self.clock.now()
        self.policies_ahead.requests(self.context, requests, facts, now)
        answers = gate.gate(self.context, requests, facts, now)
        self._gated(began_ns, [*zip(requests, answers, strict=True)])
        return answers

    def _check_way_out(self) -> None:
        """Raises `ConfigMissing` before anything is charged for what could never leave."""
        if self._checked_sender is not None:
            self._checked_sender.check()

    def _gated(
        self, began_ns: int, decided: Sequence[tuple[GateRequest | ActionIntentV1, GateAnswer | RemitError]]
    ) -> None:
        """Publish what was approved, and tell the hooks."""
        self._execution.note_queued()
        self.publish(
            [
                IntentRef(named.tenant_id, named.action_intent_id, answer.approval)
                for named, answer in decided
                if isinstance(answer, GateAnswer) and answer.reserved
            ]
        )
        self._hooks.gated(began_ns, decided)

    def publish(self, intents: Sequence[IntentRef], *, again: bool = False) -> int:
        """Answers how many were published. What was not stays reserved; reconciling tries it again."""
        if not intents or not self._publishing:
            return 0
        try:
            answers = self._sent_or_queued(intents, again=again)
        except (TryLater, OutcomeUnknown) as error:
            # What was decided stands, and its caller has the answer: only the way out is closed for now.
            log.warning("%d approvals stay reserved until they can be published: %s", len(intents), error)
            return 0
        return sum(answer == "published" for answer in answers)

    def _sent_or_queued(self, intents: Sequence[IntentRef], *, again: bool) -> Sequence[object]:
        now = self.clock.now()
        if self._sender is not None:
            return publish.publish_sent(self.context, self._sender, intents, now, again=again)
        return publish.enqueue(self.context, intents, now)

    def decide_again(
        self, tenant_id: str, action_intent_ids: Sequence[str], *, by: str, credential: Credential = PROCESS
    ) -> list[DecidedAgain | RemitError]:
        """
        Have waiting intents decided again by the bounds as they are, each by itself, in this order.

        What runs now is superseded by the same, charged and approved as any other. What a person is asked about all the
        same waits on as it did. Answers `NotFound` or `NotInThatState` for what does not wait.
        """
        check_person("by", by)
        again = DecidedAgainBy(by, credential)
        facts = CallFacts(self._lookups)
        return [
            answer
            for batch in _batches(action_intent_ids)
            for answer in self._decide_again(tenant_id, batch, facts, again)
        ]

    def _decide_again(
        self, tenant_id: str, names: Sequence[str], facts: CallFacts, again: DecidedAgainBy
    ) -> list[DecidedAgain | RemitError]:
        self._check_way_out()
        began_ns = self._hooks.begin()
        named = [attempt(partial(self._same_again, tenant_id, name)) for name in names]
        facts.for_proposals(named)
        now = self.clock.now()
        self.policies_ahead.proposals(self.context, named, facts, now)

        def look(ready: Sequence[Proposal]) -> list[tuple[DecidedAgain, GateAnswer | None] | RemitError]:
            return facts.transact([DecideAgain(self.context, each, facts, again, now).unit() for each in ready])

        both = in_order(named, RemitError, look)
        self._queue_limit.answered(tenant_id)
        ran = [
            (request_of(proposal), each[1])
            for proposal, each in zip(named, both, strict=True)
            if isinstance(proposal, Proposal) and isinstance(each, tuple) and each[1] is not None
        ]
        self._gated(began_ns, ran)
        return [each[0] if isinstance(each, tuple) else each for each in both]

    def _same_again(self, tenant_id: str, action_intent_id: str) -> Proposal:
        intent = self._reading.intent(tenant_id, action_intent_id)
        return same_proposal(intent, new_id=self.context.new_id(), now=self.clock.now())


def request_of(intent: ActionIntentV1 | Proposal) -> GateRequest:
    """`intent` has its id by now."""
    return GateRequest(intent.action_intent_id or "", intent.tenant_id, intent.account_id)


def _batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[start : start + BATCH] for start in range(0, len(items), BATCH))


def _may_wait(answer: object) -> bool:
    """May what was answered so be among what waits?"""
    if isinstance(answer, RemitError):
        return False
    return not (isinstance(answer, tuple) and answer[1].status not in UNANSWERED)
