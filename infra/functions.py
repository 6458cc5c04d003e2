"""
The functions: which handler, how long, how large, and what each may touch of the table and of the bus.

The deployment, the local cloud and the tests of permissions all read this one list.
"""

from __future__ import annotations

from dataclasses import dataclass

_HERE = "remit.entrypoints.aws_lambda"


DECIDING = frozenset({"cases", "usages"})
"""What a decision and its publication write beside the ledger."""
ENDING = frozenset({"cases", "usages"})
"""What an execution that ends writes beside the ledger: a charge may be given back."""
EVERYTHING = frozenset({"*"})


@dataclass(frozen=True, slots=True)
class Function:
    """
    `writes` are the kinds of records it may write beside the ledger, `deletes` those it may delete.

    `publishes` may put events on the bus; `reads_secret` may read tools' secrets. Who writes without the
    ledger tells nothing of intents and bounds.
    """

    name: str
    handler: str
    purpose: str
    timeout_s: int = 30
    memory_mb: int = 512
    writes: frozenset[str] = frozenset()
    deletes: frozenset[str] = frozenset()
    with_ledger: bool = True
    publishes: bool = False
    reads_secret: bool = False


FUNCTIONS = (
    Function("gate", f"{_HERE}.gate.handler", "decides one intent", writes=DECIDING, publishes=True),
    Function(
        "propose",
        f"{_HERE}.propose.handler",
        "stores and decides proposals",
        writes=DECIDING,
        publishes=True,
    ),
    Function(
        "review",
        f"{_HERE}.review.handler",
        "a person's answers, from a back end",
        # What a person approves or edits is charged to nobody.
        writes=DECIDING - {"usages"},
        publishes=True,
    ),
    Function("status", f"{_HERE}.status.handler", "the Status API"),
    Function(
        "reconcile",
        f"{_HERE}.reconcile.handler",
        "what nobody waits for",
        timeout_s=300,
        writes=DECIDING,
        publishes=True,
    ),
    Function(
        "notify",
        f"{_HERE}.notify.handler",
        "follows the ledger: counts days, tells people",
        timeout_s=300,
        writes=frozenset(
            {"consumers", "daily_counts", "notification_states", "outboxes", "deliveries", "policy_versions"}
        ),
        deletes=frozenset({"outboxes", "deliveries"}),
        with_ledger=False,
        reads_secret=True,
    ),
    Function(
        "execution_starter",
        f"{_HERE}.execution.execution_starter",
        "takes the attempt",
        writes=frozenset({"cases"}),
    ),
    Function("preflight_checker", f"{_HERE}.execution.preflight_checker", "may it still run", writes=ENDING),
    Function("tool_mapper", f"{_HERE}.execution.tool_mapper", "what to send"),
    Function(
        "tool_invoker",
        f"{_HERE}.execution.tool_invoker",
        "one call to the far side",
        # Ten minutes are the longest that a tool may take.
        timeout_s=660,
        writes=ENDING | {"internal_objects"},
        reads_secret=True,
    ),
    Function(
        "execution_recorder",
        f"{_HERE}.execution.execution_recorder",
        "writes the outcome",
        writes=frozenset({"cases"}),
    ),
    Function(
        "http_door",
        f"{_HERE}.http_door.handler",
        "the whole HTTP door",
        memory_mb=1024,
        writes=EVERYTHING,
        deletes=frozenset({"sessions", "sign_in_links", "subscriptions", "outboxes", "deliveries"}),
        publishes=True,
    ),
)
