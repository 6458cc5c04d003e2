"""Escalations: what nobody has answered in time, for those who are told next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from remit.core.notifications import escalation
from remit.core.notifications.notice import Notice, NotificationState
from remit.core.notifications.notice_kind import NoticeKind
from remit.core.notifications.subscription import Subscription
from remit.core.records import case_key
from remit.flow.context import Context
from remit.flow.notifications.about import about_intents

NEEDS_INPUT: NoticeKind = "NEEDS_INPUT"
Told = dict[tuple[str, NoticeKind], list[Notice]]


def due(
    context: Context, tenant_id: str, subscriptions: Sequence[Subscription], state: NotificationState, now: datetime
) -> Told:
    """
    By subscription, what goes to it now. What was answered meanwhile goes to nobody, nor does what has nobody to go to.

    Whoever is next is told whatever else it is told: who set the subscription said so.
    """
    if not state.unanswered:
        return {}
    by_name = {each.subscription_id: each for each in subscriptions}
    over = [(by_name.get(subscription), name) for subscription, name in escalation.due(state.unanswered, now)]
    seen = context.store.read([case_key(tenant_id, name) for _, name in over])
    told: Told = {}
    for source, name in over:
        case = seen.get(case_key(tenant_id, name))
        rule = source.escalation if source is not None else None
        target = by_name.get(rule.to) if rule is not None else None
        if source is None or rule is None or target is None or case is None or not case.can_be_approved:
            continue
        notice = escalation.notice_of(case, source.subscription_id, rule, now)
        told.setdefault((target.subscription_id, NEEDS_INPUT), []).append(_shown(context, tenant_id, target, notice))
    return told


def _shown(context: Context, tenant_id: str, target: Subscription, notice: Notice) -> Notice:
    if not target.fields or notice.action_intent_id is None:
        return notice
    about = about_intents(context, tenant_id, [notice.action_intent_id]).get(notice.action_intent_id)
    return notice.changed(fields=about.shown(target.fields)) if about is not None else notice


def unanswered_after(
    subscriptions: Sequence[Subscription],
    state: NotificationState,
    told: Mapping[tuple[str, NoticeKind], Sequence[Notice]],
    now: datetime,
) -> dict[str, datetime]:
    """`NotificationState.unanswered` afterwards."""
    escalating = [
        (each.subscription_id, each.escalation, told.get((each.subscription_id, NEEDS_INPUT), []))
        for each in subscriptions
        if each.escalation is not None
    ]
    return escalation.pending_after(state.unanswered, escalating, now)
