"""Assignments: a card is somebody's to answer, and a person's cards are another's for a time. Neither gives a right."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from remit.core.errors import InvalidInput
from remit.core.identity.credential import Credential
from remit.core.identity.person import person_of, same_person
from remit.core.ledger.entries import LedgerEntry
from remit.core.values import Record, UtcTime, instant

LONGEST_HANDOVER = timedelta(days=92)


class Handover(Record, frozen=True):
    """A handover of one person's cards to another until then; with nobody in `handed_to` their own again."""

    handed_from: str
    handed_to: str | None
    until: UtcTime


def assignment_data(by: str, to: str | None, credential: Credential, digest: str) -> dict[str, Any]:
    """The data of a `CARD_ASSIGNED` entry; to nobody if `to` is `None`. The digest stays as it is."""
    return {"assigned_by": by, "assigned_to": to, "credential": credential.wire(), "digest": digest}


def handover_data(handover: Handover, credential: Credential) -> dict[str, Any]:
    """The data of a `QUEUE_HANDED_OVER` entry."""
    return {
        "handed_from": handover.handed_from,
        "handed_to": handover.handed_to,
        "until": instant(handover.until),
        "credential": credential.wire(),
    }


def checked_handover(by: str, to: str | None, until: datetime | None, now: datetime) -> Handover:
    """The handover that `by` asks for; with `to` or `until` left out it ends now. Raises `InvalidInput`."""
    if to is None or until is None:
        if to is not None or until is not None:
            field = "until" if until is None else "to"
            raise InvalidInput(field, "is missing", "send both, or neither to take the queue back")
        return Handover(handed_from=by, handed_to=None, until=now)
    if same_person(by, to):
        raise InvalidInput("to", f"is {to!r}, who hands it over", "name somebody else, or nobody to take it back")
    if not now < until <= now + LONGEST_HANDOVER:
        raise InvalidInput("until", f"is {instant(until)}", f"name a time within {LONGEST_HANDOVER.days} days from now")
    return Handover(handed_from=by, handed_to=to, until=until)


def in_force(newest_first: Iterable[LedgerEntry], now: datetime) -> list[Handover]:
    """The handovers of these entries that last: of each person the latest."""
    latest: dict[str, Handover] = {}
    for entry in newest_first:
        handover = Handover(
            handed_from=entry.data["handed_from"],
            handed_to=entry.data["handed_to"],
            until=datetime.fromisoformat(entry.data["until"]),
        )
        latest.setdefault(person_of(handover.handed_from), handover)
    return [each for each in latest.values() if each.handed_to is not None and each.until > now]


def deputy_of(person: str, handovers: Iterable[Handover]) -> str | None:
    """Whoever has this person's cards now; a deputy's deputy has none of them."""
    return next((each.handed_to for each in handovers if same_person(each.handed_from, person)), None)
