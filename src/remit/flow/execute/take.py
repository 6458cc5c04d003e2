"""
Take: the first of the worker's two writes around one call (`settle` is the other).

Where the store is the queue, start, preflight, map and the mark of the call are one write, and so are its answer and
the outcome. Each of them follows the rules that the single steps follow.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from remit.core.errors import RemitError
from remit.core.execution import fulfilment, publication
from remit.core.execution.approval import PUBLISH_AGAIN_AFTER, Approval
from remit.core.execution.breaker import Answered, ToolBreaker
from remit.core.execution.outcome import (
    LEASE_LOST,
    CallResult,
    Conclusion,
    ExecutionAttempt,
    lease,
)
from remit.core.execution.places import Places
from remit.core.gate.action_type import Tool
from remit.core.gate.result_settings import ResultSettings
from remit.core.intent import ActionIntentV1
from remit.core.lifecycle import Case
from remit.core.records import Key, breaker_key
from remit.flow.breakers import Breakers, CalledTool, ToolId, room_under
from remit.flow.context import Context, bounds_of
from remit.flow.execute import common
from remit.flow.execute.common import Keys, end_with, failed, with_trial
from remit.flow.execute.in_store import acted_in, touched_keys
from remit.flow.execute.map import Unmapped, mapped
from remit.flow.execute.recheck import Held, Rechecked, SharedLookups, asked_again, is_refused, rechecked
from remit.flow.fact_lookups import MOST_SECONDS_AGAIN, FactLookups
from remit.flow.facts import CallFacts
from remit.flow.writers import CaseWriter, writes_expiry
from remit.ports import Call, Claim, Clock, Connector, Snapshot, UnitOfWork, Writes, calls_together

log = logging.getLogger(__name__)


class Taken(msgspec.Struct, frozen=True):
    """One execution whose call is marked: from here on, no answer means that nobody knows."""

    keys: Keys
    holder: str
    connector: Connector
    call: Call
    honours_key: bool
    max_attempts: int
    results: ResultSettings
    lease_until: datetime
    tool_known: bool = False
    """Is something known of its tool: that calls of it failed?"""

    @property
    def tenant_id(self) -> str:
        return self.keys.case.tenant_id

    @property
    def action_type(self) -> str:
        return self.call.intent.action_type

    def ended(self, result: CallResult) -> CalledTool:
        """The call, with what it came to."""
        return CalledTool(ToolId(self.tenant_id, self.action_type), Answered(result, self.holder), self.tool_known)


class Ended(msgspec.Struct, frozen=True):
    """An execution that ended in the write that took it, with its status."""

    tenant_id: str
    action_intent_id: str
    status: str
    trace_id: str


def take_unit(
    context: Context,
    case: Case,
    holder: str,
    now: datetime,
    shared: SharedLookups,
    *,
    tool_known: bool = False,
    act_in_store: bool = False,
) -> UnitOfWork[Taken | Held | Ended | None]:
    """
    Take a queued execution and mark its call, or end it where it may not run; `None` if there is nothing to do. One
    whose facts are looked at again is held, and marked by `take_held_unit`.

    `holder` names this one take and is never used again. With `tool_known` calls of its tool have failed: it may be
    paused, which is looked at in this write, so that of several workers one makes the trial call. With `act_in_store`
    what acts in this store has acted and ended in this write, all or nothing.
    """
    keys = Keys(case.tenant_id, case.action_intent_id, case.approval_id or "")
    breaker_at = breaker_key(case.tenant_id, case.action_type) if tool_known else None
    # Where its tool is watched, a call is made by itself, so that it counts for that.
    taking = _Taking(context, keys, holder, now, breaker_at, shared, acts=act_in_store and not tool_known)
    return taking.unit()


def take_held_unit(
    context: Context, held: Held, facts: CallFacts, now: datetime
) -> UnitOfWork[Taken | Held | Ended | None]:
    """Mark the call of a held execution by what was looked up, or end it; `None` if it is held no more."""
    breaker_at = breaker_key(held.tenant_id, held.action_type) if held.tool_known else None
    taking = _Taking(
        context, held.keys, held.holder, now, breaker_at, facts, delivered=True, calls_seen=held.calls_seen
    )
    return taking.unit()


def take_delivered_unit(
    context: Context,
    keys: Keys,
    known: Snapshot,
    holder: str,
    facts: CallFacts,
    now: datetime,
    *,
    trial_at: Key[ToolBreaker] | None = None,
) -> UnitOfWork[Taken | Held | Ended | None]:
    """
    Take an approval that an engine delivers. `known` is what was read before of what never changes; with
    `trial_at` the call is the one trial of a paused tool, and where another one is, nothing is taken.

    Counters are named only where a charge may go back: whoever names them is in the way of every decision.
    """
    taking = _Taking(context, keys, holder, now, trial_at, facts, delivered=True)
    return taking.unit_of_known(known)


class _Taking(msgspec.Struct, frozen=True):
    context: Context
    keys: Keys
    holder: str
    now: datetime
    breaker_at: Key[ToolBreaker] | None
    facts: CallFacts | SharedLookups
    """The facts that were looked up before its call; or by which they will be, and it is held until then."""
    delivered: bool = False
    calls_seen: int | None = None
    """The calls that were marked when it was held: with another one it is held no more."""
    acts: bool = False
    """Is an action in this store made in this write?"""

    def unit(self) -> UnitOfWork[Taken | Held | Ended | None]:
        return UnitOfWork([*self.keys.begun(), *self._breakers_at()], self.decide, self.then_reads)

    def unit_of_known(self, known: Snapshot) -> UnitOfWork[Taken | Held | Ended | None]:
        """With the places of its type and of its private values, which are known already."""
        keys = self.keys
        reads = [*keys.begun(), *keys.pinned_type(known), *keys.private(known), *self._breakers_at()]
        return UnitOfWork(reads, self.decide, self.charged_if_over)

    def _breakers_at(self) -> list[Key[ToolBreaker]]:
        return [] if self.breaker_at is None else [self.breaker_at]

    def then_reads(self, snapshot: Snapshot) -> Sequence[Key[Any]]:
        keys = self.keys
        touched = touched_keys(self.context, snapshot, keys) if self.acts else ()
        charged = keys.charged(snapshot) if self.may_give_back(snapshot) else ()
        return [*keys.pinned_type(snapshot), *charged, *keys.private(snapshot), *touched]

    def charged_if_over(self, snapshot: Snapshot) -> Sequence[Key[Any]]:
        return self.keys.charged(snapshot) if self.is_over(snapshot) else ()

    def may_give_back(self, snapshot: Snapshot) -> bool:
        """
        May its charge go back in this write, for all that is known before its type is? Only then are its counters
        named: whoever names them is in the way of every decision.
        """
        case, intent, approval = snapshot.get(self.keys.case), self.keys.intent(snapshot), self.keys.approval(snapshot)
        if case is None or intent is None or approval is None:
            return False
        if case.attempt is not None or isinstance(self.facts, CallFacts) or self.now >= case.expires_at:
            return True
        nobody_waits = case.waited_until is not None and self.now >= case.waited_until
        return nobody_waits or self._forbidden(snapshot, intent, approval) is not None

    def is_over(self, snapshot: Snapshot) -> bool:
        """May it no longer be called?"""
        case, intent, approval = (
            snapshot.get(self.keys.case),
            self.keys.intent(snapshot),
            self.keys.approval(snapshot),
        )
        if case is None or intent is None or approval is None:
            return False
        return bool(
            publication.may_expire(case, case.attempt, self.now)
            or self._refusal(snapshot, intent, approval, case.waited_until)
            or (isinstance(self.facts, CallFacts) and is_refused(snapshot, self.keys, self.facts))
        )

    def _refusal(
        self, snapshot: Snapshot, intent: ActionIntentV1, approval: Approval, waited_until: datetime | None
    ) -> fulfilment.Refusal | None:
        return self._forbidden(snapshot, intent, approval) or fulfilment.left_alone(
            self.keys.spec(snapshot), waited_until, self.now
        )

    def _forbidden(self, snapshot: Snapshot, intent: ActionIntentV1, approval: Approval) -> fulfilment.Refusal | None:
        stops = [stops for stops in map(snapshot.get, self.keys.stops) if stops is not None]
        return fulfilment.forbidden(intent, approval.approval_source, stops, self.now)

    def _is_meant(self, case: Case) -> bool:
        if not self.context.runs(case):
            return False
        if self.calls_seen is not None and (case.attempt is None or case.attempt.attempt_count != self.calls_seen):
            return False
        # Of what an engine delivers, another approval may have taken the place.
        return case.approval_id == self.keys.approval_id if self.delivered else case.queued

    def decide(self, snapshot: Snapshot) -> Writes[Taken | Held | Ended | None]:
        case, keys = snapshot.get(self.keys.case), self.keys
        intent, approval = keys.intent(snapshot), keys.approval(snapshot)
        if case is None or not self._is_meant(case) or intent is None or approval is None:
            return Writes(answer=None)
        if publication.may_expire(case, case.attempt, self.now):
            return writes_expiry(self.context, case, approval, snapshot, self.now, answer=None)
        if not fulfilment.approval_matches(case, intent, approval):
            log.error("an approval of tenant %s does not match what is stored; it is not executed", case.tenant_id)
            put_off = case.changed(due_at=self.now + PUBLISH_AGAIN_AFTER)
            return Writes(answer=None, puts=[(keys.case, put_off)])
        hold = fulfilment.hold_of(case.attempt, self.holder, approval.approval_id, self.now)
        to_do = fulfilment.may_start(hold, case.publication, approval, self.now)
        if to_do == "nothing":
            return Writes(answer=None)
        return self._begun(snapshot, case, intent, approval, to_do)

    def _begun(
        self, snapshot: Snapshot, case: Case, intent: ActionIntentV1, approval: Approval, to_do: fulfilment.Start
    ) -> Writes[Taken | Held | Ended | None]:
        tool, until = self.keys.tool(snapshot), lease(self.now, common.START_LEASE_S)
        writer = CaseWriter(self.context, case, self.now)
        if to_do == "publish and take" and case.publication is not None:
            writer.mark_published(case.publication)
        if case.attempt is None:
            attempt = common.take_attempt(writer, snapshot, self.keys, holder=self.holder, until=until)
        else:
            attempt = case.attempt.changed(holder=self.holder, lease_until=until)
        prepared = self._prepared(snapshot, attempt, intent, tool, begun=case.attempt)
        if isinstance(prepared, Taken):
            refusal = self._refusal(snapshot, intent, approval, case.waited_until)
            if refusal is None:
                looked = self._rechecked(snapshot, prepared.call.intent, attempt)
                if isinstance(looked, Held):
                    return _writes_held(writer, attempt, looked)
                attempt, refusal = looked
            go = fulfilment.before_call(attempt, "ours", refusal, marking=True, calls_seen=attempt.attempt_count)
            prepared = go if isinstance(go, Conclusion) else prepared
        if isinstance(prepared, Conclusion):
            return end_with(writer, snapshot, self.keys, attempt, prepared, self._ended(case, prepared))
        marked = fulfilment.marked(attempt, prepared.lease_until)
        writer.update(attempt=marked, due_at=prepared.lease_until)
        if with_trial(writer, snapshot, self.breaker_at, self.holder, prepared.lease_until) is not None:
            # Another worker was quicker: it makes the trial call, or has paused the tool. Here nothing has begun.
            return Writes(answer=None)
        # What was begun before may have acted before.
        acted = acted_in(snapshot, prepared) if self.acts and case.attempt is None else None
        return self._acted(snapshot, writer, case, marked, acted) if acted is not None else writer.writes(prepared)

    def _acted(
        self, snapshot: Snapshot, writer: CaseWriter, case: Case, marked: ExecutionAttempt, acted: Writes[CallResult]
    ) -> Writes[Taken | Held | Ended | None]:
        for key, record in acted.puts:
            writer.put(key, record)
        concluded = Conclusion(status="SUCCEEDED", result=acted.answer)
        noted = fulfilment.noted(marked, acted.answer, concluded.status, marked.lease_until)
        return end_with(writer, snapshot, self.keys, noted, concluded, self._ended(case, concluded))

    def _ended(self, case: Case, concluded: Conclusion) -> Ended:
        return Ended(case.tenant_id, case.action_intent_id, concluded.status, case.trace_id)

    def _rechecked(self, snapshot: Snapshot, intent: ActionIntentV1, attempt: ExecutionAttempt) -> Rechecked | Held:
        if isinstance(self.facts, CallFacts):
            return rechecked(snapshot, self.keys, intent, attempt, self.facts)
        asked = asked_again(snapshot, self.keys, intent)
        if asked is None:
            return Rechecked(attempt)
        known, calls_seen = self.breaker_at is not None, attempt.attempt_count
        return Held(self.keys, self.holder, intent.action_type, asked, self.facts, calls_seen, tool_known=known)

    def _prepared(
        self,
        snapshot: Snapshot,
        attempt: ExecutionAttempt,
        intent: ActionIntentV1,
        tool: Tool | None,
        *,
        begun: ExecutionAttempt | None,
    ) -> Taken | Conclusion:
        """The call, ready to be marked if nothing forbids it, or what the attempt comes to without one."""
        opened = self.keys.opened(snapshot)
        assert opened is not None
        try:
            connector, request = mapped(self.context, opened, tool, begun)
        except Unmapped as unmapped:
            return fulfilment.conclusion(attempt, "FAILED", unmapped.result)
        assert tool is not None
        honours = fulfilment.key_is_honoured(connector.always_honours_key, tool.honours_idempotency_key)
        known = fulfilment.concluded_before(attempt, honours_key=honours, max_attempts=tool.max_attempts)
        if known is not None:
            return known
        call = Call(
            intent=opened,
            request=request,
            idempotency_key=attempt.idempotency_key,
            timeout_s=tool.timeout_s,
            allowed_hosts=tuple(bounds_of(snapshot, intent.tenant_id).bounds.allowed_hosts),
            now=self.now,
        )
        until = lease(self.now, tool.timeout_s)
        results, tool_known = self.keys.results(snapshot), self.breaker_at is not None
        return Taken(
            self.keys, self.holder, connector, call, honours, tool.max_attempts, results, until, tool_known=tool_known
        )


def _writes_held(writer: CaseWriter, attempt: ExecutionAttempt, held: Held) -> Writes[Taken | Held | Ended | None]:
    """The attempt without a mark, for as long as its lookups may take."""
    until = lease(writer.now, common.START_LEASE_S + MOST_SECONDS_AGAIN)
    writer.update(attempt=attempt.changed(lease_until=until), due_at=until)
    return writer.writes(held)


def take(
    context: Context,
    places: Places,
    limit: int,
    holder: str,
    now: datetime,
    breakers: Breakers,
    lookups: FactLookups,
    *,
    act_in_store: bool = False,
) -> list[Taken | Held | Ended | RemitError | None]:
    """
    Take at most `limit` executions that are queued, that can be run here and find a place, in one write.

    Each take has a holder of its own, made of `holder`, which names this call and is never used again. `breakers` say
    which tools are paused, and `act_in_store` is as `take_unit` says. What was looked up for one of them serves the
    others (`Held`).
    """
    taken, shared = 0, SharedLookups(lookups)

    def unit_for(case: Case) -> UnitOfWork[Taken | Held | Ended | None]:
        nonlocal taken
        taken += 1
        known = ToolId(case.tenant_id, case.action_type) in breakers
        return take_unit(context, case, f"{holder}/{taken}", now, shared, tool_known=known, act_in_store=act_in_store)

    return context.store.claim(claim_of(context, places, limit, now, breakers), unit_for)


def claim_of(context: Context, places: Places, limit: int, now: datetime, breakers: Breakers) -> Claim:
    """The claim of a worker with these places."""
    return Claim(now, context.runnable, places.at_most(room_under(breakers, now)), limit)


def carry_out(taken: Sequence[Taken], clock: Clock) -> list[CallResult]:
    """
    Make the calls, one after the other or together (`work_of`). Never raises for what came of them.

    The lease is looked at just before: whoever waited too long for its turn must not call beside a successor.
    """
    now = clock.now()
    in_time = [each for each in taken if now < each.lease_until]
    calls = [(each.call, each.results) for each in in_time]
    results = iter(common.called(in_time[0].connector, calls, clock) if in_time else [])
    return [next(results) if now < each.lease_until else _came_too_late() for each in taken]


def _came_too_late() -> CallResult:
    return failed(LEASE_LOST, "DOWNSTREAM", "the worker came too late to call; nothing was sent")


def work_of(taken: Sequence[Taken]) -> list[list[Taken]]:
    """Pieces of work for `carry_out`: each call for itself, and those of one tenant that wait for nobody as one."""
    pieces: dict[object, list[Taken]] = {}
    for each in taken:
        together = calls_together(each.connector)
        pieces.setdefault((each.tenant_id, id(each.connector)) if together else id(each), []).append(each)
    return list(pieces.values())
