"""
The execution of one approval, called by the state machine in `infra/state_machine.py`.

Every event carries `data` (the approval event's) and `holder` (the execution's ARN, one run of the state machine).
One function carries out all of it: it takes the attempt and marks the call, calls, and writes down what that came to.
The state machine waits between two calls, hands on what may take long to a function that has the time, and has recorded
what broke. The attempt record alone says who may act, so each function may be called again.
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

QUICK_S = 30.0
"""The longest that a tool may take which the quick function calls: it has twice that time for everything."""


def execute(remit: Remit, event: Mapping[str, Any]) -> dict[str, Any]:
    """
    `{"status": …}` as recorded, null where there is nothing to do; `{"retry_in_s": …}`; or `{"needs_s": …}`, to be
    handed on to `execute_patiently`.

    Raises `NotAnApproval`, which ends the execution as failed and is counted.
    """
    return _at_once(remit, event, QUICK_S)


def execute_patiently(remit: Remit, event: Mapping[str, Any]) -> dict[str, Any]:
    """The step for a tool that may take long."""
    return _at_once(remit, event, None)


def _at_once(remit: Remit, event: Mapping[str, Any], within_s: float | None) -> dict[str, Any]:
    began_ns, data = remit.hooks.begin(), event.get("data")
    try:
        if not isinstance(data, Mapping):
            raise NotAnApproval("it holds no data")
        came_to = _executor(remit, event).at_once(data, within_s=within_s)
    except NotAnApproval:
        add("ApprovalRefused")
        raise
    if "retry_in_s" in came_to:
        # The state machine waits whole seconds.
        return {"retry_in_s": math.ceil(came_to["retry_in_s"])}
    if came_to.get("status") is not None:
        remit.hooks.executed(began_ns, data, came_to["status"])
    return came_to


def record_failure(remit: Remit, event: Mapping[str, Any]) -> dict[str, Any]:
    """
    `{"status": …}` as recorded, or null where there was nothing to record.

    `error` is what the state machine caught: the attempt that this run holds, if it holds one, ends for that reason, or
    is left to the next delivery.
    """
    began_ns = remit.hooks.begin()
    ref = reference(event["data"])
    status = _executor(remit, event).step_broke(ref, _error_name(event["error"])) if ref else None
    if status is not None:
        remit.hooks.executed(began_ns, event["data"], status)
    return {"status": status}


def _executor(remit: Remit, event: Mapping[str, Any]) -> Executor:
    return remit.executor(event["holder"])


def _error_name(error: Any) -> str:
    """Its cause is left out: that may hold anything, and outcomes are read by many."""
    return str(error.get("Error", "")) if isinstance(error, Mapping) else ""


executor = entry(execute)
patient_executor = entry(execute_patiently)
execution_recorder = entry(record_failure)
