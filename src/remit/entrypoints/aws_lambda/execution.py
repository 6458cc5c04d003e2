"""
The steps of one execution, each a function of its own, called by the state machine in `infra/state_machine.py`.

Every event carries `data` (the approval event's) and `holder` (the execution's ARN, one run of the state machine);
`ref` once it is known. State machine and functions move the work; the attempt record alone says who may act, so each
step may be repeated.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from remit.core.errors import NotAnApproval
from remit.entrypoints.aws_lambda.counting import add
from remit.entrypoints.aws_lambda.entry import entry
from remit.flow.execute import Executor, reference
from remit.wiring import Remit


def start(remit: Remit, event: Mapping[str, Any]) -> dict[str, Any]:
    """
    `{"ref": …}`, or `{"ref": null}` if there is nothing to do.

    Raises `NotAnApproval`, which ends the execution as failed and is counted.
    """
    data = event.get("data")
    try:
        if not isinstance(data, Mapping):
            raise NotAnApproval("it holds no data")
        return {"ref": _executor(remit, event).start(data)}
    except NotAnApproval:
        add("ApprovalRefused")
        raise


def preflight(remit: Remit, event: Mapping[str, Any]) -> dict[str, Any]:
    """`{"go": true}`; else it has ended, or is not ours any more."""
    go = _executor(remit, event).preflight(event["ref"])
    if not go:
        _tell_how_it_ended(remit, event)
    return {"go": go}


def map_request(remit: Remit, event: Mapping[str, Any]) -> dict[str, Any]:
    """`{"request": …}`, or `{"result": …}` to record."""
    return _executor(remit, event).map(event["ref"])


def invoke(remit: Remit, event: Mapping[str, Any]) -> dict[str, Any]:
    """`{"result": …}` to record, `{"retry_in_s": …}` or `{"stop": true}`."""
    called = _executor(remit, event).invoke(event["ref"], event["request"])
    if called.get("stop"):
        _tell_how_it_ended(remit, event)
    if "retry_in_s" in called:
        # The state machine waits whole seconds.
        called["retry_in_s"] = math.ceil(called["retry_in_s"])
    return called


def record(remit: Remit, event: Mapping[str, Any]) -> dict[str, Any]:
    """
    `{"status": …}` as recorded, or null where there was nothing to record.

    `result` is what `map` or `invoke` answered; or `error`, what the state machine caught in any step: then the
    attempt that this run holds, if it holds one, ends for that reason or is left to the next delivery.
    """
    began_ns = remit.hooks.begin()
    ref = reference(event["data"])
    status = _recorded(_executor(remit, event), ref, event) if ref else None
    if status is not None:
        remit.hooks.executed(began_ns, event["data"], status)
    return {"status": status}


def _recorded(executor: Executor, ref: dict[str, str], event: Mapping[str, Any]) -> str | None:
    if "error" in event:
        return executor.step_broke(ref, _error_name(event["error"]))
    return executor.record(ref, event["result"])


def _executor(remit: Remit, event: Mapping[str, Any]) -> Executor:
    return remit.executor(event["holder"])


def _error_name(error: Any) -> str:
    """Its cause is left out: that may hold anything, and outcomes are read by many."""
    return str(error.get("Error", "")) if isinstance(error, Mapping) else ""


def _tell_how_it_ended(remit: Remit, event: Mapping[str, Any]) -> None:
    data = event["data"]
    status = remit.status(data["tenant_id"], data["action_intent_id"])["status"]
    if status in ("CANCELLED", "UNKNOWN"):
        remit.hooks.executed(remit.hooks.begin(), data, status)


execution_starter = entry(start)
preflight_checker = entry(preflight)
tool_mapper = entry(map_request)
tool_invoker = entry(invoke)
execution_recorder = entry(record)
