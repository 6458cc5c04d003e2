"""
Take and settle: the worker's two writes around one call.

Where the store is the queue, start, preflight, map and the mark of the call are one write, and so are its answer and
the outcome. Each of them follows the rules that the single steps follow.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from remit.core.errors import InvalidInput, RemitError
from remit.core.execution import fulfilment, publication
from remit.core.execution.approval import PUBLISH_AGAIN_AFTER, Approval, event_data
from remit.core.execution.outcome import CallResult, Conclusion, ExecutionAttempt, Retry, after_call, lease, tool_hash
from remit.core.execution.places import Places
from remit.core.execution.request import bounded
from remit.core.gate.action_type import Tool
from remit.core.gate.result_settings import ResultSettings
from remit.core.intent import ActionIntentV1
from remit.core.lifecycle import Case
from remit.flow.context import CaseWriter, Context, bounds_key, bounds_of, writes_expiry
from remit.flow.execute import common
from remit.flow.execute.common import Keys, bound_to, end_with, failed
from remit.flow.execute.record import late
from remit.ports import Call, Claim, Clock, Connector, Snapshot, UnitOfWork, Writes

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Taken:
    """One execution whose call is marked: from here on, no answer means that nobody knows."""

    keys: Keys
    holder: str
    connector: Connector
    call: Call
    honours_key: bool
    max_attempts: int
    results: ResultSettings
    lease_until: datetime

    @property
    def tenant_id(self) -> str:
        return self.keys.case.tenant_id

    @property
    def action_type(self) -> str:
        return self.call.intent.action_type


@dataclass(frozen=True, slots=True)
class Ended:
    """An execution that ended without a call, with its status."""

    tenant_id: str
    action_intent_id: str
    status: str
    trace_id: str


def take_unit(context: Context, case: Case, holder: str, now: datetime) -> UnitOfWork[Taken | Ended | None]:
    """
    Take a queued execution and mark its call, or end it where it may not run; `None` if there is nothing to do.

    `holder` names this one take and is never used again.
    """
    keys = Keys(case.tenant_id, case.action_intent_id, case.approval_id or "")
    taking = _Taking(context, keys, holder, now)
    reads = [*keys.all(), bounds_key(case.tenant_id)]
    return UnitOfWork(reads, taking.decide, lambda snapshot: [*keys.pinned_type(snapshot), *keys.charged(snapshot)])


@dataclass(frozen=True, slots=True)
class _Taking:
    context: Context
    keys: Keys
    holder: str
    now: datetime

    def decide(self, snapshot: Snapshot) -> Writes[Taken | Ended | None]:
        case, keys = snapshot.get(self.keys.case), self.keys
        intent, approval = keys.intent(snapshot), keys.approval(snapshot)
        if case is None or not case.queued or intent is None or approval is None:
            return Writes(answer=None)
        if publication.may_expire(case, case.attempt, self.now):
            return writes_expiry(self.context, case, approval, snapshot, self.now, answer=None)
        if not fulfilment.event_matches(case, intent, approval, event_data(approval)):
            log.error("an approval of tenant %s does not match what is stored; it is not executed", case.tenant_id)
            put_off = case.changed(due_at=self.now + PUBLISH_AGAIN_AFTER)
            return Writes(answer=None, puts=[(keys.case, put_off)])
        hold = fulfilment.hold_of(case.attempt, self.holder, approval.approval_id, self.now)
        if fulfilment.may_start(hold, case.publication, approval) == "nothing":
            return Writes(answer=None)
        return self._begun(snapshot, case, intent, approval)

    def _begun(
        self, snapshot: Snapshot, case: Case, intent: ActionIntentV1, approval: Approval
    ) -> Writes[Taken | Ended | None]:
        tool, until = self.keys.tool(snapshot), lease(self.now, common.START_LEASE_S)
        writer = CaseWriter(self.context, case, self.now)
        if case.attempt is None:
            attempt = fulfilment.new_attempt(
                intent, approval.approval_id, tool, holder=self.holder, now=self.now, until=until
            )
            writer.move("RUNNING", lease_until=until)
            config_sequence = bounds_of(snapshot, case.tenant_id).config_sequence
            seen = {"config_sequence": config_sequence, "tool_hash": tool_hash(tool)}
            writer.append("EXECUTION_STARTED", {**bound_to(case, approval), **seen, "outcome": None})
        else:
            attempt = case.attempt.changed(holder=self.holder, lease_until=until)
        prepared = self._prepared(snapshot, attempt, intent, approval, tool)
        if isinstance(prepared, Conclusion):
            ended = Ended(case.tenant_id, case.action_intent_id, prepared.status, case.trace_id)
            return end_with(writer, snapshot, self.keys, attempt, prepared, ended)
        marked = fulfilment.marked(attempt, prepared.lease_until)
        writer.update(attempt=marked, due_at=prepared.lease_until)
        return writer.writes(prepared)

    def _prepared(
        self,
        snapshot: Snapshot,
        attempt: ExecutionAttempt,
        intent: ActionIntentV1,
        approval: Approval,
        tool: Tool | None,
    ) -> Taken | Conclusion:
        """The call, ready to be marked, or what the attempt comes to without one."""
        try:
            connector, request = self._mapped(intent, tool, attempt)
        except _Unmapped as unmapped:
            return fulfilment.conclusion(attempt, "FAILED", unmapped.result)
        assert tool is not None
        honours = fulfilment.key_is_honoured(connector.always_honours_key, tool.honours_idempotency_key)
        known = fulfilment.concluded_before(attempt, honours_key=honours, max_attempts=tool.max_attempts)
        if known is not None:
            return known
        stops = [stops for stops in map(snapshot.get, self.keys.stops) if stops is not None]
        refusal = fulfilment.forbidden(intent, approval.approval_source, stops, self.now)
        calls_seen = attempt.attempt_count
        go = fulfilment.before_call(attempt, "ours", refusal, marking=True, calls_seen=calls_seen)
        if isinstance(go, Conclusion):
            return go
        call = Call(
            intent=intent,
            request=request,
            idempotency_key=attempt.idempotency_key,
            timeout_s=tool.timeout_s,
            allowed_hosts=tuple(bounds_of(snapshot, intent.tenant_id).bounds.allowed_hosts),
            now=self.now,
        )
        until = lease(self.now, tool.timeout_s)
        results = self.keys.results(snapshot)
        return Taken(self.keys, self.holder, connector, call, honours, tool.max_attempts, results, until)

    def _mapped(
        self, intent: ActionIntentV1, tool: Tool | None, attempt: ExecutionAttempt
    ) -> tuple[Connector, dict[str, Any]]:
        try:
            if tool is None:
                problem = f"{intent.action_type} had no tool when it was proposed"
                raise InvalidInput("action_type", problem, "register it")
            described = tool.wire()
            common.check_same_tool(intent, described, attempt)
            connector = common.connector_named(self.context, tool.connector)
            return connector, bounded(connector.map(described, intent))
        except InvalidInput as error:
            raise _Unmapped(failed("MAPPING", "VALIDATION", str(error))) from error
        except RemitError:
            raise
        except Exception as error:
            log.exception("mapping failed")
            raise _Unmapped(failed("MAPPING", "UNKNOWN", type(error).__name__)) from error


class _Unmapped(Exception):
    """The intent cannot be made into a request."""

    def __init__(self, result: CallResult) -> None:
        self.result = result
        super().__init__(result.error_message)


def settle_unit(context: Context, taken: Taken, result: CallResult, now: datetime) -> UnitOfWork[str | None]:
    """
    Note a call's answer, and record the outcome or queue the next call; answers the status that was recorded.

    Whoever lost its lease meanwhile changes nothing, but for a success, which is the truth all the same.
    """
    keys = taken.keys

    def decide(snapshot: Snapshot) -> Writes[str | None]:
        case, history = snapshot.get(keys.case), snapshot.get(keys.chain)
        if case is None or history is None or case.attempt is None:
            return Writes(answer=None)
        if history.outcome is not None:
            return late(context, snapshot, keys, history.outcome, result, now, called=True)
        hold = fulfilment.hold_of(case.attempt, taken.holder, keys.approval_id, now)
        if not fulfilment.may_record(hold, result):
            return Writes(answer=None)
        follows = after_call(
            result,
            attempt_count=case.attempt.attempt_count,
            max_attempts=taken.max_attempts,
            honours_key=taken.honours_key,
            in_doubt=case.attempt.in_doubt,
        )
        writer = CaseWriter(context, case, now)
        if isinstance(follows, Retry):
            # A pause holds no place: whoever claims it when it is over makes the next call.
            until = now + timedelta(seconds=follows.pause_s)
            writer.update(attempt=fulfilment.noted(case.attempt, result, follows, until), due_at=until)
            return writer.writes(None)
        concluded = Conclusion(status=follows, result=result)
        noted = fulfilment.noted(case.attempt, result, follows, case.attempt.lease_until)
        return end_with(writer, snapshot, keys, noted, concluded, concluded.status)

    return UnitOfWork(keys.all(), decide, keys.charged)


def take(
    context: Context, connectors: Sequence[str], places: Places, limit: int, holder: str, now: datetime
) -> list[Taken | Ended | RemitError | None]:
    """
    Take at most `limit` executions that are queued for these connectors and find a place, in one write.

    Each take has a holder of its own, made of `holder`, which names this call and is never used again.
    """
    taken = 0

    def unit_for(case: Case) -> UnitOfWork[Taken | Ended | None]:
        nonlocal taken
        taken += 1
        return take_unit(context, case, f"{holder}/{taken}", now)

    return context.store.claim(claim_of(connectors, places, limit, now), unit_for)


def claim_of(connectors: Sequence[str], places: Places, limit: int, now: datetime) -> Claim:
    """What a worker with these connectors and places can take."""
    # "" stands for what has no tool: every worker can end that.
    return Claim(now, [*connectors, ""], places, limit)


def carry_out(taken: Taken, clock: Clock) -> CallResult:
    """
    Make the call. Never raises for what came of it.

    The lease is looked at just before: whoever waited too long for its turn must not call beside a successor.
    """
    if clock.now() >= taken.lease_until:
        return failed("LEASE_LOST", "DOWNSTREAM", "the worker came too late to call; nothing was sent")
    return common.called(taken.connector, taken.call, taken.results, clock)
