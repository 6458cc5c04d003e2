"""
The execution of one approval as a state machine (Amazon States Language), from data: what Step Functions is given.

Every step is a function and may be repeated, because the attempt record says who may act; so a step is retried for
whatever says that the step itself did not get through. Whether the far side is called again is never decided here.
Whatever a step gives up on is caught, recorded as the intent's outcome, and ends the execution as failed, so that
somebody looks. If even recording fails, the attempt's lease runs out and reconciling delivers the approval again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

STEPS = {
    "Start": "execution_starter",
    "Preflight": "preflight_checker",
    "Map": "tool_mapper",
    "Invoke": "tool_invoker",
    "Record": "execution_recorder",
}
"""The function of each step."""

TIMEOUT_S = {"Invoke": 690}
"""A step's, where it is not `STEP_TIMEOUT_S`: a tool may take ten minutes."""
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

    def step(name: str, arguments: dict[str, Any], result: str, then: str, **more: Any) -> dict[str, Any]:
        return {
            "Type": "Task",
            "Resource": function_arns[STEPS[name]],
            "Parameters": {"data.$": "$.data", "holder.$": "$$.Execution.Id", **arguments},
            "ResultPath": result,
            "TimeoutSeconds": TIMEOUT_S.get(name, STEP_TIMEOUT_S),
            "Retry": [_retry(attempts=4, longest_s=10)],
            "Catch": [_caught()],
            "Next": then,
            **more,
        }

    ref = {"ref.$": "$.started.ref"}
    return {
        "Comment": "Carries out one approved intent: start, preflight, map, invoke, record.",
        "StartAt": "Start",
        "TimeoutSeconds": EXECUTION_TIMEOUT_S,
        "States": {
            "Start": step("Start", {}, "$.started", "IsThereAnythingToDo", Catch=[NOT_AN_APPROVAL, _caught()]),
            "IsThereAnythingToDo": _choice([_if_null("$.started.ref", "NothingToDo")], "Preflight"),
            "Preflight": step("Preflight", ref, "$.preflight", "MayItRun"),
            "MayItRun": _choice([_if_true("$.preflight.go", "Map")], "NothingToDo"),
            "Map": step("Map", ref, "$.mapped", "IsThereARequest"),
            "IsThereARequest": _choice([_if_present("$.mapped.request", "Invoke")], "MappingFailed"),
            # Recording takes what a call came to from one place, and this is what it came to.
            "MappingFailed": {"Type": "Pass", "InputPath": "$.mapped", "ResultPath": "$.called", "Next": "Record"},
            "Invoke": step("Invoke", {**ref, "request.$": "$.mapped.request"}, "$.called", "WhatFollows"),
            "WhatFollows": _choice(
                [_if_present("$.called.retry_in_s", "Pause"), _if_present("$.called.stop", "NothingToDo")], "Record"
            ),
            "Pause": {"Type": "Wait", "SecondsPath": "$.called.retry_in_s", "Next": "Invoke"},
            "Record": step("Record", {"result.$": "$.called"}, "$.recorded", "Done"),
            "RecordFailure": step(
                "Record",
                {"error.$": "$.error"},
                "$.recorded",
                "StepBroke",
                Retry=[_retry(attempts=8, longest_s=60)],
                Catch=[{"ErrorEquals": ["States.ALL"], "ResultPath": "$.recorded", "Next": "StepBroke"}],
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


def _choice(choices: list[dict[str, Any]], otherwise: str) -> dict[str, Any]:
    return {"Type": "Choice", "Choices": choices, "Default": otherwise}


def _if_null(variable: str, then: str) -> dict[str, Any]:
    return {"Variable": variable, "IsNull": True, "Next": then}


def _if_true(variable: str, then: str) -> dict[str, Any]:
    return {"Variable": variable, "BooleanEquals": True, "Next": then}


def _if_present(variable: str, then: str) -> dict[str, Any]:
    return {"Variable": variable, "IsPresent": True, "Next": then}
