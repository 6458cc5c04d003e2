"""Invoke: one call to the far side, marked before and noted after."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from remit.core.errors import InvalidInput
from remit.core.execution.breaker import Answered, may_call
from remit.core.execution.fulfilment import concluded_before, key_is_honoured, lease_after, noted
from remit.core.execution.outcome import CallResult, Retry, after_call
from remit.core.execution.result import not_kept
from remit.core.gate.bounds import BoundsInForce
from remit.core.intent import ActionIntentV1
from remit.core.lifecycle import Case
from remit.core.opened_intent import OpenedIntent
from remit.core.records import Key, breaker_key
from remit.flow.breakers import CalledTool, ToolId, breaker_in, note_calls
from remit.flow.context import bounds_key, bounds_of
from remit.flow.execute import common
from remit.flow.execute.common import Keys, Ref, Worker, called, connector_of, failed, intent_and_type
from remit.flow.execute.map import Unmapped, request_of
from remit.flow.execute.preflight import LookAgain, before_call
from remit.flow.writers import CaseWriter
from remit.ports import Call, PreparingConnector, Snapshot, UnitOfWork, Writes, answer_of


def invoke(worker: Worker, ref_data: Mapping[str, str], request: Mapping[str, Any]) -> dict[str, Any]:
    """
    One call to the far side, marked before and noted after.

    Answers `{"result": …}` to record, `{"retry_in_s": …}` to call again after that pause, which the far side or the
    tool's own pause asks for, or `{"stop": true}`: the attempt is not ours any more, or has been cancelled.
    """
    ref = Ref(**ref_data)
    try:
        intent, action_type = intent_and_type(worker, ref)
    except InvalidInput as error:
        return {"result": failed("MAPPING", "VALIDATION", str(error)).wire()}
    tool = action_type.spec.tool.wire()
    connector = connector_of(worker, tool)
    honours = key_is_honoured(connector.always_honours_key, bool(tool["honours_idempotency_key"]))
    attempt = worker.attempt(ref)
    known = concluded_before(attempt, honours_key=honours, max_attempts=int(tool["max_attempts"]))
    if known is not None:
        return {"result": known.result.wire(), "status": known.status}
    # No step carries private values: what is sent is made of them here.
    try:
        wanted = request_of(connector, tool, intent) if isinstance(intent, OpenedIntent) else request
    except Unmapped as unmapped:
        return {"result": unmapped.result.wire()}
    tool_id = ToolId(ref.tenant_id, intent.action_type)
    seen = worker.context.store.read([bounds_key(ref.tenant_id), breaker_key(*tool_id)])
    breaker = breaker_in(worker.context, seen, tool_id)
    go = may_call(breaker, worker.clock.now())
    if isinstance(go, datetime):
        return _wait(worker, ref, intent, go)
    call = _call(worker, intent, tool, wanted, attempt.idempotency_key, bounds_of(seen, ref.tenant_id))
    # Before the mark: what cannot be had is no call, and nothing has failed.
    if isinstance(connector, PreparingConnector):
        connector.prepare(call)
    marked = before_call(
        worker,
        ref,
        mark_for_s=float(tool["timeout_s"]),
        calls_seen=attempt.attempt_count,
        trial_of=tool_id if go == "trial" else None,
        again=LookAgain(worker.facts(), intent) if action_type.spec.rechecks else None,
    )
    if marked.wait_until is not None:
        return _wait(worker, ref, intent, marked.wait_until)
    if not marked.go:
        return {"stop": True}
    ((result),) = called(connector, [(replace(call, now=worker.clock.now()), action_type.spec.results)], worker.clock)
    unit = NoteAnswer(worker, ref, result, int(tool["max_attempts"]), honours, worker.clock.now()).unit()
    answer = answer_of(worker.context.store.transact([unit]))
    # In a write of its own: many calls of one tool count in one record, and none of them may lose its answer to that.
    ended = CalledTool(tool_id, Answered(result, worker.holder), known=breaker is not None)
    note_calls(worker.context, [ended], worker.clock.now())
    return answer


def _wait(worker: Worker, ref: Ref, intent: ActionIntentV1, until: datetime) -> dict[str, Any]:
    """Come again when the tool may be called, or when the intent has expired; the attempt is held until then."""
    pause_s = max((min(until, intent.expires_at) - worker.clock.now()).total_seconds(), 0.0)
    if not before_call(worker, ref, mark_for_s=None, pause_s=pause_s).go:
        return {"stop": True}
    return {"retry_in_s": pause_s}


def _call(
    worker: Worker,
    intent: ActionIntentV1,
    tool: dict[str, Any],
    request: Mapping[str, Any],
    key: str,
    bounds: BoundsInForce,
) -> Call:
    return Call(
        intent=intent,
        request=dict(request),
        idempotency_key=key,
        timeout_s=float(tool["timeout_s"]),
        allowed_hosts=tuple(bounds.bounds.allowed_hosts),
        now=worker.clock.now(),
    )


class NoteAnswer(Struct, frozen=True):
    """The result of a call, noted before anything follows from it: another call, or the outcome."""

    worker: Worker
    ref: Ref
    result: CallResult
    max_attempts: int
    honours_key: bool
    now: datetime

    def unit(self) -> UnitOfWork[dict[str, Any]]:
        return UnitOfWork([Keys.of(self.ref).case], self.decide, self.then_reads)

    def then_reads(self, snapshot: Snapshot) -> list[Key[Any]]:
        keys = Keys.of(self.ref)
        return [] if self._ours(snapshot.get(keys.case)) else [keys.result]

    def decide(self, snapshot: Snapshot) -> Writes[dict[str, Any]]:
        keys, result, now = Keys.of(self.ref), self.result, self.now
        case = snapshot.get(keys.case)
        if case is None or case.attempt is None or not self._ours(case):
            # Somebody took over while we were waiting; what came back is still worth recording.
            return _late(self.worker, snapshot, keys, result, now)
        attempt = case.attempt
        follows = after_call(
            result,
            attempt_count=attempt.attempt_count,
            max_attempts=self.max_attempts,
            honours_key=self.honours_key,
            in_doubt=attempt.in_doubt,
        )
        until = lease_after(follows, now, common.START_LEASE_S)
        writer = CaseWriter(self.worker.context, case, now)
        writer.update(attempt=noted(attempt, result, follows, until), due_at=until)
        if isinstance(follows, Retry):
            return writer.writes({"retry_in_s": follows.pause_s})
        # Before the outcome: who records it, here or after a take-over, has the hash alone.
        writer.stage(result.answer)
        return writer.writes({"result": result.known.wire(), "status": follows})

    def _ours(self, case: Case | None) -> bool:
        return case is not None and self.worker.hold(case.attempt, self.ref, self.now) == "ours"


def _late(worker: Worker, snapshot: Snapshot, keys: Keys, result: CallResult, now: datetime) -> Writes[dict[str, Any]]:
    """The result of a run that lost its attempt; its answer is stored where no other one is."""
    case, staged = snapshot.get(keys.case), snapshot.get(keys.result)
    if staged is not None and result.answer is not None and staged.sha256 != result.answer.sha256:
        result = result.changed(answer=not_kept(result.answer, "ANOTHER_KEPT"))
    answer = {"result": result.known.wire(), "late": True}
    if case is None or staged is not None or result.answer is None:
        return Writes(answer=answer)
    writer = CaseWriter(worker.context, case, now)
    writer.stage(result.answer)
    return writer.writes(answer)
