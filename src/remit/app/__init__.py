"""
`App`: what every door calls. One method a verb; each strings the steps of `flow` together.

Everything that may raise says so in `remit.core.errors`. Being sent to a person is an answer.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Self, TypeVar, overload

from remit.app.notifications import Telling
from remit.core.edit import edited_proposal
from remit.core.errors import InvalidInput, NotFound, OutcomeUnknown, RemitError, TryLater
from remit.core.execution.approval import Approval
from remit.core.execution.outcome import CallResult, Resolution
from remit.core.gate.autonomy import Stop, StopLevel, StopScope
from remit.core.gate.bounds import Bounds, BoundsInForce, parse_bounds
from remit.core.gate.bounds_parts import BoundsPart
from remit.core.identity.access import ApiKey, Principal, parse_new_key
from remit.core.identity.session import LINK_LIVES, csrf_token
from remit.core.intent import ActionIntentV1, Proposal
from remit.core.ledger.entries import EventType, LedgerEntry
from remit.core.ledger.history import Votes
from remit.core.ledger.position import LedgerCursor
from remit.core.ledger.verification import Report, verify
from remit.core.lifecycle import Case
from remit.core.records import STOPS, THE_ONE, Key, chain_key
from remit.core.values import PLATFORM, ApprovalSource, check_text
from remit.flow import execute, gate, propose, publish, reconcile, review
from remit.flow.context import Context, bounds_now, in_one_write, one
from remit.flow.gate import GateAnswer, GateRequest
from remit.flow.publish import IntentRef
from remit.flow.reading import export, measure, policies, status, timeline, usage
from remit.flow.reading.pages import PAGE
from remit.flow.reading.timeline import Followed, TimelineFilter
from remit.flow.settings import bounds as bounds_flow
from remit.flow.settings import keys, sessions
from remit.hooks import Hooks
from remit.ports import CaseFilter, Clock, SendingPublisher, UnitOfWork, answer_of

log = logging.getLogger(__name__)
T = TypeVar("T")
BATCH = 200
"""How many intents share a transaction, at most."""


@dataclass(frozen=True, slots=True)
class Reconciled:
    """How many cases a round of reconciling moved on, by what was done."""

    gated: int = 0
    published: int = 0
    expired: int = 0

    @property
    def total(self) -> int:
        return self.gated + self.published + self.expired


class App(Telling):
    """One running Remit over one store. Safe to share between threads. Made by `remit.wiring`."""

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
        self._sender, self._publishing, self._on_close = sender, publishing, on_close
        self._queued = threading.Event()
        self.hooks = Hooks()

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
        return [answer for batch in _batches(proposals) for answer in self._submit(batch)]

    def _submit(self, proposals: Sequence[Any]) -> list[GateAnswer | RemitError]:
        # One write stores the proposal and decides it: nobody waits for two commits, and nothing is left ungated.
        began_ns, now = self.hooks.begin(), self.clock.now()
        named = [propose.named(self.context, data) for data in proposals]
        units = [
            in_one_write(
                propose.propose_unit(self.context, proposal, now),
                gate.gate_unit(self.context, _request_of(proposal), now),
            )
            for proposal in named
            if isinstance(proposal, Proposal)
        ]
        done = iter(self.context.store.transact(units))
        both = [next(done) if isinstance(proposal, Proposal) else proposal for proposal in named]
        self.hooks.proposed(began_ns, [each[0] if isinstance(each, tuple) else each for each in both])
        answers = [each[1] if isinstance(each, tuple) else each for each in both]
        self._gated(began_ns, [_request_of(each[0]) if isinstance(each, tuple) else None for each in both], answers)
        return answers

    def _propose(self, proposals: Sequence[Any]) -> list[ActionIntentV1 | RemitError]:
        began_ns = self.hooks.begin()
        answers = propose.propose(self.context, proposals, self.clock.now())
        self.hooks.proposed(began_ns, answers)
        return answers

    @overload
    def gate(self, requests: GateRequest) -> GateAnswer: ...
    @overload
    def gate(self, requests: Sequence[GateRequest]) -> list[GateAnswer | RemitError]: ...
    def gate(self, requests: Any) -> Any:
        """Decide intents, one or many, and publish what was approved."""
        if isinstance(requests, GateRequest):
            return answer_of(self._gate([requests]))
        answers: list[GateAnswer | RemitError] = []
        for batch in _batches(requests):
            answers += self._gate(batch)
        return answers

    def _gate(self, requests: Sequence[GateRequest]) -> list[GateAnswer | RemitError]:
        began_ns = self.hooks.begin()
        answers = gate.gate(self.context, requests, self.clock.now())
        self._gated(began_ns, requests, answers)
        return answers

    def _gated(
        self, began_ns: int, requests: Sequence[GateRequest | None], answers: Sequence[GateAnswer | RemitError]
    ) -> None:
        """Publish what was approved; a proposal that was refused has no request."""
        if self.context.publishes:
            self._queued.set()
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

    def approve(self, tenant_id: str, action_intent_id: str, *, by: str, digest: str) -> Approval | Votes:
        """
        Approve what was seen under `digest`, and publish it.

        Answers `Votes` while the action type asks for further approvers.
        """
        _named("by", by)
        began_ns, now = self.hooks.begin(), self.clock.now()
        unit = review.approve_unit(self.context, tenant_id, action_intent_id, by=by, digest=digest, now=now)
        answer = self._one(unit)
        if isinstance(answer, Approval):
            self._publish([IntentRef(tenant_id, action_intent_id)])
            self._queued.set()
            self.hooks.approved(began_ns, answer)
        return answer

    def reject(
        self, tenant_id: str, action_intent_id: str, *, by: str, reason: str | None = None, digest: str | None = None
    ) -> Case:
        """Reject an intent; with `digest`, only if that is what it has."""
        _named("by", by)
        check_text("reason", reason or "")
        now = self.clock.now()
        return self._one(
            review.reject_unit(self.context, tenant_id, action_intent_id, by=by, reason=reason, digest=digest, now=now)
        )

    def edit(self, tenant_id: str, action_intent_id: str, *, by: str, changes: Mapping[str, Any]) -> GateAnswer:
        """Replace a waiting intent by an edited one, which waits for a person. Answers the gate's word on that."""
        _named("by", by)
        old = self.intent(tenant_id, action_intent_id)
        proposal = edited_proposal(old, changes, new_id=self.context.new_id())
        edited = self._one(propose.propose_unit(self.context, proposal, self.clock.now(), edited_by=by))
        return self.gate(_request_of(edited))

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
        _named("by", by)
        if status not in ("SUCCEEDED", "FAILED"):
            raise InvalidInput("status", f"is {status!r}", "say SUCCEEDED or FAILED")
        check_text("note", note or "")
        now = self.clock.now()
        return self._one(
            review.resolve_unit(self.context, tenant_id, action_intent_id, status=status, by=by, note=note, now=now)
        )

    # --- bounds ---

    def apply(
        self, bounds: Any, *, by: str, dry_run: bool = False, expected_sequence: int | None = None
    ) -> tuple[BoundsInForce, BoundsInForce]:
        """
        Replace a tenant's whole bounds. Answers what was in force and what is, or would be.

        Raises `InvalidInput` naming the field, and `BoundsChanged` if the bounds in force are not number
        `expected_sequence`; then nothing changed.
        """
        checked = parse_bounds(bounds)
        return self._change_bounds(
            checked.tenant, lambda _: checked, by=by, dry_run=dry_run, expected_sequence=expected_sequence
        )

    def apply_part(
        self,
        tenant_id: str,
        part: BoundsPart,
        *,
        by: str,
        dry_run: bool = False,
        expected_sequence: int | None = None,
    ) -> tuple[BoundsInForce, BoundsInForce]:
        """The same for one part of them; the others stay as they are, whoever changes them meanwhile."""
        return self._change_bounds(tenant_id, part.within, by=by, dry_run=dry_run, expected_sequence=expected_sequence)

    def _change_bounds(
        self,
        tenant_id: str,
        wanted: Callable[[Bounds], Bounds],
        *,
        by: str,
        dry_run: bool,
        expected_sequence: int | None,
    ) -> tuple[BoundsInForce, BoundsInForce]:
        _named("by", by)
        before, now = self.bounds(tenant_id), self.clock.now()
        checked = wanted(before.bounds)
        bounds_flow.check_tools(checked, self.context.connectors)
        if dry_run:
            return before, bounds_flow.next_bounds(before, checked, now, expected_sequence)
        change = bounds_flow.change_unit(
            self.context, tenant_id, wanted, by=by, now=now, expected_sequence=expected_sequence
        )
        changed, _ = self._one(in_one_write(change, bounds_flow.keep_policies_unit(tenant_id)))
        return changed

    def bounds(self, tenant_id: str) -> BoundsInForce:
        """What is in force for a tenant."""
        return bounds_now(self.context, tenant_id)

    def policy_versions(self, tenant_id: str) -> list[dict[str, Any]]:
        """Every kept version of a tenant's policies, the one in force first."""
        return policies.policy_versions(self.context, tenant_id)

    def policy_version(self, tenant_id: str, version: str) -> dict[str, Any]:
        """One kept version with its text. Raises `NotFound`."""
        return policies.policy_version(self.context, tenant_id, version)

    def stop(self, scope: StopScope, *, by: str, reason: str, level: StopLevel = "autonomy") -> Stop:
        """Pull a stop switch: it takes effect on the next decision and the next execution."""
        now = self.clock.now()
        return self._one(bounds_flow.stop_unit(self.context, scope, level, by=by, reason=reason, now=now))

    def resume(self, scope: StopScope, *, by: str, reason: str, level: StopLevel = "autonomy") -> bool:
        """Put a stop switch back. False if it was not pulled."""
        now = self.clock.now()
        return self._one(bounds_flow.resume_unit(self.context, scope, level, by=by, reason=reason, now=now))

    # --- who may ---

    def create_key(self, tenant_id: str, asked: Any, *, by: str) -> tuple[ApiKey, str]:
        """Make an API key. Its text is in the answer, and nowhere else ever again."""
        made, text = keys.create(
            self.context,
            tenant_id,
            parse_new_key(asked),
            secret=_secret(),
            created_by=by,
            now=self.clock.now(),
        )
        return made, str(text)

    def keys(self, tenant_id: str) -> Sequence[ApiKey]:
        return keys.listed(self.context, tenant_id)

    def revoke_key(self, tenant_id: str, key_id: str, *, by: str) -> ApiKey:
        return keys.revoke(self.context, tenant_id, key_id, by=by, now=self.clock.now())

    def authenticate(self, key: str) -> Principal:
        """Whom an API key's text lets in. Raises `Unauthenticated`."""
        return keys.authenticate(self.context, key, self.clock.now())

    def begin_session(self, principal: Principal, *, by_key: str | None = None) -> str:
        """Sign a person in at the console, who came in by an API key if `by_key` is its text. Answers the cookie."""
        return str(sessions.begin(self.context, principal, secret=_secret(), now=self.clock.now(), by_key=by_key))

    def session(self, cookie: str) -> tuple[Principal, str]:
        """Who is signed in, and the token that its forms carry. Raises `Unauthenticated`."""
        principal, shown = sessions.find(self.context, cookie, self.clock.now())
        return principal, csrf_token(shown)

    def end_session(self, cookie: str) -> None:
        """Sign out. Raises `Unauthenticated` if nobody was signed in."""
        sessions.end(self.context, sessions.find(self.context, cookie, self.clock.now())[1])

    def make_link(
        self,
        principal: Principal,
        *,
        leads_to: str,
        loopback_only: bool = False,
        lives: timedelta = LINK_LIVES,
    ) -> str:
        """The token of a link, `/console/link/TOKEN`, that signs `principal` in once and leads to a page."""
        text = sessions.make_link(
            self.context,
            principal,
            leads_to=leads_to,
            loopback_only=loopback_only,
            secret=_secret(),
            now=self.clock.now(),
            lives=lives,
        )
        return str(text)

    def redeem_link(self, token: str, *, on_loopback: bool) -> tuple[str, str]:
        """Use a link up. Answers the cookie of the session it begins, and where it leads. Raises `Unauthenticated`."""
        now = self.clock.now()
        cookie, leads_to = sessions.redeem(self.context, token, on_loopback=on_loopback, secret=_secret(), now=now)
        return str(cookie), leads_to

    # --- reading ---

    def intent(self, tenant_id: str, action_intent_id: str) -> ActionIntentV1:
        """The stored intent. Raises `NotFound`."""
        history = one(self.context, chain_key(tenant_id, action_intent_id))
        if history is None or history.intent is None:
            raise NotFound("intent", action_intent_id, tenant_id)
        return history.intent

    def status(self, tenant_id: str, action_intent_id: str) -> dict[str, Any]:
        return status.status(self.context, tenant_id, action_intent_id)

    def why(self, tenant_id: str, action_intent_id: str) -> dict[str, Any]:
        return status.why(self.context, tenant_id, action_intent_id)

    def ledger(self, tenant_id: str, action_intent_id: str) -> list[dict[str, Any]]:
        return status.ledger(self.context, tenant_id, action_intent_id)

    def intents(
        self, tenant_id: str, which: CaseFilter | None = None, *, after: str | None = None, limit: int = PAGE
    ) -> tuple[list[dict[str, Any]], str | None]:
        return status.intents(self.context, tenant_id, which or CaseFilter(), after, limit)

    def timeline(
        self,
        tenant_id: str,
        *,
        account_id: str | None = None,
        event_types: Sequence[EventType] | None = None,
        approval_source: ApprovalSource | None = None,
        after: str | None = None,
        limit: int = PAGE,
    ) -> tuple[list[dict[str, Any]], str | None]:
        which = TimelineFilter(account_id, event_types, approval_source)
        return timeline.timeline(self.context, tenant_id, which, after, limit)

    def since(self, tenant_id: str, bookmark: LedgerCursor | None = None) -> Followed:
        """What the timeline tells since `bookmark`; without one, nothing, and the bookmark of now."""
        return timeline.since(self.context, tenant_id, bookmark, self.clock.now())

    def queue(
        self, tenant_id: str, *, account_id: str | None = None, after: str | None = None, limit: int = PAGE
    ) -> tuple[list[dict[str, Any]], str | None]:
        return status.queue(self.context, tenant_id, account_id, after, limit, self.clock.now())

    def usage(self, tenant_id: str, *, account_id: str | None = None) -> dict[str, Any]:
        return usage.usage(self.context, tenant_id, account_id, self.clock.now())

    def measure(self, tenant_id: str | None = None, *, most_accounts: int = measure.MOST_ACCOUNTS) -> measure.Measured:
        """What monitoring watches, of one tenant or of all; budgets of at most so many accounts."""
        return measure.measure(self.context, tenant_id, self.clock.now(), most_accounts)

    def publish_lag_s(self) -> float:
        """How long the oldest approval of any tenant that should have left by now has waited; 0 if none does."""
        return max(measure.publish_lags(self.context, self.clock.now()).values(), default=0.0)

    def check_ready(self) -> None:
        """Raises `TryLater` if the store does not answer."""
        self.context.store.read([Key(STOPS, PLATFORM, THE_ONE)])

    def stops(self, tenant_id: str) -> list[Stop]:
        """The stop switches that are pulled over a tenant."""
        return status.stops(self.context, tenant_id)

    def waiting(self, tenant_id: str, *, limit: int = PAGE) -> list[Case]:
        """What needs a person, the soonest to expire first; `queue` says more of each."""
        return self.context.store.waiting(tenant_id, None, None, limit)

    def history(
        self, tenant_id: str, *, after: str | None = None, limit: int = PAGE
    ) -> tuple[list[LedgerEntry], str | None]:
        """Who changed the bounds and pulled the stop switches, newest first."""
        return status.history(self.context, tenant_id, after, limit)

    def tenants(self) -> list[str]:
        """Every tenant that has anything stored, the platform among them."""
        return self.context.store.tenants()

    def counts(self, tenant_id: str) -> dict[str, int]:
        """How many intents the tenant has in each status."""
        return self.context.store.counts(tenant_id)

    def export(self, tenant_id: str, *, by: str = "remit") -> Iterator[dict[str, Any]]:
        """Every ledger entry of a tenant, closed by a seal that is written when the rest has been read."""
        return export.export(self.context, tenant_id, self.clock.now(), by=by)

    def verify(self, tenant_id: str) -> Report:
        """The invariants over the live store."""
        return export.verify_live(self.context, tenant_id)

    # --- what nobody waits for ---

    def reconcile(self, limit: int = BATCH) -> Reconciled:
        """
        One round: gate what its proposer left, publish what is reserved, publish again what nobody started or
        whose worker is gone, expire.
        """
        now = self.clock.now()
        due = reconcile.due(self.context, now, limit)
        gated = self.gate([GateRequest(c.action_intent_id, c.tenant_id, c.account_id) for c in due.get("gate", [])])
        return Reconciled(
            gated=len(gated),
            published=self._publish([_ref(case) for case in due.get("publish", [])])
            + self._publish([_ref(case) for case in due.get("publish_again", [])], again=True),
            expired=_done(reconcile.expire(self.context, due.get("expire", []), now)),
        )

    def keep_policies(self) -> None:
        """Keep every tenant's policies as this release reads them: a later one has to explain today's decisions."""
        for tenant_id in self.context.store.tenants():
            # The platform keeps keys and stops, and has no bounds.
            if tenant_id == PLATFORM:
                continue
            self._one(bounds_flow.keep_policies_unit(tenant_id))

    def busy(self) -> bool:
        """Is anything left that Remit itself has to do, now or soon?"""
        return self.context.store.busy() or bool(self.context.store.due(self.clock.now(), 1))

    def take(self, limit: int, holder: str) -> list[execute.Taken | execute.Ended]:
        """
        Take executions that this store queues, in one write; their calls are marked. `holder` is never used again.
        """
        taken = execute.take(self.context, list(self.context.connectors), limit, holder, self.clock.now())
        for error in taken:
            if isinstance(error, RemitError):
                log.warning("an execution could not be taken and is tried again: %s", error)
        return [each for each in taken if isinstance(each, execute.Taken | execute.Ended)]

    def has_queued(self) -> bool:
        """Is there an execution that `take` would find?"""
        return self.context.store.has_queued(self.clock.now(), [*self.context.connectors, ""])

    def wait_for_queued(self, timeout_s: float) -> None:
        """Until this process has queued an execution, or so long."""
        self._queued.wait(timeout_s)
        self._queued.clear()

    def carry_out(self, taken: execute.Taken) -> CallResult:
        """Make the call of one execution. Never raises for what came of it."""
        return execute.carry_out(taken, self.clock.now())

    def settle(self, results: Sequence[tuple[execute.Taken, CallResult]]) -> list[str | None]:
        """Record what calls came to, in one write; answers each recorded status, `None` where there is none yet."""
        now = self.clock.now()
        units = [execute.settle_unit(self.context, taken, result, now) for taken, result in results]
        return [answer_of([answer]) for answer in self.context.store.transact(units)]

    def executor(self, holder: str) -> execute.Executor:
        """The five steps of one execution, for one run of one worker."""
        return execute.Executor(self.context, self.clock, holder)

    def now(self) -> datetime:
        return self.clock.now()

    def close(self) -> None:
        self._on_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _one(self, unit: UnitOfWork[T]) -> T:
        return answer_of(self.context.store.transact([unit]))


def verify_export(entries: Iterator[Mapping[str, Any]]) -> Report:
    """The invariants over an exported file alone."""
    return verify(entries, sealed=True)


def _secret() -> str:
    return secrets.token_urlsafe(32)


def _request_of(intent: ActionIntentV1 | Proposal) -> GateRequest:
    """`intent` has its id by now."""
    return GateRequest(intent.action_intent_id or "", intent.tenant_id, intent.account_id)


def _ref(case: Case) -> IntentRef:
    return IntentRef(case.tenant_id, case.action_intent_id)


def _batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[start : start + BATCH] for start in range(0, len(items), BATCH))


def _done(answers: Sequence[bool | RemitError]) -> int:
    return sum(answer is True for answer in answers)


def _named(field: str, name: str) -> None:
    if not name or not name.strip():
        raise InvalidInput(field, "does not name a person", "send a name of at most 128 characters")
    check_text(field, name, most=128)
