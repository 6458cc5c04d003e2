"""Calling: connectors, through which tools act, and what some of them know ahead of a call."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard, runtime_checkable

from msgspec import Struct

if TYPE_CHECKING:
    from remit.core.execution.outcome import CallResult
    from remit.core.intent import ActionIntentV1
    from remit.core.records import Key
    from remit.ports.units import Snapshot, Writes


class Call(Struct, frozen=True):
    """One call to the far side: the mapped request, and what the connector needs around it."""

    intent: ActionIntentV1
    request: dict[str, Any]
    idempotency_key: str
    timeout_s: float
    allowed_hosts: Sequence[str]
    now: datetime


class Connector(Protocol):
    """
    A way in which an action reaches the world.

    `always_honours_key` is true where the same idempotency key can never act twice, whatever the tool says.
    """

    always_honours_key: bool

    def check(self, tool: dict[str, Any]) -> None:
        """Raises `InvalidInput` naming the field of the tool's description that is wrong."""
        ...

    def map(self, tool: dict[str, Any], intent: ActionIntentV1) -> dict[str, Any]:
        """
        The request this intent means, as JSON, without any secret in it.

        Pure. Raises `InvalidInput` if the intent lacks what the mapping needs.
        """
        ...

    def invoke(self, call: Call) -> CallResult:
        """Carry it out once. Never raises for what the far side did; never retries."""
        ...


class CallsTogether(Connector, Protocol):
    """A connector that waits for no far side: many calls of one tenant are one piece of work."""

    def invoke_all(self, calls: Sequence[Call]) -> list[CallResult]:
        """`invoke` of each, in order."""
        ...


class ActsInStore(CallsTogether, Protocol):
    """A connector that acts in this very store and nowhere else: a call can be part of the write that records it."""

    def touched(self, tenant_id: str, idempotency_key: str) -> Sequence[Key[Any]]:
        """The records that a call under that key reads and writes."""
        ...

    def act(self, call: Call, snapshot: Snapshot) -> Writes[CallResult]:
        """`invoke` as a part of a write that was shown what is `touched`; nothing is deleted. May be asked again."""
        ...


class RunsNamedTypes(Connector, Protocol):
    """A connector that can run the tools of some action types, and leaves those of others to other workers."""

    @property
    def action_types(self) -> Collection[str]: ...


# Asked for every execution: `isinstance` of a protocol goes through all its members each time.
def calls_together(connector: Connector) -> TypeGuard[CallsTogether]:
    return hasattr(connector, "invoke_all")


def acts_in_store(connector: Connector) -> TypeGuard[ActsInStore]:
    return hasattr(connector, "touched")


def runs_named_types(connector: Connector) -> TypeGuard[RunsNamedTypes]:
    return hasattr(connector, "action_types")


@runtime_checkable
class PreparingConnector(Connector, Protocol):
    """A connector that needs something from elsewhere before it can call, such as secrets."""

    def prepare(self, call: Call) -> None:
        """
        Fetch what the call needs, and call nobody: asked before the call is marked.

        Raises `TryLater` while it cannot be had. What is wrong for good, `invoke` says.
        """
        ...


@runtime_checkable
class ForeseesRefusal(Protocol):
    """A connector that knows of a mapped request, and without a call, that it would refuse it."""

    def refusal(self, request: dict[str, Any], allowed_hosts: Sequence[str]) -> str | None:
        """The reason why it would, by what the tenant allows alone; `None` if that is not known."""
        ...


@runtime_checkable
class ForeseesHost(Protocol):
    """A connector that knows of a tool, before there is any intent, that it would refuse every request of it."""

    def refusal_of_tool(self, tool: dict[str, Any], allowed_hosts: Sequence[str]) -> str | None:
        """The reason why it would, by what the tenant allows alone; `None` if that is not known."""
        ...


class TriedHost(Struct, frozen=True):
    """
    A tool's host, and why no connection to it is to be had; `problem` is `None` where one is. `lacks` says which secret
    of its calls this process does not have.
    """

    host: str
    problem: str | None
    lacks: str | None = None


@runtime_checkable
class TriesHost(Protocol):
    """A connector that can connect to where a tool's calls go, and send nothing."""

    def try_host(self, tenant_id: str, tool: dict[str, Any], allowed_hosts: Sequence[str]) -> TriedHost: ...


class WorkerFunction(Protocol):
    """A function that a worker runs as the tool of one action type."""

    @property
    def action_type(self) -> str: ...

    def run(self, arguments: Mapping[str, Any], *, idempotency_key: str, timeout_s: float) -> Any:
        """
        The function's answer, after at most `timeout_s` where it can be broken off. Raises what it raises:
        `NotActed` where it certainly did nothing.
        """
        ...
