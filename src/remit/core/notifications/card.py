"""Cards: an intent as a chat shows it, with buttons while it waits, and with what became of it afterwards."""

from __future__ import annotations

from datetime import timedelta

from msgspec import Struct

from remit.core.errors import Forbidden
from remit.core.ledger.entries import EventType, LedgerEntry
from remit.core.ledger.history import IntentHistory
from remit.core.lifecycle import Case
from remit.core.notifications.about import AboutIntent, FieldShown
from remit.core.notifications.narration import narrate
from remit.core.notifications.notice import cut
from remit.core.rendering import name
from remit.core.values import Document, UtcTime, instant, shifted

MOST_CARDS = 10
"""How many cards one message becomes at most; it tells the rest in one."""
ANSWERS: tuple[EventType, ...] = (
    "ACTION_APPROVED",
    "APPROVAL_VOTED",
    "ACTION_REJECTED",
    "INTENT_EXPIRED",
    "INTENT_SUPERSEDED",
    "INTENT_WITHDRAWN",
    "BUDGET_RELEASED",
    "CARD_ASSIGNED",
)
"""The event types after which a card does not show what is so any more."""
_ASKED: tuple[EventType, ...] = ("GATE_DECIDED", "BUDGET_RELEASED")
PRESS_KEPT = timedelta(minutes=15)
"""How long a press is remembered: longer than its signature is taken for."""
MOST_PRESSES = 200


class Card(Struct, frozen=True):
    """
    An intent for people to answer: `is_open` while it waits. `shows_all` says that everything stands on it which an
    approval would be for. `note` tells the latest answer.
    """

    subscription_id: str
    action_intent_id: str
    digest: str
    text: str
    details: str
    fields: list[FieldShown]
    shows_all: bool
    is_open: bool
    note: str | None
    url: str | None

    def require_whole(self) -> None:
        """Raises `Forbidden` where an approval would be for more than stands on it."""
        if not self.shows_all:
            raise Forbidden("this card does not show all that would run; approve it in the console")


class CardPlace(Document):
    """The place of a card, and the presses of its buttons that were taken, each with its time."""

    action_intent_id: str
    channel: str
    message: str
    presses: dict[str, UtcTime] = {}

    def taking(self, press: str, now: UtcTime) -> CardPlace | None:
        """With this press remembered; `None` for one that was taken already, and for too many at once."""
        lasting = {name: at for name, at in self.presses.items() if at > shifted(now, -PRESS_KEPT)}
        if press in lasting or len(lasting) >= MOST_PRESSES:
            return None
        return self.changed(presses={**lasting, press: now})


def needs_change(entry: LedgerEntry) -> bool:
    """Does an entry of a type in `ANSWERS` change a card? Not an automatic approval: nobody was asked."""
    return not (entry.event_type == "ACTION_APPROVED" and entry.data["auto_executed"])


def card_of(
    subscription_id: str, paths: list[str], case: Case, history: IntentHistory, about: AboutIntent, url: str | None
) -> Card:
    """The card of an intent as it stands; `paths` are the fields that are shown."""
    asked, latest = _last(history, _ASKED, about), _last(history, ANSWERS, about)
    return Card(
        subscription_id=subscription_id,
        action_intent_id=case.action_intent_id,
        digest=case.digest,
        text=cut(asked or case.action_type),
        details=_details(case, about),
        fields=about.shown(paths),
        shows_all=about.shows_all(paths),
        is_open=case.can_be_approved,
        note=cut(latest) if latest and latest != asked else None,
        url=url,
    )


def _last(history: IntentHistory, types: tuple[EventType, ...], about: AboutIntent) -> str | None:
    told = (_told(entry, about) for entry in reversed(history.entries) if entry.event_type in types)
    return next(filter(None, told), None)


def _told(entry: LedgerEntry, about: AboutIntent) -> str | None:
    return narrate(entry, about.intent)


def _details(case: Case, about: AboutIntent) -> str:
    intent = about.intent
    behalf = f", on behalf of {name(intent.on_behalf_of)}" if intent.on_behalf_of else ""
    return f"Proposed by {name(intent.proposed_by)}{behalf}; expires at {instant(case.expires_at)}"
