"""Notifying: channels in which people are told, and in some of which they answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from remit.core.notifications.browser import Browser, NewBrowser
    from remit.core.notifications.card import Card
    from remit.core.notifications.outbox import Posted, SendResult
    from remit.core.notifications.press import Press, SignedRequest
    from remit.core.notifications.subscription import NewSubscription, Recipient, Subscription


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


class Notifier(Protocol):
    """A channel by which people outside are told."""

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
        """The key that a browser has to be given so that it takes messages of this installation, and of nobody else."""
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
        """The press; `None` for what is no button of ours. Asked only of what is signed."""
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
