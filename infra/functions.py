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
STEP_RESERVED = 20
"""Concurrency set aside for each short step of an execution."""


@dataclass(frozen=True, slots=True)
class Function:
    """
    `writes` are the kinds of records it may write beside the ledger, `deletes` those it may delete.

    `publishes` may put events on the bus; `reads_secret` may read tools' secrets. Who writes without the
    ledger tells nothing of intents and bounds. `reserved` is how many of it may always run at once, and no more.
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
    reserved: int | None = None


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
        # One comes a minute and takes five at most.
        reserved=5,
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
        reserved=STEP_RESERVED,
    ),
    Function(
        "preflight_checker",
        f"{_HERE}.execution.preflight_checker",
        "may it still run",
        writes=ENDING,
        reserved=STEP_RESERVED,
    ),
    Function("tool_mapper", f"{_HERE}.execution.tool_mapper", "what to send", reserved=STEP_RESERVED),
    Function(
        "tool_invoker",
        f"{_HERE}.execution.tool_invoker",
        "one call to the far side",
        # Ten minutes are the longest that a tool may take.
        timeout_s=660,
        writes=ENDING | {"internal_objects"},
        reads_secret=True,
        # It waits for far sides.
        reserved=100,
    ),
    Function(
        "execution_recorder",
        f"{_HERE}.execution.execution_recorder",
        "writes the outcome",
        # An attempt that is given up until its intent expired gives its charge back.
        writes=ENDING,
        reserved=STEP_RESERVED,
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
    Function(
        "stop_door",
        f"{_HERE}.http_door.stop_handler",
        "the stop switch's own way in",
        memory_mb=1024,
        # Stops are the tenant's and the platform's; who asks may come with a session that is used again.
        writes=frozenset({"stops", "chain_heads", "api_keys", "sessions"}),
        reserved=10,
    ),
)

DOORS = frozenset({"http_door", "stop_door"})
"""Those behind the HTTP door's address."""
STOP_ROUTES = ("/v1/stop", "/v1/resume", "/console/stop", "/console/resume")
"""What the stop switch's own function serves: nobody's flood of proposals takes its place."""
