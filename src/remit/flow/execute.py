"""
Execution: start, preflight, map, invoke, record. It never decides again; it fulfils.

Each step takes and returns plain JSON, so that any durable engine can carry it between processes. The
engine moves the work; the attempt record alone says who may act, so a step that runs twice, late or
in two places does nothing the second time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from remit.core.action_type import ActionType, Tool
from remit.core.autonomy import Stop, stop_in_force, stopped_for
from remit.core.errors import InvalidInput, RemitError
from remit.core.intent import ActionIntentV1, digest_of_wire
from remit.core.lifecycle import Case
from remit.core.outcome import (
    OUTCOME_EVENT,
    ActionOutcomeV1,
    CallResult,
    Conclusion,
    ExecutionAttempt,
    OutcomeStatus,
    Resolution,
    Retry,
    after_call,
    conclude,
    idempotency_key,
    lease,
)
from remit.core.records import (
    ACTION_TYPE,
    APPROVAL,
    ATTEMPT,
    BOUNDS,
    INTENT,
    OUTCOME,
    STOPS,
    THE_ONE,
    Key,
    case_key,
    state_record_key,
    type_id,
)
from remit.core.values import PLATFORM, instant
from remit.flow.context import Context, Story, usage_keys
from remit.ports import Call, Clock, Connector, Snapshot, Unit, Writes, answer_of

log = logging.getLogger(__name__)

START_LEASE_S = 15.0
"""How long a worker may take from one step to the next before another may take over."""


@dataclass(frozen=True, slots=True)
class Ref:
    """One execution: which intent, by which approval."""

    tenant_id: str
    action_intent_id: str
    approval_id: str

    def wire(self) -> dict[str, str]:
        return asdict(self)


class _Keys:
    """Where everything about one execution is."""

    def __init__(self, tenant_id: str, intent_id: str, approval_id: str) -> None:
        self.case = case_key(tenant_id, intent_id)
        self.intent = Key(INTENT, tenant_id, intent_id)
        self.approval = Key(APPROVAL, tenant_id, approval_id)
        self.state = state_record_key(tenant_id, intent_id)
        self.attempt = Key(ATTEMPT, tenant_id, intent_id)
        self.outcome = Key(OUTCOME, tenant_id, intent_id)
        self.stops = (Key(STOPS, tenant_id, THE_ONE), Key(STOPS, PLATFORM, THE_ONE))

    def all(self) -> list[Key[Any]]:
        return [self.case, self.intent, self.approval, self.state, self.attempt, self.outcome, *self.stops]

    def pinned_type(self, snapshot: Snapshot) -> list[Key[ActionType]]:
        """The version of the action type that the intent was proposed under."""
        intent = snapshot.get(self.intent)
        return [pinned_type_key(intent)] if intent is not None and intent.registry_version is not None else []

    def tool(self, snapshot: Snapshot) -> Tool | None:
        found = [snapshot.get(key) for key in self.pinned_type(snapshot)]
        return found[0].spec.tool if found and found[0] else None


class Executor:
    """
    The five steps over one store, as one run of one worker takes them.

    `holder` names this run and is never used again: a durable engine that replays a run in another
    process must make a new one, so that what it replays cannot pass for the holder of the lease.
    """

    def __init__(self, context: Context, clock: Clock, holder: str) -> None:
        self.context, self.clock, self.holder = context, clock, holder

    def start(self, data: Mapping[str, Any]) -> dict[str, str] | None:
        """
        Take the attempt that an `ACTION_APPROVED` event's `data` announces, or take over one whose
        lease has run out.

        Answers the reference that the other steps take, or `None`: somebody has it, it is done, it
        was released, or the event does not match what is stored.
        """
        ref = _ref(data)
        if ref is None:
            log.warning("ignored an approval event without its ids")
            return None
        now = self.clock.now()
        keys = _Keys(ref.tenant_id, ref.action_intent_id, ref.approval_id)
        unit = Unit(keys.all(), lambda snapshot: self._start(snapshot, keys, ref, data, now), keys.pinned_type)
        return answer_of(self.context.store.transact([unit]))

    def _start(
        self, snapshot: Snapshot, keys: _Keys, ref: Ref, data: Mapping[str, Any], now: datetime
    ) -> Writes[dict[str, str] | None]:
        case, intent, approval = snapshot.get(keys.case), snapshot.get(keys.intent), snapshot.get(keys.approval)
        state, attempt = snapshot.get(keys.state), snapshot.get(keys.attempt)
        if case is None or intent is None or approval is None or not _matches(case, intent, approval, data):
            log.warning("ignored an approval event that does not match what is stored")
            return Writes(answer=None)
        story = Story(self.context, case, now)
        until = lease(now, START_LEASE_S)
        if attempt is not None:
            if attempt.status != "RUNNING" or now < attempt.lease_until:
                return Writes(answer=None)
            story.put(keys.attempt, attempt.changed(holder=self.holder, lease_until=until))
            story.turn(due_at=until)
            return story.writes(ref.wire())
        if state is None or state.status == "RELEASED" or state.approval_id != approval.approval_id:
            return Writes(answer=None)
        if state.status == "RESERVED":
            story.mark_published(state)
        story.case.require("RUNNING", "started")
        story.put(keys.attempt, self._new_attempt(intent, ref, keys.tool(snapshot), now, until))
        story.turn(status="RUNNING", due_at=until)
        story.tell("EXECUTION_STARTED", {**_bound_to(case, approval), "outcome": None})
        return story.writes(ref.wire())

    def preflight(self, ref_data: Mapping[str, str]) -> bool:
        """May it still run? If not, it has ended `CANCELLED` and a policy's charge has been released."""
        return self._before_call(Ref(**ref_data), mark_for_s=None)

    def _before_call(self, ref: Ref, mark_for_s: float | None) -> bool:
        now = self.clock.now()
        keys = _Keys(ref.tenant_id, ref.action_intent_id, ref.approval_id)

        def change(snapshot: Snapshot) -> Writes[bool]:
            case, attempt = snapshot.get(keys.case), snapshot.get(keys.attempt)
            if case is None or attempt is None or not self._holds(attempt, ref):
                return Writes(answer=False)
            # Where an answer is noted there will be no call: a stop or an expiry comes too late to undo it.
            reason = None if attempt.conclusion else self._forbidden(snapshot, keys, now)
            if reason is not None and not attempt.unanswered:
                result = CallResult(acted="no", error_code=reason[0], error_message=reason[1])
                return self._ended(snapshot, keys, "CANCELLED", result, now, answer=False)
            if reason is not None:
                return self._ended(snapshot, keys, "UNKNOWN", _in_doubt(attempt, reason[1]), now, answer=False)
            until = lease(now, mark_for_s if mark_for_s is not None else START_LEASE_S)
            story = Story(self.context, case, now)
            update: dict[str, Any] = {"lease_until": until}
            if mark_for_s is not None:
                counted = attempt.attempt_count + 1
                update |= {"invoking": True, "in_doubt": attempt.unanswered, "attempt_count": counted}
            story.put(keys.attempt, attempt.changed(**update))
            story.turn(due_at=until)
            return story.writes(True)

        return answer_of(self.context.store.transact([Unit(keys.all(), change, self._charged(keys))]))

    def _forbidden(self, snapshot: Snapshot, keys: _Keys, now: datetime) -> tuple[str, str] | None:
        intent, approval = snapshot.get(keys.intent), snapshot.get(keys.approval)
        assert intent is not None and approval is not None
        if now >= intent.expires_at:
            return "INTENT_EXPIRED", f"it expired at {instant(intent.expires_at)} before it ran"
        stop = self._stop(snapshot, keys, intent)
        if stop is not None and stopped_for(approval.approval_source, stop):
            return "AUTONOMY_STOPPED", f"{stop.stopped_by} stopped {stop.scope} ({stop.level}): {stop.reason}"
        return None

    def _stop(self, snapshot: Snapshot, keys: _Keys, intent: ActionIntentV1) -> Stop | None:
        return stop_in_force(
            [stops for stops in map(snapshot.get, keys.stops) if stops is not None],
            tenant_id=intent.tenant_id,
            account_id=intent.account_id,
            action_type=intent.action_type,
        )

    def map(self, ref_data: Mapping[str, str]) -> dict[str, Any]:
        """
        What to send: `{"request": …}`, by the version of the action type that the intent pinned; or
        `{"result": …}`, the failure to record. No secret is in either.
        """
        ref = Ref(**ref_data)
        try:
            intent, tool = self._intent_and_tool(ref)
            connector = self._connector(tool)
            return {"request": connector.map(tool, intent)}
        except InvalidInput as error:
            return {"result": _failed("MAPPING", "VALIDATION", str(error)).wire()}
        except RemitError:
            raise
        except Exception as error:
            log.exception("mapping failed")
            return {"result": _failed("MAPPING", "UNKNOWN", type(error).__name__).wire()}

    def invoke(self, ref_data: Mapping[str, str], request: Mapping[str, Any]) -> dict[str, Any]:
        """
        One call to the far side, marked before and noted after.

        Answers `{"result": …}` to record, `{"retry_in_s": …}` to call again after that pause, or
        `{"stop": true}`: the attempt is not ours any more, or has been cancelled.
        """
        ref = Ref(**ref_data)
        intent, tool = self._intent_and_tool(ref)
        connector = self._connector(tool)
        honours = connector.always_honours_key or bool(tool["honours_idempotency_key"])
        known = self._concluded_before(ref, honours, int(tool["max_attempts"]))
        if known is not None:
            return {"result": known.result.wire(), "status": known.status}
        if not self._before_call(ref, mark_for_s=float(tool["timeout_s"])):
            return {"stop": True}
        result = self._call(connector, intent, tool, request, self._attempt(ref).idempotency_key)
        return self._after_call(ref, result, int(tool["max_attempts"]), honours)

    def _concluded_before(self, ref: Ref, honours_key: bool, max_attempts: int) -> Conclusion | None:
        """What an earlier holder's call came to, if calling again would repeat it, be a guess, or be one too many."""
        attempt = self._attempt(ref)
        if attempt.conclusion is not None:
            return attempt.conclusion
        if not attempt.unanswered or (honours_key and attempt.attempt_count < max_attempts):
            return None
        lost = _in_doubt(attempt, "the worker that called was lost before its answer was recorded")
        return Conclusion(status="UNKNOWN", result=lost)

    def _attempt(self, ref: Ref) -> ExecutionAttempt:
        attempt_at = Key(ATTEMPT, ref.tenant_id, ref.action_intent_id)
        attempt = self.context.store.read([attempt_at]).get(attempt_at)
        assert attempt is not None
        return attempt

    def _call(
        self, connector: Connector, intent: ActionIntentV1, tool: dict[str, Any], request: Mapping[str, Any], key: str
    ) -> CallResult:
        bounds_at = Key(BOUNDS, intent.tenant_id, THE_ONE)
        bounds = self.context.store.read([bounds_at]).get(bounds_at)
        call = Call(
            intent=intent,
            request=dict(request),
            idempotency_key=key,
            timeout_s=float(tool["timeout_s"]),
            allowed_hosts=tuple(bounds.bounds.allowed_hosts) if bounds else (),
            now=self.clock.now(),
        )
        try:
            return connector.invoke(call)
        except Exception as error:
            # A connector that breaks after it was called leaves nobody knowing whether it acted. Its
            # text may hold anything, so only its type is kept.
            log.exception("connector %s broke", tool["connector"])
            return CallResult(
                acted="unknown",
                error_code="CONNECTOR_BROKE",
                error_class="UNKNOWN",
                error_message=f"the connector {tool['connector']!r} raised {type(error).__name__}",
            )

    def _after_call(self, ref: Ref, result: CallResult, max_attempts: int, honours: bool) -> dict[str, Any]:
        now = self.clock.now()
        keys = _Keys(ref.tenant_id, ref.action_intent_id, ref.approval_id)

        def change(snapshot: Snapshot) -> Writes[dict[str, Any]]:
            case, attempt = snapshot.get(keys.case), snapshot.get(keys.attempt)
            if case is None or attempt is None or not self._holds(attempt, ref):
                # Somebody took over while we were waiting; what came back is still worth recording.
                return Writes(answer={"result": result.wire(), "late": True})
            next_step = after_call(
                result,
                attempt_count=attempt.attempt_count,
                max_attempts=max_attempts,
                honours_key=honours,
                in_doubt=attempt.in_doubt,
            )
            pause_s = next_step.pause_s if isinstance(next_step, Retry) else 0.0
            until = lease(now, START_LEASE_S) + timedelta(seconds=pause_s)
            story = Story(self.context, case, now)
            noted = {
                "invoking": False,
                "in_doubt": attempt.in_doubt or result.acted == "unknown",
                "lease_until": until,
                "last_error": None if result.acted == "yes" else result,
            }
            if not isinstance(next_step, Retry):
                # Whoever takes over before the outcome is recorded must not call again.
                noted["conclusion"] = Conclusion(status=next_step, result=result)
            story.put(keys.attempt, attempt.changed(**noted))
            story.turn(due_at=until)
            if isinstance(next_step, Retry):
                return story.writes({"retry_in_s": next_step.pause_s})
            return story.writes({"result": result.wire(), "status": next_step})

        return answer_of(self.context.store.transact([Unit(keys.all(), change)]))

    def record(self, ref_data: Mapping[str, str], result: Mapping[str, Any]) -> str | None:
        """
        Write the outcome, for good, once.

        `result` is what `map` or `invoke` answered. Answers the recorded status. Run again, or by a
        worker that lost its attempt, it changes nothing, except that an answer to a call whose
        outcome is `UNKNOWN` becomes a resolution by the system.
        """
        ref = Ref(**ref_data)
        now = self.clock.now()
        keys = _Keys(ref.tenant_id, ref.action_intent_id, ref.approval_id)
        came_back = CallResult.model_validate(result["result"])
        status: OutcomeStatus = result.get("status") or ("SUCCEEDED" if came_back.acted == "yes" else "FAILED")

        def change(snapshot: Snapshot) -> Writes[str | None]:
            outcome, attempt = snapshot.get(keys.outcome), snapshot.get(keys.attempt)
            if outcome is not None:
                return self._late(snapshot, keys, outcome, came_back, now, called=bool(result.get("late")))
            # A success that arrives after a take-over is still the truth about this intent.
            if attempt is None or not (self._holds(attempt, ref) or came_back.acted == "yes"):
                return Writes(answer=None)
            end = _conclusion(attempt, status, came_back)
            return self._ended(snapshot, keys, end.status, end.result, now, answer=end.status)

        return answer_of(self.context.store.transact([Unit(keys.all(), change, self._charged(keys))]))

    def _late(
        self,
        snapshot: Snapshot,
        keys: _Keys,
        outcome: ActionOutcomeV1,
        result: CallResult,
        now: datetime,
        *,
        called: bool,
    ) -> Writes[str | None]:
        case, attempt = snapshot.get(keys.case), snapshot.get(keys.attempt)
        if outcome.status != "UNKNOWN" or case is None or case.status != "UNKNOWN" or attempt is None:
            return Writes(answer=outcome.status)
        # That one call did nothing says that nothing happened only if no other call went unanswered.
        nothing_happened = result.acted == "no" and called and not attempt.in_doubt
        if result.acted != "yes" and not nothing_happened:
            return Writes(answer=outcome.status)
        story = Story(self.context, case, now)
        resolution = Resolution(
            action_intent_id=outcome.action_intent_id,
            tenant_id=outcome.tenant_id,
            status="SUCCEEDED" if result.acted == "yes" else "FAILED",
            resolved_by="remit",
            resolved_at=now,
            note=result.error_message or "the far side's answer arrived late",
            external_object_refs=result.external_object_refs,
        )
        story.resolve(outcome, resolution)
        return story.writes(resolution.status)

    def _ended(
        self, snapshot: Snapshot, keys: _Keys, status: OutcomeStatus, result: CallResult, now: datetime, answer: Any
    ) -> Writes[Any]:
        case, intent, approval = snapshot.get(keys.case), snapshot.get(keys.intent), snapshot.get(keys.approval)
        attempt, state = snapshot.get(keys.attempt), snapshot.get(keys.state)
        assert case is not None and intent is not None and approval is not None and attempt is not None
        case.require(status, "recorded")
        outcome = conclude(intent, approval, attempt, status, result, now)
        story = Story(self.context, case, now)
        story.put(keys.outcome, outcome)
        ended = {"status": status, "invoking": False, "last_error": None if result.acted == "yes" else result}
        story.put(keys.attempt, attempt.changed(**ended))
        story.turn(status=status, due_at=state.expires_at if state else None)
        story.tell(OUTCOME_EVENT[status], {**_bound_to(case, approval), "outcome": outcome.wire()})
        if status == "CANCELLED" and approval.approval_source == "POLICY" and state is not None:
            story.release(state, snapshot, result.error_code or "CANCELLED")
        return story.writes(answer)

    def _holds(self, attempt: ExecutionAttempt, ref: Ref) -> bool:
        return attempt.status == "RUNNING" and (attempt.holder, attempt.approval_id) == (self.holder, ref.approval_id)

    def _new_attempt(
        self, intent: ActionIntentV1, ref: Ref, tool: Tool | None, now: datetime, until: datetime
    ) -> ExecutionAttempt:
        return ExecutionAttempt(
            action_intent_id=intent.action_intent_id,
            tenant_id=intent.tenant_id,
            approval_id=ref.approval_id,
            status="RUNNING",
            attempt_count=0,
            holder=self.holder,
            lease_until=until,
            invoking=False,
            in_doubt=False,
            tool=tool.name if tool else None,
            idempotency_key=idempotency_key(intent, tool.wire() if tool else None),
            started_at=now,
        )

    def _charged(self, keys: _Keys) -> Callable[[Snapshot], list[Key[Any]]]:
        return lambda snapshot: [*usage_keys(keys.state.tenant_id, snapshot.get(keys.state))]

    def _intent_and_tool(self, ref: Ref) -> tuple[ActionIntentV1, dict[str, Any]]:
        intent_at = Key(INTENT, ref.tenant_id, ref.action_intent_id)
        intent = self.context.store.read([intent_at]).get(intent_at)
        assert intent is not None
        if intent.registry_version is None:
            raise InvalidInput("action_type", f"{intent.action_type} had no tool when it was proposed", "register it")
        type_at = pinned_type_key(intent)
        action_type = self.context.store.read([type_at]).get(type_at)
        assert action_type is not None
        return intent, action_type.spec.tool.wire()

    def _connector(self, tool: dict[str, Any]) -> Connector:
        connector = self.context.connectors.get(tool["connector"])
        if connector is None:
            raise InvalidInput("tool.connector", f"{tool['connector']!r} is not installed on this worker")
        return connector


def run(
    executor: Executor,
    data: Mapping[str, Any],
    step: Callable[..., Any],
    sleep: Callable[[float], None],
) -> str | None:
    """
    One execution from event to outcome, for engines that run code.

    `step(function, *arguments)` runs one step durably; `sleep` waits durably. Answers the recorded
    status, or `None` if there was nothing to do.
    """
    ref = step(executor.start, dict(data))
    if ref is None or not step(executor.preflight, ref):
        return None
    mapped = step(executor.map, ref)
    while "request" in mapped:
        called = step(executor.invoke, ref, mapped["request"])
        if called.get("stop"):
            return None
        if "retry_in_s" not in called:
            mapped = called
            break
        sleep(called["retry_in_s"])
    status: str | None = step(executor.record, ref, mapped)
    return status


def _ref(data: Mapping[str, Any]) -> Ref | None:
    names = [data.get(name) for name in ("tenant_id", "action_intent_id", "approval_id")]
    if not all(isinstance(name, str) and name for name in names):
        return None
    return Ref(*(str(name) for name in names))


def _matches(case: Case, intent: ActionIntentV1, approval: Any, data: Mapping[str, Any]) -> bool:
    """The event is not trusted by itself: it must say what the stored approval says, of the intent as it is."""
    return (
        approval.action_intent_id == intent.action_intent_id
        and case.approval_id == approval.approval_id
        and data.get("intent_digest") == approval.intent_digest == intent.digest
        and digest_of_wire(intent.wire()) == intent.digest
    )


def pinned_type_key(intent: ActionIntentV1) -> Key[ActionType]:
    return Key(ACTION_TYPE, intent.tenant_id, type_id(intent.action_type, intent.registry_version or 0))


def _bound_to(case: Case, approval: Any) -> dict[str, Any]:
    return {
        "approval_id": approval.approval_id,
        "digest": case.digest,
        "approval_source": approval.approval_source,
        "auto_executed": approval.auto_executed,
    }


def _failed(code: str, error_class: Any, message: str) -> CallResult:
    return CallResult(acted="no", error_code=code, error_class=error_class, error_message=message)


def _conclusion(attempt: ExecutionAttempt, status: OutcomeStatus, result: CallResult) -> Conclusion:
    """What a recorder brings, or what is noted already; a failure beside a call does not answer that call."""
    if result.acted != "yes" and attempt.conclusion is not None:
        return attempt.conclusion
    if status == "FAILED" and attempt.unanswered:
        return Conclusion(status="UNKNOWN", result=_in_doubt(attempt, result.error_message or "it could not go on"))
    return Conclusion(status=status, result=result)


def _in_doubt(attempt: ExecutionAttempt, why: str) -> CallResult:
    last = attempt.last_error
    return CallResult(
        acted="unknown",
        error_code=(last and last.error_code) or "ANSWER_LOST",
        error_class=(last and last.error_class) or "UNKNOWN",
        error_message=f"nobody knows whether the far side acted: {why}",
    )
