"""
`App`: all that doors call. It strings the steps of `flow` together, and holds its parts.

Everything that may raise says so in `remit.core.errors`. Being sent to a person is an answer.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Literal, Self, TypeVar, overload

from remit.app.answer_links import AnswerLinks
from remit.app.answers import AgentAnswers
from remit.app.assignments import Assignments
from remit.app.chat import ChatAnswers
from remit.app.execution import Execution
from remit.app.notifications import Notifications
from remit.app.own import OwnIntents
from remit.app.part import Part
from remit.app.reading import Reading
from remit.app.results import Results
from remit.app.settings import Settings
from remit.core.edit import edited_proposal, same_proposal
from remit.core.erasure import Erased, check_erasure
from remit.core.errors import InvalidInput, NotInThatState, OutcomeUnknown, RemitError, TryLater
from remit.core.execution.approval import Approval, check_undo_for, held_until
from remit.core.execution.outcome import Resolution
from remit.core.execution.proposer import Proposer
from remit.core.execution.question import Question, checked_words
from remit.core.execution.votes import Vote
from remit.core.gate.autonomy import StopScope
from remit.core.gate.bounds import parse_bounds
from remit.core.gate.fact import Fact
from remit.core.identity.credential import PROCESS, Credential
from remit.core.intent import ActionIntentV1, Proposal
from remit.core.ledger.history import Votes
from remit.core.ledger.verification import KeptHead, Report, verify
from remit.core.lifecycle import UNANSWERED, Case
from remit.core.values import check_person, check_text
from remit.flow import ask, erase_private, execute, gate, propose, publish, reconcile, review
from remit.flow.context import Context, in_one_write
from remit.flow.decide_again import DecideAgain, DecidedAgain
from remit.flow.facts import CallFacts, FactLookups, facts_now
from remit.flow.gate import GateAnswer, GateRequest
from remit.flow.policies_ahead import PoliciesAhead
from remit.flow.propose import DecidedAgainBy
from remit.flow.publish import IntentRef
from remit.flow.queue_limit import QueueLimit, unless_full
from remit.flow.reading.replay import Advance, no_progress, replay_lines
from remit.flow.reading.spool import spooled, spooled_lines
from remit.flow.recover import STOP_REASON, Recovered, recover_tenant
from remit.flow.settings.proof import prove_written
from remit.flow.submit import SubmitAndBegin, SubmitIntent, Submitted
from remit.hooks import Hooks
from remit.ports import CheckedPublisher, Clock, SendingPublisher, UnitOfWork, answer_of, attempt, in_order

log = logging.getLogger(__name__)
T = TypeVar("T")
_UnitOf = Callable[[Proposal, CallFacts, datetime], UnitOfWork[Submitted]]
BATCH = 50
"""How many intents of one call share a transaction, at most: another tenant's decision waits for it to end."""


@dataclass(frozen=True, slots=True)
class Reconciled:
    """How many cases a round of reconciling moved on, by what was done."""

    gated: int = 0
    published: int = 0
    expired: int = 0
    lapsed: int = 0
    erased: int = 0
    """Results whose time is over."""

    @property
    def total(self) -> int:
        return self.gated + self.published + self.expired + self.lapsed + self.erased


class App(Part):
    """
    One running Remit over one store. Safe to share between threads. Made by `remit.wiring`.

    It proposes, gates, publishes, answers and reconciles; all else belongs to the parts that it holds, whose verbs it
    shows as its own.
    """

    def __init__(
        self,
        context: Context,
        clock: Clock,
        *,
        sender: SendingPublisher | None = None,
        publishing: bool = True,
        on_close: Callable[[], None] = lambda: None,
    ) -> None:
        """
        `sender` is the publisher that sends; without one, the store is the queue that workers take from.
        With `publishing` off, approvals stay reserved until another process publishes them.
        """
        super().__init__(context, clock)
        self._sender, self._publishing = sender, publishing
        self._checked_sender = sender if publishing and isinstance(sender, CheckedPublisher) else None
        self._policies_ahead = PoliciesAhead()
        self._lookups = FactLookups(context, clock)
        self._queue_limit = QueueLimit(context.most_waiting)
        self.hooks = Hooks()
        self.now, self.close = clock.now, on_close
        self._show_reading(Reading(context, clock))
        self._show_settings(Settings(context, clock))
        self._show_notifications(Notifications(context, clock))
        self._show_execution(Execution(context, clock))
        self._show_own(OwnIntents(context, clock, self.hooks, self._queue_limit.answered))
        self._show_results(Results(context, clock))
        self.chat = ChatAnswers(context, clock, self.approve, self.reject)
        self._show_assignments(Assignments(context, clock))
        self.answer_links = AnswerLinks(context, clock, self._approve, self._reject)
        self.answers = AgentAnswers(context, clock)
        self.answer, self.wait = self.answers.answer, self.answers.wait

    def _show_reading(self, reading: Reading) -> None:
        self.reading = reading
        self.intent, self.intents, self.ledger = reading.intent, reading.intents, reading.ledger
        self.names_in_use = reading.names_in_use
        self.status, self.why = reading.status, reading.why
        self.timeline, self.since, self.history = reading.timeline, reading.since, reading.history
        self.stream_cursor = reading.stream_cursor
        self.bounds_after = reading.bounds_after
        self.queue, self.queue_groups, self.waiting = reading.queue, reading.queue_groups, reading.waiting
        self.waiting_count, self.overview = reading.waiting_count, reading.overview
        self.report, self.moment_of = reading.report, reading.moment_of
        self.usage, self.counts, self.tenants = reading.usage, reading.counts, reading.tenants
        self.measure, self.publish_lag_s = reading.measure, reading.publish_lag_s
        self.stops, self.check_ready = reading.stops, reading.check_ready
        self.failing_tools = reading.failing_tools
        self.policy_versions, self.policy_version = reading.policy_versions, reading.policy_version
        self.export, self.export_lines, self.verify = reading.export, reading.export_lines, reading.verify
        self.ledger_entries, self.extract_lines = reading.ledger_entries, reading.extract_lines
        self.require_tenant, self.accounts_in_sight = reading.require_tenant, reading.accounts_in_sight

    def _show_settings(self, settings: Settings) -> None:
        self.settings = settings
        self.apply, self.apply_part, self.bounds = settings.apply, settings.apply_part, settings.bounds
        self.promote, self.automate = settings.promote, settings.automate
        self.replay, self.replay_change = settings.replay, settings.replay_change
        self.prove, self.prove_change = settings.prove, settings.prove_change
        self.check_policies = settings.check_policies
        self.mistakes_in, self.warnings = settings.mistakes_in, settings.warnings
        self.stop, self.resume = settings.stop, settings.resume
        self.create_key, self.keys, self.revoke_key = settings.create_key, settings.keys, settings.revoke_key
        self.authenticate = settings.authenticate
        self.begin_session, self.session = settings.begin_session, settings.session
        self.end_session = settings.end_session
        self.make_link, self.redeem_link = settings.make_link, settings.redeem_link

    def _show_notifications(self, notifications: Notifications) -> None:
        self.notifications = notifications
        self.set_subscription, self.subscriptions = notifications.set_subscription, notifications.subscriptions
        self.remove_subscription = notifications.remove_subscription
        self.test_subscription = notifications.test_subscription
        self.deliveries, self.due_deliveries = notifications.deliveries, notifications.due_deliveries
        self.follow, self.deliver, self.tally = notifications.follow, notifications.deliver, notifications.tally

    def _show_assignments(self, assignments: Assignments) -> None:
        self.assign, self.hand_over = assignments.assign, assignments.hand_over
        self.handovers = assignments.handovers

    def _show_execution(self, execution: Execution) -> None:
        self.execution = execution
        self.take, self.carry_out, self.settle = execution.take, execution.carry_out, execution.settle
        self.has_queued, self.waking = execution.has_queued, execution.waking
        self.executor, self.resume_tool = execution.executor, execution.resume_tool

    def _show_own(self, own: OwnIntents) -> None:
        self.own = own
        self.withdraw, self.supplement = own.withdraw, own.supplement
        self.begin, self.finish, self.renew = own.begin, own.finish, own.renew
        self.mark_waiting = own.mark_waiting

    def _show_results(self, results: Results) -> None:
        self.results = results
        self.result, self.result_settings = results.result, results.result_settings
        self.erase_result = results.erase_result

    # --- agents ---

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
            return answer_of(self.submit([proposals]))
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

    def _submit(self, proposals: Sequence[Any], facts: CallFacts) -> list[GateAnswer | RemitError]:
        both = self._submitted(proposals, self._propose_and_gate, facts)
        return [each[1] if isinstance(each, tuple) else each for each in both]

    def _submitted(self, proposals: Sequence[Any], unit_of: _UnitOf, facts: CallFacts) -> list[Submitted | RemitError]:
        # One write stores the proposal and decides it: nobody waits for two commits, and nothing is left ungated.
        self._check_way_out()
        began_ns = self.hooks.begin()
        named = [propose.named(self.context, data) for data in proposals]
        facts.for_proposals(named)
        # Of after the lookups: what expired meanwhile has expired.
        now = self.clock.now()
        self._policies_ahead.proposals(self.context, named, facts, now)

        def let_in(ready: Sequence[Proposal]) -> list[Submitted | RemitError]:
            return self._let_in(ready, lambda each: unit_of(each, facts, now), facts.transact, now)

        both = in_order(named, RemitError, let_in)
        self.hooks.proposed(began_ns, [each[0] if isinstance(each, tuple) else each for each in both])
        answers = [each[1] if isinstance(each, tuple) else each for each in both]
        self._gated(began_ns, [_request_of(each[0]) if isinstance(each, tuple) else None for each in both], answers)
        return both

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
        began_ns, unit_of = self.hooks.begin(), partial(self._propose_gate_and_begin, key, credential)
        facts = CallFacts(self._lookups)
        both = [each for batch in _batches(proposals) for each in self._submitted(batch, unit_of, facts)]
        return [self._told_begun(began_ns, each, key, credential) for each in both]

    def _propose_gate_and_begin(
        self, key: str | None, credential: Credential, proposal: Proposal, facts: CallFacts, now: datetime
    ) -> UnitOfWork[Submitted]:
        proposer = Proposer(proposal.proposed_by, credential)
        holder = self.own.holder(proposer, key)
        return SubmitAndBegin(self.context, proposal, facts, now, proposer, holder).unit()

    def _told_begun(
        self, began_ns: int, both: tuple[ActionIntentV1, GateAnswer] | RemitError, key: str | None, through: Credential
    ) -> GateAnswer | RemitError:
        """The answer; where the intent had been replaced before, with what becomes of the newest."""
        if isinstance(both, RemitError):
            return both
        intent, answer = both
        if answer.begun is None or answer.begun.superseded_by is None:
            self.hooks.begun(began_ns, answer.begun)
            return answer
        newest, by = answer.begun.superseded_by, intent.proposed_by
        return answer.with_begun(self.own.begin(intent.tenant_id, newest, by=by, key=key, credential=through))

    def _propose_and_gate(self, proposal: Proposal, facts: CallFacts, now: datetime) -> UnitOfWork[Submitted]:
        return SubmitIntent(self.context, proposal, facts, now).unit()

    def _let_in(
        self,
        proposals: Sequence[Proposal],
        unit_of: Callable[[Proposal], UnitOfWork[T]],
        transact: Callable[[Sequence[UnitOfWork[T]]], list[T | RemitError]],
        now: datetime,
    ) -> list[T | RemitError]:
        """Carry out each proposal's unit, as far as its proposer may have more waiting."""
        refusals = self._queue_limit.take(self.context.store, proposals, now)
        waits = [True] * len(proposals)
        try:
            answers = transact(
                [unless_full(unit_of(each), full) for each, full in zip(proposals, refusals, strict=True)]
            )
            waits = [_may_wait(answer) for answer in answers]
            return answers
        finally:
            self._queue_limit.settle(proposals, refusals, waits)

    def _propose(self, proposals: Sequence[Any]) -> list[ActionIntentV1 | RemitError]:
        began_ns, now = self.hooks.begin(), self.clock.now()
        named = [propose.named(self.context, data) for data in proposals]
        self._policies_ahead.proposals(self.context, named, None, now)

        def let_in(ready: Sequence[Proposal]) -> list[ActionIntentV1 | RemitError]:
            return self._let_in(ready, lambda each: self._propose_unit(each, now), self.context.store.transact, now)

        answers = in_order(named, RemitError, let_in)
        self.hooks.proposed(began_ns, answers)
        return answers

    def _propose_unit(self, proposal: Proposal, now: datetime) -> UnitOfWork[ActionIntentV1]:
        return propose.ProposeIntent(self.context, proposal, now).unit()

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
        began_ns = self.hooks.begin()
        facts.for_requests([(each.tenant_id, each.action_intent_id) for each in requests])
        now = self.clock.now()
        self._policies_ahead.requests(self.context, requests, facts, now)
        answers = gate.gate(self.context, requests, facts, now)
        self._gated(began_ns, requests, answers)
        return answers

    def _check_way_out(self) -> None:
        """Raises `ConfigMissing` before anything is charged for what could never leave."""
        if self._checked_sender is not None:
            self._checked_sender.check()

    def _gated(
        self, began_ns: int, requests: Sequence[GateRequest | None], answers: Sequence[GateAnswer | RemitError]
    ) -> None:
        """Publish what was approved; a proposal that was refused has no request."""
        self.execution.note_queued()
        asked = [(request, answer) for request, answer in zip(requests, answers, strict=True) if request is not None]
        self._publish(
            [
                IntentRef(request.tenant_id, request.action_intent_id, answer.approval)
                for request, answer in asked
                if isinstance(answer, GateAnswer) and answer.reserved
            ]
        )
        self.hooks.gated(began_ns, [request for request, _ in asked], [answer for _, answer in asked])

    def _publish(self, intents: Sequence[IntentRef], *, again: bool = False) -> int:
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

    # --- people ---

    def approve(
        self,
        tenant_id: str,
        action_intent_id: str,
        *,
        by: str,
        digest: str,
        credential: Credential = PROCESS,
        undo_for_s: float = 0,
    ) -> Approval | Votes:
        """
        Approve what was seen under `digest`, and publish it after `undo_for_s`, in which it can be taken back (`undo`).

        `credential` is the one through which the person answers. Answers `Votes` while the action type asks for
        further approvers.
        """
        check_person("by", by)
        now = self.clock.now()
        vote, undo_for = Vote(voted_by=by, credential=credential), check_undo_for(undo_for_s)
        return self._approve(
            review.ApproveIntent(self.context, tenant_id, action_intent_id, vote, digest, now, undo_for)
        )

    def _approve(self, approving: review.ApproveIntent, once: UnitOfWork[None] | None = None) -> Approval | Votes:
        """In one write with `once`, if that is to be used up by it."""
        began_ns, unit = self.hooks.begin(), approving.unit()
        answer = self._one(unit) if once is None else self._one(in_one_write(once, unit))[1]
        self._queue_limit.answered(approving.tenant_id)
        if isinstance(answer, Approval):
            if held_until(answer, approving.now) is None:
                self._publish([IntentRef(approving.tenant_id, approving.action_intent_id)])
            self.execution.note_queued()
            self.hooks.approved(began_ns, answer)
        return answer

    def undo(self, tenant_id: str, action_intent_id: str, *, by: str, credential: Credential = PROCESS) -> Case:
        """
        Take back an approval that was given with `undo_for_s`, while that is not over: the intent waits again.

        Raises `NotFound`, `NotInThatState`, `Forbidden` for another's approval, or `Conflict` when it is too late.
        """
        check_person("by", by)
        now = self.clock.now()
        undoing = review.UndoApproval(self.context, tenant_id, action_intent_id, by, credential, now)
        return self._one(undoing.unit())

    def reject(
        self,
        tenant_id: str,
        action_intent_id: str,
        *,
        by: str,
        reason: str | None = None,
        digest: str | None = None,
        credential: Credential = PROCESS,
    ) -> Case:
        """Reject an intent; with `digest`, only if that is what it has."""
        check_person("by", by)
        check_text("reason", reason or "")
        now = self.clock.now()
        return self._reject(
            review.RejectIntent(self.context, tenant_id, action_intent_id, by, credential, reason, digest, now)
        )

    def _reject(self, rejecting: review.RejectIntent, once: UnitOfWork[None] | None = None) -> Case:
        unit = rejecting.unit()
        case = self._one(unit) if once is None else self._one(in_one_write(once, unit))[1]
        self._queue_limit.answered(rejecting.tenant_id)
        return case

    def edit(self, tenant_id: str, action_intent_id: str, *, by: str, changes: Mapping[str, Any]) -> GateAnswer:
        """Replace a waiting intent by an edited one, which waits for a person. Answers the gate's word on that."""
        check_person("by", by)
        old = self.intent(tenant_id, action_intent_id)
        proposal = edited_proposal(old, changes, new_id=self.context.new_id())
        now = self.clock.now()
        self._policies_ahead.proposals(self.context, [proposal], None, now)
        edited = self._one(propose.ProposeIntent(self.context, proposal, now, edited_by=by).unit())
        return self.gate(_request_of(edited))

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
        began_ns = self.hooks.begin()
        named = [attempt(partial(self._same_again, tenant_id, name)) for name in names]
        facts.for_proposals(named)
        now = self.clock.now()
        self._policies_ahead.proposals(self.context, named, facts, now)

        def look(ready: Sequence[Proposal]) -> list[tuple[DecidedAgain, GateAnswer | None] | RemitError]:
            return facts.transact([DecideAgain(self.context, each, facts, again, now).unit() for each in ready])

        both = in_order(named, RemitError, look)
        self._queue_limit.answered(tenant_id)
        ran = [
            (_request_of(proposal), each[1])
            for proposal, each in zip(named, both, strict=True)
            if isinstance(proposal, Proposal) and isinstance(each, tuple) and each[1] is not None
        ]
        self._gated(began_ns, [request for request, _ in ran], [answer for _, answer in ran])
        return [each[0] if isinstance(each, tuple) else each for each in both]

    def _same_again(self, tenant_id: str, action_intent_id: str) -> Proposal:
        intent = self.intent(tenant_id, action_intent_id)
        if intent.expires_at <= self.clock.now():
            raise NotInThatState(action_intent_id, "EXPIRED", "decided again")
        return same_proposal(intent, new_id=self.context.new_id())

    def ask(
        self, tenant_id: str, action_intent_id: str, *, by: str, text: str, credential: Credential = PROCESS
    ) -> list[Question]:
        """
        Ask the agent something about an intent, instead of answering: it waits on. Answers all that was asked so far.

        Raises `NotFound`, `NotInThatState` for what does not wait, `Conflict` where enough was asked, `InvalidInput`.
        """
        check_person("by", by)
        checked_words("text", text)
        now = self.clock.now()
        return self._one(
            ask.ask_unit(self.context, tenant_id, action_intent_id, by=by, credential=credential, text=text, now=now)
        )

    def resolve(
        self,
        tenant_id: str,
        action_intent_id: str,
        *,
        by: str,
        status: Literal["SUCCEEDED", "FAILED"],
        note: str | None = None,
    ) -> Resolution:
        """Say what became of an intent whose outcome is `UNKNOWN`."""
        check_person("by", by)
        if status not in ("SUCCEEDED", "FAILED"):
            raise InvalidInput("status", f"is {status!r}", "say SUCCEEDED or FAILED")
        check_text("note", note or "")
        now = self.clock.now()
        resolving = review.ResolveUnknown(self.context, tenant_id, action_intent_id, status, by, note, now)
        return self._one(resolving.unit())

    def erase(
        self,
        tenant_id: str,
        action_intent_id: str,
        *,
        by: str,
        reason: str,
        paths: Sequence[str] | None = None,
        credential: Credential = PROCESS,
    ) -> Erased:
        """Forget private values of an intent for good: those at `paths`, or all. Answers which went now."""
        check_erasure(by, reason)
        unit = erase_private.erase_private_unit(
            self.context,
            tenant_id,
            action_intent_id,
            paths=paths,
            by=by,
            credential=credential,
            reason=reason,
            now=self.clock.now(),
        )
        return self._one(unit)

    # --- what nobody waits for ---

    def reconcile(self, limit: int = BATCH) -> Reconciled:
        """
        One round: gate what its proposer left, publish what is reserved, publish again what nobody started or
        whose worker is gone, expire, end what its caller began and did not finish in time, and erase results whose time
        is over.
        """
        now = self.clock.now()
        due = reconcile.due(self.context, now, limit)
        published = self._publish([_ref(case) for case in due.get("publish", [])])
        published += self._publish([_ref(case) for case in due.get("publish_again", [])], again=True)
        expired = _done(reconcile.expire(self.context, due.get("expire", []), now))
        expired += _done(execute.expire_begun(self.context, due.get("expire_begun", []), now))
        lapsed = _done(execute.lapse(self.context, due.get("lapse", []), now))
        # Last: it is refused where there is no way out, and holds up nothing else then.
        gated = self.gate([GateRequest(c.action_intent_id, c.tenant_id, c.account_id) for c in due.get("gate", [])])
        self._queue_limit.answered()
        erased = self.results.erase_over()
        return Reconciled(gated=len(gated), published=published, expired=expired, lapsed=lapsed, erased=erased)

    def recover(self, *, by: str, kept: Mapping[str, Iterable[KeptHead]] | None = None) -> list[Recovered]:
        """
        After a restore from a backup: stop autonomy everywhere, say what is found of each tenant, and end what is open.

        It stays stopped until somebody resumes it. `kept` are heads of exports that may be newer than the backup, by
        tenant. Run it before any worker or server is started on what was restored.
        """
        check_person("by", by)
        self.settings.stop(StopScope(), by=by, reason=STOP_REASON)
        return [
            recover_tenant(self.context, tenant_id, self.clock.now(), by=by, kept=(kept or {}).get(tenant_id))
            for tenant_id in self.context.store.tenants()
        ]

    def busy(self) -> bool:
        """Is anything left that Remit itself has to do, now or soon?"""
        return self.context.store.busy(self.context.runnable) or bool(self.context.store.due(self.clock.now(), 1))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def verify_export(entries: Iterable[Mapping[str, Any]], *, kept: Iterable[KeptHead] = ()) -> Report:
    """
    The invariants over an exported file alone; `kept` are the heads that an earlier export named.

    The entries are read twice. What can be read only once, a generator say, is written to a temporary file first.
    """
    with spooled(entries) as lines:
        return verify(lines, own_chain=lines, sealed=True, kept=kept)


def replay_export(
    lines: Iterable[bytes], bounds: Any, *, period: str | None = None, advance: Advance = no_progress
) -> dict[str, Any]:
    """
    What an exported history would have been with these bounds in force: all of it, or its last `period`.

    The lines are read twice. What can be read only once, a generator say, is written to a temporary file first.
    Raises `InvalidInput` for bounds or lines that cannot be read, or are of different tenants.
    """
    with spooled_lines(lines) as kept:
        return replay_lines(kept, parse_bounds(bounds), period, advance)


def prove_bounds(bounds: Any, against: Any, *, never: Sequence[str] = ()) -> dict[str, Any]:
    """
    Whether bounds are wider or narrower than others of the same tenant, without a database, and what never runs alone
    by them. Raises `InvalidInput` for bounds that cannot be read.
    """
    return prove_written(parse_bounds(bounds), parse_bounds(against), never)


def _request_of(intent: ActionIntentV1 | Proposal) -> GateRequest:
    """`intent` has its id by now."""
    return GateRequest(intent.action_intent_id or "", intent.tenant_id, intent.account_id)


def _ref(case: Case) -> IntentRef:
    return IntentRef(case.tenant_id, case.action_intent_id)


def _batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[start : start + BATCH] for start in range(0, len(items), BATCH))


def _may_wait(answer: object) -> bool:
    """May what was answered so be among what waits?"""
    if isinstance(answer, RemitError):
        return False
    return not (isinstance(answer, tuple) and answer[1].status not in UNANSWERED)


def _done(answers: Sequence[bool | RemitError]) -> int:
    return sum(answer is True for answer in answers)
