"""
A real deployment, tried: one intent from proposal to outcome.

    .venv/bin/python -m infra.smoke [STACK]

Sets the bounds of a tenant of its own (`remit-smoke`: one internal note a call, 50 a day), proposes one note through
the deployed function, and follows it through bus and state machine until its outcome stands. Reads the stack's
outputs; needs credentials that may invoke the function and use the table. 0 if the outcome is SUCCEEDED.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import boto3

from remit.core.views import OutcomeAnswer
from remit.wiring import Remit, uuid7

TENANT, ACCOUNT, TYPE = "remit-smoke", "smoke", "CREATE_INTERNAL_NOTE"
WITHIN_S = 180.0
LOOK_EVERY_S = 2.0
BOUNDS = {
    "tenant": TENANT,
    "action_types": {TYPE: {"risk_tier": "MINIMAL", "tool": {"connector": "internal", "operation": "create_note"}}},
    "allowlist": [TYPE],
    "modes": {"default": "AUTO_EXECUTE"},
    "budget": {"max_autonomous_per_day": 50},
}


def main(stack: str) -> int:
    outputs = outputs_of(stack)
    with Remit.open(f"dynamodb://{outputs['TableName']}") as remit:
        remit.apply(BOUNDS, by="smoke")
        return follow(remit, lambda proposal: invoked(outputs["ProposeFunction"], {"proposal": proposal}))


def follow(remit: Remit, propose: Any, *, within_s: float = WITHIN_S, look_every_s: float = LOOK_EVERY_S) -> int:
    """Propose one intent and print every status it takes until it has an outcome, or too long has passed."""
    name = f"smoke-{uuid7()}"
    verdict = propose(_proposal(name))
    print(f"{name}: {verdict.get('result')} ({verdict.get('reason') or verdict.get('problem')})")
    seen, until = "", time.monotonic() + within_s
    while time.monotonic() < until and verdict.get("result") == "AUTO_EXECUTED":
        status = remit.status(TENANT, name)
        if status["status"] != seen:
            seen = status["status"]
            print(f"{name}: {seen}")
        if status["outcome"]:
            return _judged(name, status["outcome"])
        time.sleep(look_every_s)
    print(f"{name}: no outcome; look at the alarms, and at the executions of the state machine")
    return 1


def _judged(name: str, outcome: OutcomeAnswer) -> int:
    print(f"{name}: {outcome['status']}, by {outcome['approval_source']}, auto_executed {outcome['auto_executed']}")
    return 0 if outcome["status"] == "SUCCEEDED" else 1


def _proposal(name: str) -> dict[str, Any]:
    return {
        "action_intent_id": name,
        "tenant_id": TENANT,
        "account_id": ACCOUNT,
        "action_type": TYPE,
        "target": {"entity_type": "deployment", "entity_id": "this"},
        "parameters": {"text": "the smoke test was here"},
        "confidence_score": 0.99,
        "risk_level": "MINIMAL",
        "proposed_by": "smoke",
    }


def outputs_of(stack: str) -> dict[str, str]:
    (found,) = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in found["Outputs"]}


def invoked(function: str, event: dict[str, Any]) -> dict[str, Any]:
    """The function's answer. Raises `RuntimeError` with what it raised."""
    answer = boto3.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
    said: dict[str, Any] = json.loads(answer["Payload"].read())
    if answer.get("FunctionError"):
        raise RuntimeError(f"{function} raised {said.get('errorType')}: {said.get('errorMessage')}")
    return said


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "remit"))
