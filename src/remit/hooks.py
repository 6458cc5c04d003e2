"""
Hooks: what this process did to intents, told to those who count and trace. Nothing waits for them or depends on them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from remit.core.errors import RemitError

if TYPE_CHECKING:
    from remit.core.execution.approval import Approval
    from remit.core.execution.permit import Begun, Finished
    from remit.core.intent import ActionIntentV1
    from remit.flow.execute import Ended, Taken
    from remit.flow.gate import GateAnswer, GateRequest


class StepEvent(msgspec.Struct, frozen=True):
    """One step of one intent. `result` is the gate's, or the status that followed; times are of the machine."""

    step: Literal["propose", "gate", "approve", "execute"]
    tenant_id: str
    action_intent_id: str
    trace_id: str | None
    result: str
    reason: str | None
    began_ns: int
    ended_ns: int


Hook = Callable[[StepEvent], None]
"""Never raises, and is done at once."""


class Hooks:
    """Nobody at first; then what happens is told to each."""

    def __init__(self) -> None:
        self._each: list[Hook] = []

    def add(self, watcher: Hook) -> None:
        self._each.append(watcher)

    def begin(self) -> int:
        return time.time_ns()

    def proposed(self, began_ns: int, intents: Iterable[ActionIntentV1]) -> None:
        if not self._each:
            return
        for intent in intents:
            names = intent.tenant_id, intent.action_intent_id, intent.trace_id
            self._tell(StepEvent("propose", *names, "PROPOSED", None, began_ns, time.time_ns()))

    def gated(
        self, began_ns: int, decided: Iterable[tuple[GateRequest | ActionIntentV1, GateAnswer | RemitError]]
    ) -> None:
        if not self._each:
            return
        for named, answer in decided:
            if not isinstance(answer, RemitError):
                names = named.tenant_id, named.action_intent_id, answer.trace_id
                self._tell(StepEvent("gate", *names, answer.result, answer.reason, began_ns, time.time_ns()))

    def approved(self, began_ns: int, approval: Approval) -> None:
        names = approval.tenant_id, approval.action_intent_id, approval.trace_id
        self._tell(StepEvent("approve", *names, "APPROVED", None, began_ns, time.time_ns()))

    def executed(self, began_ns: int, data: Mapping[str, Any], status: str) -> None:
        """`data` is that of the event that was carried out."""
        names = data["tenant_id"], data["action_intent_id"], data.get("trace_id")
        self._tell(StepEvent("execute", *names, status, None, began_ns, time.time_ns()))

    def ended(self, began_ns: int, ended: Ended) -> None:
        """An execution that ended in the write that took it."""
        names = ended.tenant_id, ended.action_intent_id, ended.trace_id
        self._tell(StepEvent("execute", *names, ended.status, None, began_ns, time.time_ns()))

    def settled(self, began_ns: int, taken: Taken, status: str) -> None:
        """An execution whose outcome was recorded."""
        intent = taken.call.intent
        names = intent.tenant_id, intent.action_intent_id, intent.trace_id
        self._tell(StepEvent("execute", *names, status, None, began_ns, time.time_ns()))

    def begun(self, began_ns: int, begun: Begun | None) -> None:
        """A begin; one that found that the action may not run has ended it."""
        outcome = begun.outcome if begun is not None and begun.ended_now else None
        if begun is not None and outcome is not None:
            names = outcome.tenant_id, begun.action_intent_id, outcome.trace_id
            self._tell(StepEvent("execute", *names, outcome.status, None, began_ns, time.time_ns()))

    def finished(self, began_ns: int, tenant_id: str, finished: Finished) -> None:
        """A caller's word on its execution, where it was recorded."""
        if finished.recorded:
            names = tenant_id, finished.action_intent_id, finished.trace_id
            self._tell(StepEvent("execute", *names, finished.status, None, began_ns, time.time_ns()))

    def _tell(self, happened: StepEvent) -> None:
        for watcher in self._each:
            watcher(happened)
