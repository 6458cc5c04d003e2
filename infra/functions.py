"""
The functions: which handler, how long, how large, and what each may touch of the table and of the bus.

The deployment, the local cloud and the tests of permissions all read this one list.
"""

from __future__ import annotations

from dataclasses import dataclass

_HERE = "remit.entrypoints.aws_lambda"


@dataclass(frozen=True, slots=True)
class Function:
    """`publishes` may put events on the bus; `reads_secret` may read what tools are told."""

    name: str
    handler: str
    purpose: str
    timeout_s: int = 30
    memory_mb: int = 512
    publishes: bool = False
    reads_secret: bool = False


FUNCTIONS = (
    Function("gate", f"{_HERE}.gate.handler", "decides one intent", publishes=True),
    Function("propose", f"{_HERE}.propose.handler", "stores and decides proposals", publishes=True),
    Function("review", f"{_HERE}.review.handler", "a person's answers, from a back end", publishes=True),
    Function("status", f"{_HERE}.status.handler", "the Status API"),
    Function("reconcile", f"{_HERE}.reconcile.handler", "what nobody waits for", timeout_s=300, publishes=True),
    Function("execution_starter", f"{_HERE}.execution.execution_starter", "takes the attempt"),
    Function("preflight_checker", f"{_HERE}.execution.preflight_checker", "may it still run"),
    Function("tool_mapper", f"{_HERE}.execution.tool_mapper", "what to send"),
    # Ten minutes are the longest that a tool may take.
    Function("tool_invoker", f"{_HERE}.execution.tool_invoker", "one call", timeout_s=660, reads_secret=True),
    Function("execution_recorder", f"{_HERE}.execution.execution_recorder", "writes the outcome"),
    Function("http_door", f"{_HERE}.http_door.handler", "the whole HTTP door", memory_mb=1024, publishes=True),
)
