"""Shared parts of the execution steps: the reference, the keys of its records, the worker, and the end."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import UNSET, Struct
from msgspec.structs import asdict

from remit.core.errors import InvalidInput
from remit.core.execution.approval import Approval
from remit.core.execution.breaker import ToolBreaker, may_call, trial_begun
from remit.core.execution.fulfilment import Hold, ended, gives_back, hold_of, new_attempt
from remit.core.execution.outcome import (
    OUTCOME_EVENT,
    CallResult,
    Conclusion,
    EndedData,
    ExecutionAttempt,
    StartedData,
    conclude,
    idempotency_key,
    storable,
    tool_hash,
)
from remit.core.execution.result import kept_result
from remit.core.execution.sample import sample_of
from remit.core.gate.action_type import ActionType, ActionTypeSpec, Tool
from remit.core.gate.budget import Usage
from remit.core.gate.result_settings import BY_DEFAULT, ResultSettings
from remit.core.intent import ActionIntentV1
from remit.core.lifecycle import Case
from remit.core.opened_intent import OpenedIntent, redacted
from remit.core.private_values import PrivateValues
from remit.core.records import STOPS, THE_ONE, Key, case_key, chain_key, result_key, sample_key
from remit.core.values import PLATFORM, SYSTEM
from remit.flow import private_values
from remit.flow.context import Context, bounds_key, bounds_of, one, pinned_type_key, usage_keys
from remit.flow.fact_lookups import FactLookups
from remit.flow.facts import CallFacts
from remit.flow.writers import CaseWriter
from remit.ports import Call, Clock, Connector, Snapshot, Writes, calls_together

log = logging.getLogger(__name__)
START_LEASE_S = 15.0
"""The time that a worker may take from one step to the next before another may take over."""


class Ref(Struct, frozen=True):
    """One execution: which intent, by which approval."""

    tenant_id: str
    action_intent_id: str
    approval_id: str

    def wire(self) -> dict[str, str]:
        return asdict(self)


def ref_of(data: Mapping[str, Any]) -> Ref | None:
    """The execution that an approval event's `data` names, if it names all of it."""
    names = [data.get(name) for name in ("tenant_id", "action_intent_id", "approval_id")]
    if not all(isinstance(name, str) and name for name in names):
        return None
    return Ref(*(str(name) for name in names))


class Keys:
    """The keys of everything about one execution."""

    def __init__(self, tenant_id: str, intent_id: str, approval_id: str) -> None:
        self.approval_id = approval_id
        self.case, self.chain = case_key(tenant_id, intent_id), chain_key(tenant_id, intent_id)
        self.result = result_key(tenant_id, intent_id)
        self.stops = (Key(STOPS, tenant_id, THE_ONE), Key(STOPS, PLATFORM, THE_ONE))
        # These never change once they are there, and each is asked for several times in a write.
        self._intent: ActionIntentV1 | None = None
        self._approval: Approval | None = None
        self._spec: ActionTypeSpec | None = None
        self._idempotency: tuple[bytes | None, str] | None = None

    def all(self) -> list[Key[Any]]:
        return [self.case, self.chain, *self.stops]

    def begun(self) -> list[Key[Any]]:
        """All that taking an attempt needs, but for what follows from the intent."""
        return [*self.all(), bounds_key(self.case.tenant_id)]

    def intent(self, snapshot: Snapshot) -> ActionIntentV1 | None:
        """As it was approved: what is private of it is a commitment."""
        if self._intent is None:
            history = snapshot.get(self.chain)
            self._intent = history.intent if history else None
        return self._intent

    def private(self, snapshot: Snapshot) -> list[Key[PrivateValues]]:
        return private_values.private_keys(snapshot.get(self.chain))

    def opened(self, snapshot: Snapshot) -> ActionIntentV1 | None:
        """As it is carried out, in a snapshot that was asked for `private`."""
        return private_values.opened_in(snapshot, snapshot.get(self.chain))

    def approval(self, snapshot: Snapshot) -> Approval | None:
        if self._approval is None:
            history = snapshot.get(self.chain)
            self._approval = history.approval(self.approval_id) if history else None
        return self._approval

    def pinned_type(self, snapshot: Snapshot) -> list[Key[ActionType]]:
        """The version of the action type that the intent was proposed under."""
        intent = self.intent(snapshot)
        return [pinned_type_key(intent)] if intent is not None and intent.registry_version is not None else []

    def charged(self, snapshot: Snapshot) -> list[Key[Usage]]:
        return usage_keys(self.approval(snapshot))

    def spec(self, snapshot: Snapshot) -> ActionTypeSpec | None:
        if self._spec is None:
            found = [snapshot.get(key) for key in self.pinned_type(snapshot)]
            self._spec = found[0].spec if found and found[0] else None
        return self._spec

    def tool(self, snapshot: Snapshot) -> Tool | None:
        spec = self.spec(snapshot)
        return spec.tool if spec else None

    def idempotency_key(self, intent: ActionIntentV1, tool: Tool | None) -> str:
        """Of every call of its intent by this tool."""
        described, known = tool.canonical if tool else None, self._idempotency
        if known is None or known[0] != described:
            known = self._idempotency = described, idempotency_key(intent, tool)
        return known[1]

    def results(self, snapshot: Snapshot) -> ResultSettings:
        """The settings of the results of this type."""
        spec = self.spec(snapshot)
        return spec.results if spec else BY_DEFAULT

    def if_waited(self, snapshot: Snapshot) -> list[Key[ActionType]]:
        """
        The setting that says what becomes of an action whose caller waited and has gone; nothing where nobody ever
        waited.
        """
        case = snapshot.get(self.case)
        return self.pinned_type(snapshot) if case is not None and case.waited_until is not None else []

    @classmethod
    def of(cls, ref: Ref) -> Keys:
        return cls(ref.tenant_id, ref.action_intent_id, ref.approval_id)

    @classmethod
    def of_case(cls, case: Case) -> Keys:
        """Of the approval that stands for it."""
        return cls(case.tenant_id, case.action_intent_id, case.approval_id or "")


class Worker(Struct, frozen=True):
    """
    One run of one worker.

    `holder` names this run and is never used again: a durable engine that replays a run in another
    process must make a new one, so that what it replays cannot pass for the holder of the lease. One that
    runs the steps of one run in several processes may repeat a step, even at once: each mark of a call is
    bound to the calls that were seen when it was decided on.
    """

    context: Context
    clock: Clock
    holder: str
    lookups: FactLookups

    def facts(self) -> CallFacts:
        """The lookups before one call."""
        return CallFacts(self.lookups)

    def hold(self, attempt: ExecutionAttempt | None, ref: Ref, now: datetime) -> Hold:
        return hold_of(attempt, self.holder, ref.approval_id, now)

    def may_take(self, case: Case) -> bool:
        """Is it for this worker to begin? What another one has begun needs no connector to be ended."""
        return not case.by_caller and (case.attempt is not None or self.context.runs(case))

    def attempt(self, ref: Ref) -> ExecutionAttempt:
        case = one(self.context, case_key(ref.tenant_id, ref.action_intent_id))
        assert case is not None and case.attempt is not None
        return case.attempt


def take_attempt(
    writer: CaseWriter, snapshot: Snapshot, keys: Keys, *, holder: str, until: datetime, by: str = SYSTEM
) -> ExecutionAttempt:
    """Take the one attempt of an approval that nobody has begun, in a write that has begun."""
    intent, approval, tool = keys.intent(snapshot), keys.approval(snapshot), keys.tool(snapshot)
    assert intent is not None and approval is not None
    key = keys.idempotency_key(intent, tool)
    attempt = new_attempt(intent, approval.approval_id, tool, holder=holder, now=writer.now, until=until, key=key)
    writer.move("RUNNING", lease_until=until)
    writer.update(attempt=attempt)
    started = StartedData(
        **bound_to(writer.digest, approval),
        config_sequence=bounds_of(snapshot, intent.tenant_id).config_sequence,
        tool_hash=tool_hash(tool),
    )
    writer.append("EXECUTION_STARTED", started, actor=by)
    return attempt


def end(
    worker: Worker, snapshot: Snapshot, keys: Keys, concluded: Conclusion, now: datetime, answer: Any
) -> Writes[Any]:
    """Record the outcome that ends an attempt, and give back what it cost if it never ran."""
    case = snapshot.get(keys.case)
    assert case is not None and case.attempt is not None
    return end_with(CaseWriter(worker.context, case, now), snapshot, keys, case.attempt, concluded, answer)


def end_with(
    writer: CaseWriter,
    snapshot: Snapshot,
    keys: Keys,
    attempt: ExecutionAttempt,
    concluded: Conclusion,
    answer: Any,
    *,
    by: str = SYSTEM,
) -> Writes[Any]:
    """End an attempt in a write that has begun, at the word of `by`; `attempt` is as it is then."""
    intent, approval = keys.intent(snapshot), keys.approval(snapshot)
    assert intent is not None and approval is not None
    status, result = concluded.status, concluded.result
    outcome = conclude(intent, approval, attempt, status, result, writer.now)
    writer.update(attempt=ended(attempt, concluded))
    writer.move(status)
    writer.stage(result.answer)
    told = EndedData(
        **bound_to(writer.digest, approval),
        outcome=outcome,
        result=result.answer.facts() if result.answer else UNSET,
        rechecked=attempt.rechecked,
    )
    writer.append(OUTCOME_EVENT[status], told, actor=by)
    if (sample := sample_of(intent, approval, status, writer.entries[-1].hash, writer.now)) is not None:
        writer.put(sample_key(intent.tenant_id, intent.action_intent_id), sample)
    if gives_back(status, approval):
        writer.release(approval, snapshot, result.error_code or status)
    return writer.writes(answer)


def with_trial(
    writer: CaseWriter, snapshot: Snapshot, breaker_at: Key[ToolBreaker] | None, holder: str, until: datetime
) -> datetime | None:
    """
    Note in the write that marks a call that it is its tool's trial, if the tool is paused and a trial is due.

    Answers until when to wait where nobody may call now; `breaker_at` is where the tool's breaker is, if it has one.
    """
    breaker = snapshot.get(breaker_at) if breaker_at else None
    may = may_call(breaker, writer.now)
    if isinstance(may, datetime):
        return may
    if may == "trial" and breaker is not None and breaker_at is not None:
        writer.put(breaker_at, trial_begun(breaker, by=holder, until=until))
    return None


def intent_and_type(worker: Worker, ref: Ref) -> tuple[ActionIntentV1, ActionType]:
    """The intent as it is carried out, and its type. Raises `InvalidInput`."""
    case_at = case_key(ref.tenant_id, ref.action_intent_id)
    chain_at = chain_key(ref.tenant_id, ref.action_intent_id)
    seen = worker.context.store.read([case_at, chain_at])
    case, history = seen.get(case_at), seen.get(chain_at)
    assert case is not None and case.attempt is not None
    (intent,) = private_values.opened_now(worker.context.store, [history])
    assert intent is not None
    if intent.registry_version is None:
        raise InvalidInput("action_type", f"{intent.action_type} had no tool when it was proposed", "register it")
    action_type = one(worker.context, pinned_type_key(intent))
    assert action_type is not None
    check_same_tool(intent, action_type.spec.tool, case.attempt)
    return intent, action_type


def check_same_tool(intent: ActionIntentV1, tool: Tool, attempt: ExecutionAttempt) -> None:
    """
    Raises `InvalidInput` for another tool than the one with which the attempt was begun, and that its entry tells of.

    A version of an action type never changes; somebody who can write the database may have changed its row.
    """
    if idempotency_key(intent, tool) != attempt.idempotency_key:
        raise InvalidInput("tool", "is another than when the execution was started", "run 'remit verify --tenant'")


def connector_of(worker: Worker, tool: dict[str, Any]) -> Connector:
    return connector_named(worker.context, tool["connector"])


def connector_named(context: Context, name: str) -> Connector:
    """Raises `InvalidInput` for one that is not installed here."""
    connector = context.connectors.get(name)
    if connector is None:
        raise InvalidInput("tool.connector", f"{name!r} is not installed on this worker")
    return connector


CallOfType = tuple[Call, ResultSettings]


def called(connector: Connector, calls: Sequence[CallOfType], clock: Clock) -> list[CallResult]:
    """
    The results of calls, whatever happens, with what is kept of each answer; several are of one that `CallsTogether`.

    A connector that breaks after it was called leaves nobody knowing whether it acted. Its text may hold anything, so
    only its type is kept.
    """
    try:
        if calls_together(connector):
            results = connector.invoke_all([call for call, _ in calls])
        else:
            results = [connector.invoke(call) for call, _ in calls]
        now = clock.now()
        return [
            kept_of(result, call.intent, settings, now) for result, (call, settings) in zip(results, calls, strict=True)
        ]
    except Exception as error:
        return [broken([call.intent for call, _ in calls], error)] * len(calls)


def kept_of(result: CallResult, intent: ActionIntentV1, settings: ResultSettings, now: datetime) -> CallResult:
    """The result of a call as it is recorded, with what is kept of its answer."""
    return without_private(storable(result), intent).changed(answer=kept_result(settings, result.answer, now))


def broken(intents: Sequence[ActionIntentV1], error: Exception) -> CallResult:
    """The result of calls whose connector raised that."""
    log_broken("a connector broke", error, *intents)
    return CallResult(
        acted="unknown",
        error_code="CONNECTOR_BROKE",
        error_class="UNKNOWN",
        error_message=f"the connector raised {type(error).__name__}",
    )


def without_private(result: CallResult, intent: ActionIntentV1 | None) -> CallResult:
    """The result of a call, without the private values of the intent in what the far side or its caller says."""
    if not isinstance(intent, OpenedIntent):
        return result
    refs = [
        ref.changed(
            object_id=redacted(ref.object_id, intent),
            object_url=ref.object_url and redacted(ref.object_url, intent),
        )
        for ref in result.external_object_refs
    ]
    message = result.error_message and redacted(result.error_message, intent)
    return result.changed(external_object_refs=refs, error_message=message)


def log_broken(what: str, error: Exception, *intents: ActionIntentV1) -> None:
    """The words of an exception may hold anything: where it is about an intent with private values it is left out."""
    said = f": {type(error).__name__}" if any(isinstance(intent, OpenedIntent) for intent in intents) else ""
    log.error("%s%s", what, said, exc_info=None if said else error)


def bound_to(digest: str, approval: Approval) -> dict[str, Any]:
    return {
        "approval_id": approval.approval_id,
        "digest": digest,
        "approval_source": approval.approval_source,
        "auto_executed": approval.auto_executed,
    }


def failed(code: str, error_class: Any, message: str) -> CallResult:
    return CallResult(acted="no", error_code=code, error_class=error_class, error_message=message)
