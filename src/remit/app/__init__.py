"""
`App`: all that doors call. It strings the steps of `flow` together, and holds its parts.

- `gating`: propose, gate, both in one write, decide again, and what was approved on its way.
- `people`, `assignments`, `chat`, `answer_links`: people's answers, at a door, in a chat, by a mailed link.
- `own`, `answers`, `answer_feed`: what proposers do with their own intents, and the answer they wait for.
- `execution`, `results`: what workers take, and what tools answered.
- `settings`: bounds, stops, keys, sessions, links. `notifications`, `push`: who is told.
- `reading`: everything that changes nothing.

Everything that may raise says so in `remit.core.errors`. Being sent to a person is an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from remit.app.answer_links import AnswerLinks
from remit.app.answers import AgentAnswers
from remit.app.assignments import Assignments
from remit.app.chat import ChatAnswers
from remit.app.execution import Execution
from remit.app.gating import BATCH, Gating
from remit.app.notifications import Notifications
from remit.app.own import OwnIntents
from remit.app.part import Part
from remit.app.people import People
from remit.app.push import Push
from remit.app.reading import Reading
from remit.app.results import Results
from remit.app.settings import Settings
from remit.core.errors import RemitError
from remit.core.gate.autonomy import StopScope
from remit.core.gate.bounds_checks import parse_bounds
from remit.core.ledger.verification import KeptHead, Report, verify
from remit.core.lifecycle import Case
from remit.core.values import check_person
from remit.flow import execute, reconcile
from remit.flow.context import Context
from remit.flow.gate import GateRequest
from remit.flow.publish import IntentRef
from remit.flow.queue_limit import QueueLimit
from remit.flow.reading.replay import Advance, no_progress, replay_lines
from remit.flow.reading.spool import spooled, spooled_lines
from remit.flow.recover import STOP_REASON, Recovered, recover_tenant
from remit.flow.settings.proof import prove_written
from remit.hooks import Hooks
from remit.ports import Clock, SendingPublisher


@dataclass(frozen=True, slots=True)
class Reconciled:
    """The numbers of cases that a round of reconciling moved on, by what was done."""

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

    It reconciles and recovers; all else belongs to the parts that it holds, whose verbs it shows as its own.
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
        self._queue_limit = QueueLimit(context.most_waiting)
        self.hooks = Hooks()
        self.now, self.close = clock.now, on_close
        self._show_reading(Reading(context, clock))
        self._show_settings(Settings(context, clock))
        self._show_notifications(Notifications(context, clock))
        self._show_execution(Execution(context, clock))
        self._show_own(OwnIntents(context, clock, self.hooks, self._queue_limit.answered))
        self._show_results(Results(context, clock))
        hooks, limit = self.hooks, self._queue_limit
        self._show_gating(
            Gating(self.execution, self.own, self.reading, hooks, limit, sender=sender, publishing=publishing)
        )
        self._show_people(People(self.gating, self.execution, self.reading, hooks, limit))
        self.chat = ChatAnswers(context, clock, self.people)
        self.push = Push(context, clock)
        self.answer_links = AnswerLinks(context, clock, self.people)
        self._show_assignments(Assignments(context, clock))
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
        self.waiting_count, self.assigned_count = reading.waiting_count, reading.assigned_count
        self.recount, self.overview = reading.recount, reading.overview
        self.sampled, self.sampled_count = reading.sampled, reading.sampled_count
        self.report, self.moment_of = reading.report, reading.moment_of
        self.usage, self.counts, self.tenants = reading.usage, reading.counts, reading.tenants
        self.measure, self.publish_lag_s = reading.measure, reading.publish_lag_s
        self.stops, self.check_ready = reading.stops, reading.check_ready
        self.failing_tools = reading.failing_tools
        self.policy_versions, self.policy_version = reading.policy_versions, reading.policy_version
        self.export, self.export_lines, self.verify = reading.export, reading.export_lines, reading.verify
        self.ledger_entries, self.extract_lines = reading.ledger_entries, reading.extract_lines
        self.diagnose = reading.diagnose
        self.require_tenant, self.accounts_in_sight = reading.require_tenant, reading.accounts_in_sight

    def _show_settings(self, settings: Settings) -> None:
        self.settings = settings
        self.apply, self.apply_part, self.bounds = settings.apply, settings.apply_part, settings.bounds
        self.promote, self.automate = settings.promote, settings.automate
        self.suggestions = settings.suggestions
        self.replay, self.replay_change = settings.replay, settings.replay_change
        self.prove, self.prove_change = settings.prove, settings.prove_change
        self.check_policies = settings.check_policies
        self.mistakes_in, self.warnings = settings.mistakes_in, settings.warnings
        self.stop, self.resume = settings.stop, settings.resume
        self.create_key, self.keys, self.revoke_key = settings.create_key, settings.keys, settings.revoke_key
        self.authenticate = settings.authenticate
        self.begin_session, self.session = settings.begin_session, settings.session
        self.end_session, self.end_issuer_sessions = settings.end_session, settings.end_issuer_sessions
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

    def _show_gating(self, gating: Gating) -> None:
        self.gating = gating
        self.propose, self.submit, self.gate = gating.propose, gating.submit, gating.gate
        self.submit_and_begin, self.submit_at_once = gating.submit_and_begin, gating.submit_at_once
        self.decide_again = gating.decide_again
        self.facts_now, self.looks_up_facts = gating.facts_now, gating.looks_up_facts

    def _show_people(self, people: People) -> None:
        self.people = people
        self.approve, self.undo, self.reject = people.approve, people.undo, people.reject
        self.edit, self.ask, self.resolve, self.erase = people.edit, people.ask, people.resolve, people.erase
        self.judge = people.judge

    # --- what nobody waits for ---

    def reconcile(self, limit: int = BATCH) -> Reconciled:
        """
        One round: gate what its proposer left, publish what is reserved, publish again what nobody started or
        whose worker is gone, expire, end what its caller began and did not finish in time, and erase results whose time
        is over.
        """
        now = self.clock.now()
        due = reconcile.due(self.context, now, limit)
        published = self.gating.publish([_ref(case) for case in due.get("publish", [])])
        published += self.gating.publish([_ref(case) for case in due.get("publish_again", [])], again=True)
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
    Replay an exported history with these bounds in force: all of it, or its last `period`.

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


def _ref(case: Case) -> IntentRef:
    return IntentRef(case.tenant_id, case.action_intent_id)


def _done(answers: Sequence[bool | RemitError]) -> int:
    return sum(answer is True for answer in answers)
