"""Publishing: approvals on their way to a bus."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from msgspec import Struct


class Message(Struct, frozen=True):
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


class Receipt(Struct, frozen=True):
    """The result of one message: `delivered`, `refused` for good, or `unconfirmed`."""

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
