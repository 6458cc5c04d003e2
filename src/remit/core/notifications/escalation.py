"""Escalation: who is told next, of what nobody has answered for so long."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from operator import itemgetter

from remit.core.lifecycle import Case
from remit.core.notifications.notice import Notice
from remit.core.notifications.timing import Escalation
from remit.core.values import shifted

MOST_PENDING = 2000
"""How many intents of a tenant are remembered as told and not answered; of too many, those that are due first."""


def pending_key(subscription_id: str, action_intent_id: str) -> str:
    """Neither holds a bar."""
    return f"{subscription_id}|{action_intent_id}"


def due(pending: Mapping[str, datetime], now: datetime) -> list[tuple[str, str]]:
    """Subscription and intent of what is to be escalated now, the longest due first."""
    over = sorted((at, key) for key, at in pending.items() if at <= now)
    return [(subscription_id, name) for _, key in over for subscription_id, _, name in [key.partition("|")]]


def notice_of(case: Case, told: str, escalation: Escalation, now: datetime) -> Notice:
    """The notice to the next ones of one that `told` has not answered."""
    waited = f"for {escalation.after_min} minute{'s' if escalation.after_min > 1 else ''}"
    return Notice(
        notice="NEEDS_INPUT",
        at=now,
        text=f"{case.action_type} for {case.account_id} still waits: {told} has not answered it {waited}",
        account_id=case.account_id,
        action_intent_id=case.action_intent_id,
        action_type=case.action_type,
        expires_at=case.expires_at,
    )


def pending_after(
    pending: Mapping[str, datetime],
    told: Iterable[tuple[str, Escalation, Sequence[Notice]]],
    now: datetime,
) -> dict[str, datetime]:
    """`pending` without what was due by now, and with what these subscriptions are told that escalate."""
    lasting = {key: at for key, at in pending.items() if at > now}
    for subscription_id, escalation, notices in told:
        for notice in notices:
            if notice.action_intent_id is not None:
                key = pending_key(subscription_id, notice.action_intent_id)
                lasting.setdefault(key, shifted(now, escalation.after))
    return dict(sorted(lasting.items(), key=itemgetter(1))[:MOST_PENDING])
