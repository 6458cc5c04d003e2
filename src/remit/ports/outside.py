"""What lies outside: the clock, the bus, far sides, channels that people read, and where policies are tried out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard, runtime_checkable

if TYPE_CHECKING:
    from remit.core.execution.outcome import CallResult
    from remit.core.gate.fact import FactSpec
    from remit.core.gate.policy import PolicySource
    from remit.core.intent import ActionIntentV1
    from remit.core.notifications.browser import Browser, NewBrowser
    from remit.core.notifications.card import Card
    from remit.core.notifications.outbox import Posted, SendResult
    from remit.core.notifications.press import Press, SignedRequest
    from remit.core.notifications.subscription import NewSubscription, Recipient, Subscription


class Clock(Protocol):
    def now(self) -> datetime:
        """Aware UTC."""
        ...


@dataclass(frozen=True, slots=True)
class Message:
    """One approval on its way out. `delivery` counts from 1; what ignores repeats ignores them per delivery."""

    event: dict[str, Any]
    delivery: int

    @property
    def data(self) -> dict[str, Any]:
        data: dict[str, Any] = self.event["detail"]["data"]
        return data

    @property
    def message_id(self) -> str:
        return f"{self.data['approval_id']}.{self.delivery}"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one message: `delivered`, `refused` for good, or `unconfirmed`."""

    outcome: str
    detail: str = ""


DELIVERED, REFUSED, UNCONFIRMED = "delivered", "refused", "unconfirmed"


class SendingPublisher(Protocol):
    """
    Delivers over a wire: what is not known to be delivered stays reserved and is sent again.

    Passes `remit.testing.publisher_contract`, or is none.
    """

    def send(self, messages: Sequence[Message]) -> list[Receipt]:
        """One receipt a message, in order. Never raises for what happened on the way: that is `unconfirmed`."""
        ...


@runtime_checkable
class CheckedPublisher(SendingPublisher, Protocol):
    """A publisher that can say, before anything is charged, that nothing could ever leave through it."""

    def check(self) -> None:
        """Raises `ConfigMissing` if there is no such way out. What cannot be found out passes."""
        ...


@dataclass(frozen=True, slots=True)
class Call:
    """One call to the far side: the mapped request, and what the connector needs around it."""

    intent: ActionIntentV1
    request: dict[str, Any]
    idempotency_key: str
    timeout_s: float
    allowed_hosts: Sequence[str]
    now: datetime


class Connector(Protocol):
    """
    How an action reaches the world.

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


class RunsNamedTypes(Connector, Protocol):
    """A connector that can run the tools of some action types, and leaves those of others to other workers."""

    @property
    def action_types(self) -> Collection[str]: ...


# Asked for every execution: `isinstance` of a protocol goes through all its members each time.
def calls_together(connector: Connector) -> TypeGuard[CallsTogether]:
    return hasattr(connector, "invoke_all")


def runs_named_types(connector: Connector) -> TypeGuard[RunsNamedTypes]:
    return hasattr(connector, "action_types")


@dataclass(frozen=True, slots=True)
class FactLookup:
    """One lookup: the mapped request, and what is needed around it."""

    tenant_id: str
    request: dict[str, Any]
    timeout_s: float
    allowed_hosts: Sequence[str]


class FactSource(Protocol):
    """Where the gate looks up facts: the tenants' own systems, which are read and never changed."""

    def check(self, fact: FactSpec, allowed_hosts: Sequence[str]) -> None:
        """Raises `InvalidInput` naming the field that is wrong."""
        ...

    def map(self, fact: FactSpec, fields: Mapping[str, Any]) -> dict[str, Any]:
        """
        The request that a fact means for an intent with these fields, as JSON, without any secret in it.

        Pure. Raises `InvalidInput` if the intent lacks what the templates name.
        """
        ...

    def get(self, lookup: FactLookup) -> bytes:
        """
        The whole answer, within `timeout_s`. Raises `FactNotHad` saying why there is none, without any secret.

        Never retries.
        """
        ...


class WorkerFunction(Protocol):
    """A function that a worker runs as the tool of one action type."""

    @property
    def action_type(self) -> str: ...

    def run(self, arguments: Mapping[str, Any], *, idempotency_key: str, timeout_s: float) -> Any:
        """
        What the function answers, after at most `timeout_s` where it can be broken off. Raises what it raises:
        `NotActed` where it certainly did nothing.
        """
        ...


@runtime_checkable
class ForeseesRefusal(Protocol):
    """A connector that knows of a mapped request, and without a call, that it would refuse it."""

    def refusal(self, request: dict[str, Any], allowed_hosts: Sequence[str]) -> str | None:
        """Why it would, by what the tenant allows alone; `None` if that is not known."""
        ...


@runtime_checkable
class ForeseesHost(Protocol):
    """A connector that knows of a tool, before there is any intent, that it would refuse every request of it."""

    def refusal_of_tool(self, tool: dict[str, Any], allowed_hosts: Sequence[str]) -> str | None:
        """Why it would, by what the tenant allows alone; `None` if that is not known."""
        ...


@dataclass(frozen=True, slots=True)
class TriedHost:
    """A tool's host, and why no connection to it is to be had; `problem` is `None` where one is."""

    host: str
    problem: str | None


@runtime_checkable
class TriesHost(Protocol):
    """A connector that can connect to where a tool's calls go, and send nothing."""

    def try_host(self, tenant_id: str, tool: dict[str, Any], allowed_hosts: Sequence[str]) -> TriedHost: ...


@runtime_checkable
class PreparingConnector(Connector, Protocol):
    """A connector that needs something from elsewhere before it can call, such as secrets."""

    def prepare(self, call: Call) -> None:
        """
        Fetch what the call needs, and call nobody: asked before the call is marked.

        Raises `TryLater` while it cannot be had. What is wrong for good, `invoke` says.
        """
        ...


@dataclass(frozen=True, slots=True)
class OutgoingNotification:
    """
    One message ready to leave; to `recipient`, where a channel reaches several.

    `event` is the message as a CloudEvent. `lines` are each a text and where it leads, if anywhere. `sign_in` is a
    link that signs the recipient in once: a secret, for nobody else. `part` is this letter's name where a message
    becomes several: an address, a `browser`'s id, or the intent of a `card`. With `posted`, the card that stands there
    changes.
    """

    delivery_id: str
    recipient: Recipient | None
    subject: str
    lines: Sequence[tuple[str, str | None]] = field(repr=False)
    event: dict[str, Any]
    sign_in: str | None = field(default=None, repr=False)
    part: str | None = None
    card: Card | None = None
    posted: Posted | None = None
    browser: Browser | None = None


@dataclass(frozen=True, slots=True)
class NotificationBatch:
    """The letters of one message, and what a notifier needs around them."""

    to: Subscription
    letters: Sequence[OutgoingNotification]
    allowed_hosts: Sequence[str]
    now: datetime


class PolicySandbox(Protocol):
    """Where policy text is tried out that this process has not compiled yet."""

    def try_out(self, tenant_id: str, sources: Sequence[PolicySource]) -> None:
        """
        Do with the text what compiling it does, where it can end or hold up nothing else.

        Raises `InvalidInput` naming the file that ends the parser, or takes it too much time or memory, and
        `TryLater` while other text of this tenant, or of too many others, is being tried. What the parser finds
        wrong is no matter here: compiling says that better.
        """
        ...


class Notifier(Protocol):
    """How people outside are told."""

    def check(self, asked: NewSubscription) -> None:
        """Raises `InvalidInput` if this installation cannot tell anybody that way, naming what is missing."""
        ...

    def send(self, mailing: NotificationBatch) -> list[SendResult]:
        """
        Try each letter once, and report of each in order, within a bounded time.

        Never raises for what happened on the way; what is not known to have arrived is `failed`. No secret is in a
        report.
        """
        ...


@runtime_checkable
class PushService(Notifier, Protocol):
    """A notifier that tells people in their browsers."""

    @property
    def public_key(self) -> str:
        """What a browser has to be given so that it takes messages of this installation, and of nobody else."""
        ...

    def check_browser(self, asked: NewBrowser, allowed_hosts: Sequence[str]) -> None:
        """Raises `InvalidInput` for a push service that is not called, or keys that are none; it shows neither."""
        ...


@runtime_checkable
class ChatApp(Notifier, Protocol):
    """A notifier whose messages people answer where they stand."""

    def signed(self, to: Subscription, request: SignedRequest) -> bool:
        """Did the chat's server sign it for this subscription? Whatever keeps that from being known is a no."""
        ...

    def read(self, request: SignedRequest) -> Press | None:
        """What was pressed; `None` for what is no button of ours. Asked only of what is signed."""
        ...

    def ask_reason(self, to: Subscription, press: Press, text: str, allowed_hosts: Sequence[str]) -> None:
        """Ask whoever pressed for words to go with it; what they send is a press of its own. Never raises."""
        ...

    def reply(self, to: Subscription, press: Press, text: str, allowed_hosts: Sequence[str]) -> None:
        """Tell whoever pressed, and nobody else. Never raises."""
        ...

    def problem(self, text: str) -> dict[str, Any]:
        """The answer to a press that was sent with words, where it came to nothing."""
        ...
