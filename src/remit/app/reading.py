"""The part of the app that reads: where an intent stands and why, what happened, what is left, and the proof of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, get_args

from remit.app.part import FlowMethod, Part
from remit.core.errors import NotFound
from remit.core.execution.approval import AutoExecStateV1
from remit.core.execution.breaker import described
from remit.core.gate.bounds import BoundsInForce
from remit.core.identity.person import check_person
from remit.core.intent import ActionIntentV1
from remit.core.ledger.entries import EventType, LedgerEntry
from remit.core.lifecycle import Case, Status
from remit.core.records import chain_key, stops_key
from remit.core.values import PLATFORM, SYSTEM, ApprovalSource, check_identifier, check_known, check_moment
from remit.flow.breakers import failing_tools_of
from remit.flow.context import Context, bounds_now, one
from remit.flow.pages import PAGE
from remit.flow.private_values import opened_now
from remit.flow.reading import auto_exec_state as state_flow
from remit.flow.reading import export as export_flow
from remit.flow.reading import known as known_flow
from remit.flow.reading import measure
from remit.flow.reading import policies as policies_flow
from remit.flow.reading import queue as queue_flow
from remit.flow.reading import sampled as sampled_flow
from remit.flow.reading import status as status_flow
from remit.flow.reading import timeline as timeline_flow
from remit.flow.reading import usage as usage_flow
from remit.flow.reading.bounds_history import BoundsHistory
from remit.flow.reading.measured_tenants import TenantMeasures
from remit.flow.reading.timeline import Followed, StreamCursor, TimelineFilter
from remit.flow.reading.waiting import (
    WaitingFilter,
    WaitingGroups,
    assigned_count,
    waiting,
    waiting_count,
    waiting_groups,
    with_deputy,
)
from remit.ports import CaseFilter, Clock

if TYPE_CHECKING:
    from remit.core.diagnosis import Diagnosis
    from remit.core.ledger.verification import KeptHead, Report
    from remit.core.views import (
        EntryAnswer,
        FailingToolAnswer,
        ListedIntent,
        OverviewAnswer,
        QueuedAnswer,
        SampledAnswer,
        StatusAnswer,
        ToldAnswer,
        UsageAnswer,
        WhyAnswer,
    )
    from remit.core.views.report import PeriodReport


class Reading(Part):
    """
    Nothing here changes an intent; an export writes its seal. What goes through a whole history, or looks at
    what was counted of it, is loaded when it is asked for.
    """

    ledger = FlowMethod(status_flow.ledger)
    stops = FlowMethod(status_flow.stops)
    policy_versions = FlowMethod(policies_flow.policy_versions)
    policy_version = FlowMethod(policies_flow.policy_version)
    ledger_entries = FlowMethod(export_flow.ledger_entries)
    require_tenant = FlowMethod(known_flow.require_tenant)

    def __init__(self, context: Context, clock: Clock) -> None:
        super().__init__(context, clock)
        self._bounds_history = BoundsHistory()
        self._tenant_measures = TenantMeasures()

    def bounds(self, tenant_id: str) -> BoundsInForce:
        """The bounds in force for a tenant."""
        return bounds_now(self.context, tenant_id)

    def bounds_after(self, tenant_id: str) -> dict[str, BoundsInForce]:
        """The bounds as each of their latest changes left them, by the id of its entry, in the order of the changes."""
        return self._bounds_history.states(self.context, tenant_id)

    def status(self, tenant_id: str, action_intent_id: str) -> StatusAnswer:
        """One intent as it stands. Raises `NotFound`."""
        return status_flow.status(self.context, tenant_id, action_intent_id, self.clock.now())

    def why(self, tenant_id: str, action_intent_id: str) -> WhyAnswer:
        """The checks in order, the policy clause and its text, what was known, who approved. Raises `NotFound`."""
        return status_flow.why(self.context, tenant_id, action_intent_id, self.clock.now())

    def auto_exec_state(self, tenant_id: str, action_intent_id: str) -> AutoExecStateV1:
        """
        The publication state of an intent's approval, with the windows that were charged.

        Raises `NotFound` also where there is none: never approved, or over, which beside an approval means done.
        """
        return state_flow.auto_exec_state(self.context, tenant_id, action_intent_id, self.clock.now())

    def intent(self, tenant_id: str, action_intent_id: str) -> ActionIntentV1:
        """The stored intent, with its private values as far as they are there. Raises `NotFound`."""
        history = one(self.context, chain_key(tenant_id, action_intent_id))
        (intent,) = opened_now(self.context.store, [history])
        if intent is None:
            raise NotFound("intent", action_intent_id, tenant_id)
        return intent

    def intents(
        self,
        tenant_id: str,
        which: CaseFilter | None = None,
        *,
        after: str | None = None,
        limit: int = PAGE,
        describe: bool = False,
    ) -> tuple[list[ListedIntent], str | None]:
        """
        Intents, the newest first, and the cursor of the next page.

        With `describe`, each with its headline, target, proposer, amounts, and why it failed or was refused.
        """
        asked = which or CaseFilter()
        check_known("statuses", asked.statuses, get_args(Status))
        check_moment("created_from", asked.created_from)
        check_moment("created_before", asked.created_before)
        return status_flow.intents(self.context, tenant_id, asked, after, limit, describe=describe)

    def names_in_use(self, tenant_id: str) -> dict[str, list[str]]:
        """The accounts, action types and reasons that there are, as far as counters and the bounds tell them."""
        return known_flow.names_in_use(self.context, tenant_id, self.clock.now())

    def timeline(
        self,
        tenant_id: str,
        *,
        account_id: str | None = None,
        event_types: Sequence[EventType] | None = None,
        approval_source: ApprovalSource | None = None,
        since: datetime | None = None,
        before: datetime | None = None,
        after: str | None = None,
        limit: int = PAGE,
    ) -> tuple[list[ToldAnswer], str | None]:
        """Events from `since` on and before `before`, newest first, and the cursor of the next page."""
        check_moment("since", since)
        check_moment("before", before)
        check_known("event_types", event_types, get_args(EventType))
        check_known("approval_source", approval_source and [approval_source], get_args(ApprovalSource))
        which = TimelineFilter(account_id, event_types, approval_source, since, before)
        return timeline_flow.timeline(self.context, tenant_id, which, after, limit)

    def stream_cursor(
        self, tenant_id: str, last_event_id: str | None = None, since: datetime | None = None
    ) -> StreamCursor:
        """
        The cursor of a reader of the timeline who was last told this.

        Without that, what comes from now on is behind it, or what carries the time `since` or a later one.

        Raises `InvalidInput`.
        """
        check_moment("since", since)
        return timeline_flow.stream_cursor(self.context, tenant_id, last_event_id, since)

    def since(self, tenant_id: str, cursor: StreamCursor) -> Followed:
        """The timeline behind a cursor, in the order in which it was committed."""
        return timeline_flow.since(self.context, tenant_id, cursor)

    def queue(
        self,
        tenant_id: str,
        *,
        account_id: str | None = None,
        proposed_by: str | None = None,
        reason: str | None = None,
        action_type: str | None = None,
        assigned_to: str | None = None,
        answerer: str | None = None,
        order: queue_flow.QueueOrder = "turns",
        after: str | None = None,
        limit: int = PAGE,
    ) -> tuple[list[QueuedAnswer], str | None]:
        """
        The intents that need a person, proposers in turns and of each the soonest to expire first, and the next page's
        cursor.

        With `answerer` as that person sees it: without what they have approved and which waits for others. With
        `assigned_to` the cards that this person has: theirs, and those of whoever handed theirs over. By `expiry` or
        `amount` there is one page.
        """
        now = self.clock.now()
        people = with_deputy(self.context, tenant_id, assigned_to, now) if assigned_to else None
        which = WaitingFilter(account_id, proposed_by, reason, answerer, action_type, people)
        return queue_flow.queue(self.context, tenant_id, which, after, limit, now, order)

    def sampled(
        self, tenant_id: str, *, account_id: str | None = None, after: str | None = None, limit: int = PAGE
    ) -> tuple[list[SampledAnswer], str | None]:
        """Automatic actions that people are shown afterwards and nobody judged yet (`judge`), by id."""
        return sampled_flow.sampled(self.context, tenant_id, account_id, after, limit, self.clock.now())

    def sampled_count(self, tenant_id: str) -> int:
        """The number of those, as far as `MOST_COUNTED`."""
        return sampled_flow.sampled_count(self.context, tenant_id, self.clock.now())

    def overview(self, tenant_id: str, *, answerer: str | None = None) -> OverviewAnswer:
        """One look: what ran alone today, what waits (for `answerer`), what went wrong, and what is nearly used up."""
        from remit.flow.reading import overview as overview_flow

        return overview_flow.overview(self.context, tenant_id, self.clock.now(), answerer=answerer)

    def waiting_count(self, tenant_id: str, *, answerer: str | None = None) -> int:
        """The number of intents that wait for a person, or for `answerer`."""
        return waiting_count(self.context, tenant_id, answerer)

    def assigned_count(self, tenant_id: str, *, answerer: str) -> int:
        """Of what waits for `answerer`, how much is assigned to them, or to whoever handed theirs over."""
        return assigned_count(self.context, tenant_id, answerer, self.clock.now())

    def queue_groups(self, tenant_id: str, *, answerer: str | None = None) -> WaitingGroups:
        """
        The numbers of what waits for a person (or for `answerer`), by who proposed it, why a person is asked, type,
        account.
        """
        return waiting_groups(self.context, tenant_id, self.clock.now(), answerer)

    def recount(self, tenant_id: str) -> int:
        """
        Make right what is kept beside what waits, counts and lists, and how many intents ended in each way; how many
        of these were wrong. Everything goes on meanwhile.
        """
        from remit.flow.notifications import count

        return self.context.store.recount(tenant_id) + count.recount_statuses(self.context, tenant_id)

    def usage(self, tenant_id: str, *, account_id: str | None = None) -> UsageAnswer:
        """Today's budgets: limits, use, what is left, when it resets; and the stops that are pulled."""
        if account_id is not None:
            check_identifier("account_id", account_id)
        return usage_flow.usage(self.context, tenant_id, account_id, self.clock.now())

    def measure(self, tenant_id: str | None = None, *, most_accounts: int = measure.MOST_ACCOUNTS) -> measure.Measured:
        """
        The numbers that monitoring watches, of one tenant or of the first 200; budgets of at most so many accounts.

        Of all, what is remembered of a tenant is read again when its ledger has grown or a window has ended.
        """
        now = self.clock.now()
        if tenant_id is None:
            return self._tenant_measures.measure(self.context, now, most_accounts)
        return measure.measure(self.context, tenant_id, now, most_accounts)

    def publish_lag_s(self) -> float:
        """Seconds that the oldest approval of any tenant that should have left by now has waited; 0 if none does."""
        return max(measure.publish_lags(self.context, self.clock.now()).values(), default=0.0)

    def waiting(self, tenant_id: str, *, answerer: str | None = None, limit: int = PAGE) -> list[Case]:
        """The cases that need a person (or `answerer`), in the order of `queue`, which says more of each."""
        return waiting(self.context, tenant_id, WaitingFilter(answerer=answerer), None, limit)[0]

    def history(
        self, tenant_id: str, *, after: str | None = None, limit: int = PAGE
    ) -> tuple[list[LedgerEntry], str | None]:
        """Changes of the bounds and of the stop switches, each with its author, newest first."""
        return status_flow.history(self.context, tenant_id, after, limit)

    def accounts_in_sight(self, tenant_id: str) -> set[str]:
        """The accounts that the bounds name, that were charged today, or for which something waits."""
        return known_flow.accounts_in_sight(self.context, tenant_id, self.clock.now())

    def tenants(self) -> list[str]:
        """Every tenant that has anything stored, the platform among them."""
        return self.context.store.tenants()

    def counts(self, tenant_id: str) -> dict[str, int]:
        """
        The number of the tenant's intents in each status. Final ones are counted as the ledger is followed, so that it
        costs little however many there are; what ended in the last moment may be missing.
        """
        from remit.flow.notifications import count

        return count.counts(self.context, tenant_id)

    def moment_of(self, tenant_id: str, field: str, text: str) -> datetime:
        """The moment that a day of the tenant's, or an RFC 3339 time, names. Raises `InvalidInput` naming `field`."""
        from remit.flow.reading import report as report_flow

        return report_flow.moment_of(self.context, tenant_id, field, text, self.clock.now())

    def report(
        self, tenant_id: str, first: datetime, before: datetime, *, verified: Report | None = None
    ) -> PeriodReport:
        """
        A report from `first` on and before `before`: what ran alone and why, what people answered and how fast,
        what failed, and every change of bounds, stops and keys. `verified` is what `verify` said, to stand in it.
        """
        from remit.flow.reading import report as report_flow

        check_moment("first", first)
        check_moment("before", before)
        return report_flow.report(self.context, tenant_id, first, before, self.clock.now(), verified)

    def export(self, tenant_id: str, *, by: str | None = None) -> Iterator[EntryAnswer]:
        """
        Every ledger entry of a tenant, closed by a seal that is written when the rest has been read.

        Without `by`, Remit itself seals it.
        """
        return export_flow.export(self.context, tenant_id, self.clock.now(), by=_sealed_by(by))

    def export_lines(self, tenant_id: str, *, by: str | None = None) -> Iterator[bytes]:
        """The export as lines, each as it is stored and without its end."""
        return export_flow.export_lines(self.context, tenant_id, self.clock.now(), by=_sealed_by(by))

    def extract_lines(
        self, tenant_id: str, first: datetime | None = None, before: datetime | None = None
    ) -> Iterator[bytes]:
        """
        The entries from `first` on and before `before` as lines, in the order in which they were taken in.

        A part to read: it has no seal, and `verify_export` wants the whole. Raises `NotFound`.
        """
        check_moment("first", first)
        check_moment("before", before)
        return export_flow.extract_lines(self.context, tenant_id, first, before)

    def failing_tools(self, tenant_id: str) -> list[FailingToolAnswer]:
        """The tools whose latest calls failed, by name; those that are paused say until when."""
        return [described(breaker) for breaker in failing_tools_of(self.context, tenant_id)]

    def verify(self, tenant_id: str, *, kept: Iterable[KeptHead] | None = None) -> Report:
        """
        The invariants over the store as it is: its ledger, and every row that follows from it.

        `kept` are the heads of an earlier export: each must still stand where it stood.
        """
        from remit.flow.reading import verify as verify_flow

        return verify_flow.verify_live(self.context, tenant_id, self.clock.now(), kept=kept)

    def diagnose(self, tenant_id: str, *, connect: bool = True) -> Iterator[Diagnosis]:
        """
        Causes that keep a tenant's actions from being decided or executed, check by check; nothing is changed or sent.
        """
        from remit.flow.reading.diagnose import diagnose

        yield from diagnose(self.context, tenant_id, self.clock.now(), connect=connect)
        from remit.flow.notifications import count

        yield from count.diagnose_counts(self.context, tenant_id)

    def check_ready(self) -> None:
        """Raises `TryLater` if the store does not answer."""
        self.context.store.read([stops_key(PLATFORM)])


def _sealed_by(name: str | None) -> str:
    """Raises `InvalidInput`."""
    if name is None:
        return SYSTEM
    check_person("by", name)
    return name
