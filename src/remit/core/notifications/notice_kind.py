"""Kinds of notices: those that everybody is told, and those that are chosen or asked for."""

from __future__ import annotations

from typing import Literal, get_args

NoticeKind = Literal[
    "NEEDS_INPUT",
    "EXPIRES_SOON",
    "BUDGET_EXHAUSTED",
    "STOPPED",
    "RESUMED",
    "OUTCOME_UNKNOWN",
    "TO_JUDGE",
    "DAILY_DIGEST",
    "TEST",
    "INTENT_ENDED",
    "CARD_CHANGED",
]
TEST: NoticeKind = "TEST"
ENDED: NoticeKind = "INTENT_ENDED"
CARD: NoticeKind = "CARD_CHANGED"
NOTICES: tuple[NoticeKind, ...] = tuple(kind for kind in get_args(NoticeKind) if kind not in (TEST, ENDED, CARD))
"""What everybody is told who does not choose. A test is sent by asking for one, a card's change to the card."""
ON_REQUEST: tuple[NoticeKind, ...] = (ENDED,)
"""What a webhook is told only if it is chosen: agents' callbacks, each of which names a URL under the webhook's own."""
