"""
One execution at once, for an engine that gives it one call of a function: take, call, settle.

What may take longer than the function has is left as it is, for one that has more time; and a pause before another
call is the engine's to wait. Nothing is remembered between two calls of a function: what is recorded says what to do.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

from msgspec import Struct

from remit.core.errors import NotAnApproval, OutcomeUnknown, TryLater
from remit.core.execution.approval import Approval
from remit.core.execution.breaker import ToolBreaker, may_call
from remit.core.execution.fulfilment import event_says, may_start, new_attempt
from remit.core.execution.outcome import CallResult
from remit.core.gate.action_type import Tool
from remit.core.intent import ActionIntentV1
from remit.core.lifecycle import Case
from remit.core.records import breaker_key
from remit.flow import private_values
from remit.flow.breakers import ToolId, breaker_in, note_calls
from remit.flow.context import bounds_of, one, pinned_type_key
from remit.flow.execute import common
from remit.flow.execute.common import Keys, Ref, Worker, ref_of
from remit.flow.execute.map import Unmapped, mapped
from remit.flow.execute.preflight import before_call
from remit.flow.execute.settle import SettleCall
from remit.flow.execute.start import start
from remit.flow.execute.take import Ended, Taken, carry_out, take_delivered_unit
from remit.ports import Call, PreparingConnector, Snapshot, UnitOfWork, Writes, answer_of

log = logging.getLogger(__name__)

SETTLE_TRIES = 3
"""How often an answer is written down before it is given up, and with it who knows whether the far side acted."""
AFTER_ANOTHERS_TRIAL_S = 1.0
"""After which to look again where another execution was quicker to make a paused tool's trial."""


def at_once(worker: Worker, data: Mapping[str, Any], *, within_s: float | None = None) -> dict[str, Any]:
    """
    Carry out the execution that an `ACTION_APPROVED` event's `data` announces, as far as it goes without waiting.

    Answers `{"status": …}` as recorded, null where there is nothing to do; `{"retry_in_s": …}`, to be asked again after
    that pause; or `{"needs_s": …}`: the tool may take so long, more than `within_s`, and nothing was begun.

    Raises `NotAnApproval` for an event that says too little, or what no approval stands behind; `TryLater` before the
    call is marked, if it may be sent again.
    """
    ref = ref_of(data)
    if ref is None:
        raise NotAnApproval("it lacks its ids")
    keys = Keys.of(ref)
    known = worker.context.store.read(keys.begun())
    case, intent, approval = _announced(known, keys, data)
    if not _is_to_do(worker, case, approval, ref):
        return {"status": None}
    tool, breaker = _tool(worker, intent)
    if tool is not None and within_s is not None and tool.timeout_s > within_s:
        return {"needs_s": tool.timeout_s}
    go = may_call(breaker, worker.clock.now())
    if isinstance(go, datetime):
        return _held(worker, data, intent, go)
    _prepare(worker, known, keys, tool)
    trial_at = breaker_key(*ToolId(ref.tenant_id, intent.action_type)) if go == "trial" else None
    facts, new = worker.facts(), partial(take_delivered_unit, worker.context, keys, known, worker.holder)
    taken = facts.carry_out(lambda: new(facts, worker.clock.now(), trial_at=trial_at))
    if isinstance(taken, Taken):
        return _called(worker, taken, known=breaker is not None)
    if taken is None and trial_at is not None:
        return _after_anothers_trial(worker, data, intent)
    return {"status": taken.status if isinstance(taken, Ended) else None}


def _called(worker: Worker, taken: Taken, *, known: bool) -> dict[str, Any]:
    """Call, and write down what that came to; with `known` something was known of the tool."""
    (result,) = carry_out([taken], worker.clock)
    came_to = _settled(worker, taken, result)
    # In a write of its own: many calls of one tool count in one record, and none of them may lose its answer to that.
    note_calls(worker.context, [taken.ended(result)._replace(known=known)], worker.clock.now())
    return came_to


def _held(worker: Worker, data: Mapping[str, Any], intent: ActionIntentV1, until: datetime) -> dict[str, Any]:
    """The tool is paused: the attempt is taken and held until it may be called, or the intent has expired."""
    ref = start(worker, data)
    pause_s = max((min(until, intent.expires_at) - worker.clock.now()).total_seconds(), 0.0)
    if ref is None:
        return {"status": None}
    if before_call(worker, Ref(**ref), mark_for_s=None, pause_s=pause_s).go:
        return {"retry_in_s": pause_s}
    return {"status": _status(worker, Keys.of(Ref(**ref)))}


def _after_anothers_trial(worker: Worker, data: Mapping[str, Any], intent: ActionIntentV1) -> dict[str, Any]:
    """Another execution was quicker, and makes the trial: wait until that is over."""
    _, breaker = _tool(worker, intent)
    go = may_call(breaker, worker.clock.now())
    return _held(worker, data, intent, go) if isinstance(go, datetime) else {"retry_in_s": AFTER_ANOTHERS_TRIAL_S}


def _status(worker: Worker, keys: Keys) -> str | None:
    """The status in which it has ended, if it has."""
    history = one(worker.context, keys.chain)
    return history.outcome.status if history is not None and history.outcome is not None else None


def _announced(known: Snapshot, keys: Keys, data: Mapping[str, Any]) -> tuple[Case, ActionIntentV1, Approval]:
    case, intent, approval = known.get(keys.case), keys.intent(known), keys.approval(known)
    if case is None or intent is None or approval is None:
        raise NotAnApproval("nothing by its ids is stored")
    if not event_says(intent, approval, data):
        raise NotAnApproval("it does not say what is stored")
    return case, intent, approval


def _is_to_do(worker: Worker, case: Case, approval: Approval, ref: Ref) -> bool:
    """As it was when it was read; the write that takes it looks again."""
    if not worker.may_take(case) or case.approval_id != approval.approval_id:
        return False
    now = worker.clock.now()
    return may_start(worker.hold(case.attempt, ref, now), case.publication, approval, now) != "nothing"


def _tool(worker: Worker, intent: ActionIntentV1) -> tuple[Tool | None, ToolBreaker | None]:
    """The tool that the intent pinned, and what is known of calls to it."""
    if intent.registry_version is None:
        return None, None
    tool_id, pinned_at = ToolId(intent.tenant_id, intent.action_type), pinned_type_key(intent)
    seen = worker.context.store.read([pinned_at, breaker_key(*tool_id)])
    pinned = seen.get(pinned_at)
    return pinned.spec.tool if pinned else None, breaker_in(worker.context, seen, tool_id)


def _prepare(worker: Worker, known: Snapshot, keys: Keys, tool: Tool | None) -> None:
    """Before the mark: what cannot be had is no call, and nothing has failed. What is wrong for good, the take says."""
    case, intent, now = known.get(keys.case), keys.intent(known), worker.clock.now()
    connector = worker.context.connectors.get(tool.connector) if tool else None
    if case is None or intent is None or tool is None or not isinstance(connector, PreparingConnector):
        return
    attempt = case.attempt or new_attempt(intent, keys.approval_id, tool, holder=worker.holder, now=now, until=now)
    (opened,) = private_values.opened_now(worker.context.store, [known.get(keys.chain)])
    assert opened is not None
    try:
        _, request = mapped(worker.context, opened, tool, attempt)
    except Unmapped:
        return
    connector.prepare(
        Call(
            intent=opened,
            request=request,
            idempotency_key=attempt.idempotency_key,
            timeout_s=tool.timeout_s,
            allowed_hosts=tuple(bounds_of(known, intent.tenant_id).bounds.allowed_hosts),
            now=now,
        )
    )


def _settled(worker: Worker, taken: Taken, result: CallResult) -> dict[str, Any]:
    """Write down what the call came to: what is not written, nobody knows."""
    for tries in range(1, SETTLE_TRIES + 1):
        now = worker.clock.now()
        settling = SettleWithPause(SettleCall(worker.context, taken, result, now, common.START_LEASE_S))
        try:
            status, again_at = answer_of(worker.context.store.transact([settling.unit()]))
        except (TryLater, OutcomeUnknown):
            # Written a second time, it changes nothing.
            if tries == SETTLE_TRIES:
                raise
            log.warning("writing down the answer to a call once more")
            continue
        if again_at is None:
            return {"status": status}
        return {"retry_in_s": max((again_at - now).total_seconds() - common.START_LEASE_S, 0.0)}
    raise AssertionError("unreachable")


class SettleWithPause(Struct, frozen=True):
    """Settle a call, and answer also when there is to be another one. It names no counters: no charge goes back."""

    settling: SettleCall

    def unit(self) -> UnitOfWork[tuple[str | None, datetime | None]]:
        return UnitOfWork(self.settling.unit().reads, self.decide)

    def decide(self, snapshot: Snapshot) -> Writes[tuple[str | None, datetime | None]]:
        writes = self.settling.decide(snapshot)
        put = next((record for key, record in writes.puts if key == self.settling.taken.keys.case), None)
        again_at = put.due_at if writes.answer is None and isinstance(put, Case) else None
        return Writes((writes.answer, again_at), writes.puts, writes.deletes, writes.entries)
