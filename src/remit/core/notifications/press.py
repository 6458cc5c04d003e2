"""Presses: somebody in a chat answers from a card, in a request that the chat's own server signed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct

from remit.core.errors import Unauthenticated

SIGNED_FOR = timedelta(minutes=5)
"""How far a signature's time may be from ours, either way."""
NOT_SIGNED = "this request is not signed by an app that is subscribed here, or is too old; see docs/notifications.md"

Wish = Literal["approve", "ask_reason", "reject"]


class SignedRequest(Struct, frozen=True):
    """A request as it came in."""

    timestamp: str
    signature: str
    body: bytes

    def check_fresh(self, now: datetime) -> None:
        """Raises `Unauthenticated` for one whose time is too far from ours, or no time."""
        age_s = now.timestamp() - int(self.timestamp) if _is_seconds(self.timestamp) else None
        if age_s is None or abs(age_s) > SIGNED_FOR.total_seconds():
            raise Unauthenticated(NOT_SIGNED)


def _is_seconds(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 12


class CardName(Struct, frozen=True):
    """The card a button belongs to: of which subscription, about which intent, showing which digest."""

    subscription_id: str
    action_intent_id: str
    digest: str

    def text(self) -> str:
        """As buttons carry it; none of the three holds a space."""
        return f"{self.subscription_id} {self.action_intent_id} {self.digest}"

    @classmethod
    def parse(cls, text: str) -> CardName | None:
        parts = text.split(" ")
        return cls(*parts) if len(parts) == 3 and all(parts) else None


class Press(Struct, frozen=True):
    """
    A press of a card's button: by whom, by the ids of team and user that the chat gives, on which card, for what.

    `place` is the message that the button stands in, and `once` differs for any two presses.
    """

    team: str
    user: str
    card: CardName
    wish: Wish
    once: str
    reason: str | None = None
    trigger: str | None = None
    place: tuple[str, str] | None = None
