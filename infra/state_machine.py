"""
The execution of one approval as a state machine (Amazon States Language), from data: what Step Functions is given.

One function carries out all of it where the tool answers in time. Where it may take longer, a function with more time
is called instead; where the far side has to be asked again, the state machine waits, which costs nothing.

Every call of a function may be repeated, because the attempt record says who may act; so one is retried for whatever
says that it did not get through. Whether the far side is called again is never decided here. Whatever is given up on is
caught, recorded as the intent's outcome, and ends the execution as failed, so that somebody looks. If even recording
fails, the attempt's lease runs out and reconciling delivers the approval again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

STEPS = {
    "Execute": "executor",
    "ExecutePatiently": "patient_executor",
    "RecordFailure": "execution_recorder",
}
"""The function of each step."""

TIMEOUT_S = {"Execute": 90, "ExecutePatiently": 690}
"""A step's, where it is not `STEP_TIMEOUT_S`; a tool may take ten minutes."""
STEP_TIMEOUT_S = 60
EXECUTION_TIMEOUT_S = 24 * 3600

# Raised by our functions because the same may be sent again, or said by Lambda about an invocation that broke.
RETRYABLE = [
    "TryLater",
    "OutcomeUnknown",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.Unknown",
    "Sandbox.Timedout",
    "Runtime.ExitError",
    "States.Timeout",
]


def definition(function_arns: Mapping[str, str]) -> dict[str, Any]:
    """The state machine; `function_arns` are by the names in `STEPS`."""

    def step(name: str, then: str, **more: Any) -> dict[str, Any]:
        return {
            "Type": "Task",
            "Resource": function_arns[STEPS[name]],
            "Parameters": {"data.$": "$.data", "holder.$": "$$.Execution.Id"},
            "ResultPath": "$.executed",
            "TimeoutSeconds": TIMEOUT_S.get(name, STEP_TIMEOUT_S),
            "Retry": [_retry(attempts=4, longest_s=10)],
            "Catch": [NOT_AN_APPROVAL, _caught()],
            "Next": then,
            **more,
        }

    return {
        "Comment": "Carries out one approved intent.",
        "StartAt": "Execute",
        "TimeoutSeconds": EXECUTION_TIMEOUT_S,
        "States": {
            "Execute": step("Execute", "WhatFollows"),
            "WhatFollows": {
                "Type": "Choice",
                "Choices": [
                    _if_present("$.executed.retry_in_s", "Pause"),
                    _if_present("$.executed.needs_s", "ExecutePatiently"),
                    _if_null("$.executed.status", "NothingToDo"),
                ],
                "Default": "Done",
            },
            "Pause": {"Type": "Wait", "SecondsPath": "$.executed.retry_in_s", "Next": "Execute"},
            "ExecutePatiently": step("ExecutePatiently", "WhatFollows"),
            "RecordFailure": step(
                "RecordFailure",
                "StepBroke",
                Parameters={"data.$": "$.data", "holder.$": "$$.Execution.Id", "error.$": "$.error"},
                Retry=[_retry(attempts=8, longest_s=60)],
                Catch=[{"ErrorEquals": ["States.ALL"], "ResultPath": "$.executed", "Next": "StepBroke"}],
            ),
            "NotAnApproval": {
                "Type": "Fail",
                "Error": "NotAnApproval",
                "Cause": "no approval stands behind the event that began this; nothing was started",
            },
            "Done": {"Type": "Succeed"},
            "NothingToDo": {"Type": "Succeed", "Comment": "it is done, cancelled, released or somebody else's"},
            "StepBroke": {
                "Type": "Fail",
                "Error": "StepBroke",
                "Cause": "a step was given up; what became of the intent is recorded, or will be by the next delivery",
            },
        },
    }


NOT_AN_APPROVAL = {"ErrorEquals": ["NotAnApproval"], "ResultPath": "$.error", "Next": "NotAnApproval"}


def _caught() -> dict[str, Any]:
    return {"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "RecordFailure"}


def _retry(*, attempts: int, longest_s: int) -> dict[str, Any]:
    return {
        "ErrorEquals": RETRYABLE,
        "IntervalSeconds": 1,
        "BackoffRate": 2,
        "MaxAttempts": attempts,
        "MaxDelaySeconds": longest_s,
        "JitterStrategy": "FULL",
    }


def _if_null(variable: str, then: str) -> dict[str, Any]:
    return {"Variable": variable, "IsNull": True, "Next": then}


def _if_present(variable: str, then: str) -> dict[str, Any]:
    return {"Variable": variable, "IsPresent": True, "Next": then}
