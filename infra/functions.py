"""
The functions: which handler, how long, how large, and what each may touch of the table and of the bus.

The deployment, the local cloud and the tests of permissions all read this one list.
"""

from __future__ import annotations

from dataclasses import dataclass

_HERE = "remit.entrypoints.aws_lambda"


DECIDING = frozenset({"cases", "usages"})
"""What a decision and its publication write beside the ledger."""
PROPOSING = frozenset({"private_values"})
"""What is stored of some proposals beside their case."""
ENDING = frozenset({"cases", "usages", "samples"})
"""What an execution that ends writes beside the ledger: a charge may be given back, or people be shown what it did."""
CALLING = ENDING | {"internal_objects", "results", "tool_breakers"}
"""What an execution that calls writes: also what the tool answered, and that it failed until it answers again."""
EVERYTHING = frozenset({"*"})


@dataclass(frozen=True, slots=True)
class Function:
    """
    `writes` are the kinds of records it may write beside the ledger, `deletes` those it may delete.

    `publishes` may put events on the bus; `reads_secret` may read the secrets of tools and facts, and `tells_browsers`
    the key with which messages to browsers are signed. Who writes
    `own_chain_only` tells of a tenant, and nothing of any intent. `reserved` is how many of it may always run at once,
    and no more.
    """

    name: str
    handler: str
    purpose: str
    timeout_s: int = 30
    memory_mb: int = 512
    writes: frozenset[str] = frozenset()
    deletes: frozenset[str] = frozenset()
    own_chain_only: bool = False
    publishes: bool = False
    reads_secret: bool = False
    tells_browsers: bool = False
    reserved: int | None = None


FUNCTIONS = (
    # What decides looks facts up, whose URLs and headers may name secrets.
    Function("gate", f"{_HERE}.gate.handler", "decides one intent", writes=DECIDING, publishes=True, reads_secret=True),
    Function(
        "propose",
        f"{_HERE}.propose.handler",
        "stores and decides proposals",
        writes=DECIDING | PROPOSING,
        publishes=True,
        reads_secret=True,
    ),
    Function(
        "review",
        f"{_HERE}.review.handler",
        "a person's answers, from a back end",
        # What a person approves or edits is charged to nobody; an edit is a proposal.
        writes=DECIDING - {"usages"} | PROPOSING,
        publishes=True,
        reads_secret=True,
    ),
    Function("status", f"{_HERE}.status.handler", "the Status API"),
    Function(
        "reconcile",
        f"{_HERE}.reconcile.handler",
        "what nobody waits for",
        timeout_s=300,
        # What its caller did not finish in time ends.
        writes=DECIDING | ENDING,
        # Results and samples whose time is over.
        deletes=frozenset({"results", "samples"}),
        publishes=True,
        reads_secret=True,
        # One comes a minute and takes five at most.
        reserved=5,
    ),
    Function(
        "notify",
        f"{_HERE}.notify.handler",
        "follows the ledger: counts days, tells people",
        timeout_s=300,
        writes=frozenset(
            {
                "consumers",
                "daily_counts",
                "status_counts",
                "notification_states",
                "outboxes",
                "deliveries",
                "policy_versions",
            }
            # Links that are mailed, and told in the tenant's chain.
            | {"sign_in_links", "chain_heads"}
        ),
        # And browsers that are gone, and counters of windows that are long over.
        deletes=frozenset({"outboxes", "deliveries", "sessions", "sign_in_links", "browsers", "usages"}),
        own_chain_only=True,
        reads_secret=True,
        tells_browsers=True,
    ),
    Function(
        "executor",
        f"{_HERE}.execution.executor",
        "carries out an execution whose tool answers soon",
        # Half a minute is the longest that such a tool may take.
        timeout_s=60,
        writes=CALLING,
        deletes=frozenset({"tool_breakers"}),
        reads_secret=True,
        # They wait for far sides.
        reserved=100,
    ),
    Function(
        "patient_executor",
        f"{_HERE}.execution.patient_executor",
        "carries out one whose tool may take long",
        # Ten minutes are the longest that a tool may take.
        timeout_s=660,
        writes=CALLING,
        deletes=frozenset({"tool_breakers"}),
        reads_secret=True,
        reserved=60,
    ),
    Function(
        "execution_recorder",
        f"{_HERE}.execution.execution_recorder",
        "records what broke",
        # An attempt that is given up until its intent expired gives its charge back.
        writes=ENDING,
        reserved=20,
    ),
    Function(
        "http_door",
        f"{_HERE}.http_door.handler",
        "the whole HTTP door",
        memory_mb=1024,
        writes=EVERYTHING,
        deletes=frozenset(
            {"sessions", "sign_in_links", "subscriptions", "outboxes", "deliveries", "tool_breakers"}
            # What is erased on demand, what was judged, and where somebody is told no more.
            | {"results", "private_values", "samples", "browsers"}
        ),
        publishes=True,
        reads_secret=True,
        # Browsers are given its public half.
        tells_browsers=True,
    ),
    Function(
        "stop_door",
        f"{_HERE}.http_door.stop_handler",
        "the stop switch's own way in",
        memory_mb=1024,
        # Stops are the tenant's and the platform's; of a key it is noted that it was used.
        writes=frozenset({"stops", "chain_heads", "api_keys"}),
        own_chain_only=True,
        reserved=10,
    ),
)

PUSH_KEY_LENGTH = 43
"""Letters and digits: 32 bytes in base64url."""
DOORS = frozenset({"http_door", "stop_door"})
"""Those behind the HTTP door's address."""
STOP_ROUTES = ("/v1/stop", "/v1/resume", "/console/stop", "/console/resume")
"""What the stop switch's own function serves: nobody's flood of proposals takes its place."""
