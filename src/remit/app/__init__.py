"""
`App`: all that doors call. It holds the parts, in which the steps of `flow` are strung together, and shows their verbs.

- `gating`: propose, gate, both in one write, decide again, and what was approved on its way. `single_proposals`:
  those of several threads, decided as one list.
- `people`, `assignments`, `chat`, `answer_links`: people's answers, at a door, in a chat, by a mailed link.
- `own`, `answers`, `answer_feed`: what proposers do with their own intents, and the answer they wait for.
- `execution`, `results`: what workers take, and what tools answered.
- `settings`: bounds, stops, keys, sessions, links. `notifications`, `push`: who is told.
- `reading`: everything that changes nothing; `offline`: what needs no store at all.
- `upkeep`: what nobody waits for: reconcile, and recover after a restore.

Everything that may raise says so in `remit.core.errors`. Being sent to a person is an answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Self, TypeVar

from remit.app.part import OnDemand, Part
from remit.flow.context import Context
from remit.flow.queue_limit import QueueLimit
from remit.hooks import Hooks
from remit.ports import Clock, SendingPublisher

if TYPE_CHECKING:
    from remit.app.answer_links import AnswerLinks
    from remit.app.answers import AgentAnswers
    from remit.app.assignments import Assignments
    from remit.app.chat import ChatAnswers
    from remit.app.execution import Execution
    from remit.app.gating import Gating
    from remit.app.notifications import Notifications
    from remit.app.own import OwnIntents
    from remit.app.people import People
    from remit.app.push import Push
    from remit.app.reading import Reading
    from remit.app.results import Results
    from remit.app.settings import Settings
    from remit.app.upkeep import Upkeep

T = TypeVar("T")


def _shown(find: Callable[[App], T]) -> OnDemand[T]:
    """A verb of a part as the app's own."""
    return OnDemand(find)


class App(Part):
    """
    One running Remit over one store. Safe to share between threads. Made by `remit.wiring`.

    Each part is loaded when it is first asked for: a command that reads waits for nothing that decides or executes.
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
        self._queue_limit = QueueLimit(context.most_waiting)
        self.hooks = Hooks()
        self.now, self.close = clock.now, on_close

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- reading ---

    @OnDemand
    def reading(self) -> Reading:
        from remit.app.reading import Reading

        return Reading(self.context, self.clock)

    intent = _shown(lambda app: app.reading.intent)
    intents = _shown(lambda app: app.reading.intents)
    ledger = _shown(lambda app: app.reading.ledger)
    names_in_use = _shown(lambda app: app.reading.names_in_use)
    status = _shown(lambda app: app.reading.status)
    why = _shown(lambda app: app.reading.why)
    auto_exec_state = _shown(lambda app: app.reading.auto_exec_state)
    timeline = _shown(lambda app: app.reading.timeline)
    since = _shown(lambda app: app.reading.since)
    history = _shown(lambda app: app.reading.history)
    stream_cursor = _shown(lambda app: app.reading.stream_cursor)
    bounds = _shown(lambda app: app.reading.bounds)
    bounds_after = _shown(lambda app: app.reading.bounds_after)
    queue = _shown(lambda app: app.reading.queue)
    queue_groups = _shown(lambda app: app.reading.queue_groups)
    waiting = _shown(lambda app: app.reading.waiting)
    waiting_count = _shown(lambda app: app.reading.waiting_count)
    assigned_count = _shown(lambda app: app.reading.assigned_count)
    recount = _shown(lambda app: app.reading.recount)
    overview = _shown(lambda app: app.reading.overview)
    sampled = _shown(lambda app: app.reading.sampled)
    sampled_count = _shown(lambda app: app.reading.sampled_count)
    report = _shown(lambda app: app.reading.report)
    moment_of = _shown(lambda app: app.reading.moment_of)
    usage = _shown(lambda app: app.reading.usage)
    counts = _shown(lambda app: app.reading.counts)
    tenants = _shown(lambda app: app.reading.tenants)
    measure = _shown(lambda app: app.reading.measure)
    publish_lag_s = _shown(lambda app: app.reading.publish_lag_s)
    stops = _shown(lambda app: app.reading.stops)
    check_ready = _shown(lambda app: app.reading.check_ready)
    failing_tools = _shown(lambda app: app.reading.failing_tools)
    policy_versions = _shown(lambda app: app.reading.policy_versions)
    policy_version = _shown(lambda app: app.reading.policy_version)
    export = _shown(lambda app: app.reading.export)
    export_lines = _shown(lambda app: app.reading.export_lines)
    verify = _shown(lambda app: app.reading.verify)
    ledger_entries = _shown(lambda app: app.reading.ledger_entries)
    extract_lines = _shown(lambda app: app.reading.extract_lines)
    diagnose = _shown(lambda app: app.reading.diagnose)
    require_tenant = _shown(lambda app: app.reading.require_tenant)
    accounts_in_sight = _shown(lambda app: app.reading.accounts_in_sight)

    # --- settings ---

    @OnDemand
    def settings(self) -> Settings:
        from remit.app.settings import Settings

        return Settings(self.context, self.clock)

    apply = _shown(lambda app: app.settings.apply)
    apply_part = _shown(lambda app: app.settings.apply_part)
    promote = _shown(lambda app: app.settings.promote)
    automate = _shown(lambda app: app.settings.automate)
    suggestions = _shown(lambda app: app.settings.suggestions)
    replay = _shown(lambda app: app.settings.replay)
    replay_change = _shown(lambda app: app.settings.replay_change)
    prove = _shown(lambda app: app.settings.prove)
    prove_change = _shown(lambda app: app.settings.prove_change)
    check_policies = _shown(lambda app: app.settings.check_policies)
    mistakes_in = _shown(lambda app: app.settings.mistakes_in)
    warnings = _shown(lambda app: app.settings.warnings)
    stop = _shown(lambda app: app.settings.stop)
    resume = _shown(lambda app: app.settings.resume)
    create_key = _shown(lambda app: app.settings.create_key)
    keys = _shown(lambda app: app.settings.keys)
    revoke_key = _shown(lambda app: app.settings.revoke_key)
    authenticate = _shown(lambda app: app.settings.authenticate)
    begin_session = _shown(lambda app: app.settings.begin_session)
    session = _shown(lambda app: app.settings.session)
    end_session = _shown(lambda app: app.settings.end_session)
    end_issuer_sessions = _shown(lambda app: app.settings.end_issuer_sessions)
    make_link = _shown(lambda app: app.settings.make_link)
    redeem_link = _shown(lambda app: app.settings.redeem_link)

    # --- gating ---

    @OnDemand
    def gating(self) -> Gating:
        from remit.app.gating import Gating

        limit, sender, publishing = self._queue_limit, self._sender, self._publishing
        return Gating(self.execution, self.own, self.reading, self.hooks, limit, sender=sender, publishing=publishing)

    propose = _shown(lambda app: app.gating.propose)
    submit = _shown(lambda app: app.gating.submit)
    gate = _shown(lambda app: app.gating.gate)
    submit_and_begin = _shown(lambda app: app.gating.submit_and_begin)
    submit_at_once = _shown(lambda app: app.gating.submit_at_once)
    decide_again = _shown(lambda app: app.gating.decide_again)
    facts_now = _shown(lambda app: app.gating.facts_now)
    looks_up_facts = _shown(lambda app: app.gating.looks_up_facts)

    # --- people ---

    @OnDemand
    def people(self) -> People:
        from remit.app.people import People

        return People(self.gating, self.execution, self.reading, self.hooks, self._queue_limit)

    approve = _shown(lambda app: app.people.approve)
    undo = _shown(lambda app: app.people.undo)
    reject = _shown(lambda app: app.people.reject)
    edit = _shown(lambda app: app.people.edit)
    ask = _shown(lambda app: app.people.ask)
    resolve = _shown(lambda app: app.people.resolve)
    erase = _shown(lambda app: app.people.erase)
    judge = _shown(lambda app: app.people.judge)

    # --- assignments ---

    @OnDemand
    def assignments(self) -> Assignments:
        from remit.app.assignments import Assignments

        return Assignments(self.context, self.clock)

    assign = _shown(lambda app: app.assignments.assign)
    hand_over = _shown(lambda app: app.assignments.hand_over)
    handovers = _shown(lambda app: app.assignments.handovers)

    # --- execution ---

    @OnDemand
    def execution(self) -> Execution:
        from remit.app.execution import Execution

        return Execution(self.context, self.clock)

    take = _shown(lambda app: app.execution.take)
    look_again = _shown(lambda app: app.execution.look_again)
    carry_out = _shown(lambda app: app.execution.carry_out)
    settle = _shown(lambda app: app.execution.settle)
    has_queued = _shown(lambda app: app.execution.has_queued)
    waking = _shown(lambda app: app.execution.waking)
    executor = _shown(lambda app: app.execution.executor)
    resume_tool = _shown(lambda app: app.execution.resume_tool)

    # --- own ---

    @OnDemand
    def own(self) -> OwnIntents:
        from remit.app.own import OwnIntents

        return OwnIntents(self.execution, self.hooks, self._queue_limit.answered)

    withdraw = _shown(lambda app: app.own.withdraw)
    supplement = _shown(lambda app: app.own.supplement)
    begin = _shown(lambda app: app.own.begin)
    finish = _shown(lambda app: app.own.finish)
    renew = _shown(lambda app: app.own.renew)
    mark_waiting = _shown(lambda app: app.own.mark_waiting)

    # --- results ---

    @OnDemand
    def results(self) -> Results:
        from remit.app.results import Results

        return Results(self.context, self.clock)

    result = _shown(lambda app: app.results.result)
    result_settings = _shown(lambda app: app.results.result_settings)
    erase_result = _shown(lambda app: app.results.erase_result)

    # --- answers ---

    @OnDemand
    def answers(self) -> AgentAnswers:
        from remit.app.answers import AgentAnswers

        return AgentAnswers(self.context, self.clock)

    answer = _shown(lambda app: app.answers.answer)
    wait = _shown(lambda app: app.answers.wait)

    # --- notifications ---

    @OnDemand
    def notifications(self) -> Notifications:
        from remit.app.notifications import Notifications

        return Notifications(self.context, self.clock)

    set_subscription = _shown(lambda app: app.notifications.set_subscription)
    subscriptions = _shown(lambda app: app.notifications.subscriptions)
    remove_subscription = _shown(lambda app: app.notifications.remove_subscription)
    test_subscription = _shown(lambda app: app.notifications.test_subscription)
    deliveries = _shown(lambda app: app.notifications.deliveries)
    due_deliveries = _shown(lambda app: app.notifications.due_deliveries)
    follow = _shown(lambda app: app.notifications.follow)
    deliver = _shown(lambda app: app.notifications.deliver)
    tally = _shown(lambda app: app.notifications.tally)

    # --- answer links ---

    @OnDemand
    def answer_links(self) -> AnswerLinks:
        from remit.app.answer_links import AnswerLinks

        return AnswerLinks(self.context, self.clock, self.people)

    # --- chat ---

    @OnDemand
    def chat(self) -> ChatAnswers:
        from remit.app.chat import ChatAnswers

        return ChatAnswers(self.context, self.clock, self.people)

    # --- push ---

    @OnDemand
    def push(self) -> Push:
        from remit.app.push import Push

        return Push(self.context, self.clock)

    # --- upkeep ---

    @OnDemand
    def upkeep(self) -> Upkeep:
        from remit.app.upkeep import Upkeep

        return Upkeep(self.gating, self.settings, self.results, self._queue_limit)

    reconcile = _shown(lambda app: app.upkeep.reconcile)
    recover = _shown(lambda app: app.upkeep.recover)
    busy = _shown(lambda app: app.upkeep.busy)
