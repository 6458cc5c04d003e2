"""Telling people: who is told what outside, set and tried, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, get_args

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from remit.core.errors import InvalidInput
from remit.core.notifications.notice_kind import NOTICES, ON_REQUEST
from remit.core.notifications.subscription import Channel, Subscription
from remit.core.whole_numbers import whole_number
from remit.entrypoints.console.auth import HOME, FormRoute, ReaderVisitor, SubscriberVisitor, Visitor
from remit.entrypoints.console.edit import Said
from remit.entrypoints.console.render import page
from remit.entrypoints.web.bodies import SubscriptionId
from remit.entrypoints.web.callers import CurrentRemit
from remit.wiring import Remit

router = APIRouter(route_class=FormRoute)
CHANNELS: tuple[Channel, ...] = get_args(Channel)
SHOWN = 30
_ASKED_OF: dict[str, tuple[str, ...]] = {
    "webhook": ("url", "signing_secret"),
    "slack": ("url", "signing_secret", "slack_channel", "bot_token", "people"),
    "email": ("recipients", "answer_links"),
    "push": (),
}
"""The form's fields that a channel has and another has not."""


async def ticked_notices(request: Request) -> list[str]:
    """The notices that a form wants."""
    return [text for text in (await request.form()).getlist("notice") if isinstance(text, str)]


@router.get("/telling")
def notifications_page(request: Request, remit: CurrentRemit, visitor: ReaderVisitor) -> Response:
    return _page(request, remit, visitor)


@router.post("/telling")
def subscribe(
    request: Request,
    remit: CurrentRemit,
    visitor: SubscriberVisitor,
    said: Said,
    notices: Annotated[list[str], Depends(ticked_notices)],
) -> Response:
    """Make a subscription, or replace the one of that name."""
    try:
        remit.set_subscription(
            visitor.tenant_id,
            said.get("subscription_id", ""),
            _asked(said, notices),
            by=visitor.name,
            credential=visitor.credential,
        )
    except InvalidInput as error:
        return _page(request, remit, visitor, said=said, ticked=notices, problem=str(error))
    return RedirectResponse(f"{HOME}telling", status_code=303)


@router.post("/telling/{subscription_id}/test")
def test(remit: CurrentRemit, visitor: SubscriberVisitor, subscription_id: SubscriptionId) -> Response:
    remit.test_subscription(visitor.tenant_id, subscription_id, by=visitor.name)
    return RedirectResponse(f"{HOME}telling", status_code=303)


@router.post("/telling/{subscription_id}/remove")
def remove(remit: CurrentRemit, visitor: SubscriberVisitor, subscription_id: SubscriptionId) -> Response:
    remit.remove_subscription(visitor.tenant_id, subscription_id, by=visitor.name, credential=visitor.credential)
    return RedirectResponse(f"{HOME}telling", status_code=303)


def _of_channel(said: Mapping[str, str]) -> dict[str, str]:
    """A form without what was typed for a channel that is not the chosen one any more: nobody saw it last."""
    others = {name for names in _ASKED_OF.values() for name in names} - {*_ASKED_OF.get(said.get("channel", ""), ())}
    return {name: text for name, text in said.items() if name not in others}


def _asked(form: Mapping[str, str], notices: list[str]) -> dict[str, Any]:
    said = _of_channel(form)
    accounts = said.get("accounts", "").split()
    return {
        "channel": said.get("channel"),
        "url": said.get("url", "").strip() or None,
        "signing_secret": said.get("signing_secret", "").strip() or None,
        "slack_channel": said.get("slack_channel", "").strip() or None,
        "bot_token": said.get("bot_token", "").strip() or None,
        "people": [_person(line) for line in said.get("people", "").split("\n") if line.strip()],
        "recipients": [_recipient(line, said) for line in said.get("recipients", "").split("\n") if line.strip()],
        "notices": notices,
        "accounts": accounts or None,
        "action_types": said.get("action_types", "").split() or None,
        "reasons": said.get("reasons", "").split() or None,
        "amounts": [_above(line) for line in said.get("amounts", "").split("\n") if line.strip()] or None,
        "fields": said.get("fields", "").split(),
        "quiet_hours": _quiet(said),
        "escalation": _escalation(said),
    }


def _recipient(line: str, said: Mapping[str, str]) -> dict[str, Any]:
    """`name address role role`: one line of the form."""
    name, _, rest = line.strip().partition(" ")
    address, *roles = rest.split() or [""]
    links = "answer" if said.get("answer_links") else "sign_in"
    return {"name": name, "address": address, "roles": roles, "links": links}


def _shown(subscription: Subscription) -> dict[str, Any]:
    """All of its fields: on the wire what is not set is left out."""
    return {**dict.fromkeys(Subscription.model_fields), **subscription.wire()}


def _quiet(said: Mapping[str, str]) -> dict[str, Any] | None:
    hours = {name: said.get(f"quiet_{name}", "").strip() for name in ("begins", "ends", "timezone")}
    if not hours["begins"] and not hours["ends"]:
        return None
    return {**hours, "timezone": hours["timezone"] or "UTC"}


def _escalation(said: Mapping[str, str]) -> dict[str, Any] | None:
    after, to = said.get("escalate_after_min", "").strip(), said.get("escalate_to", "").strip()
    if not after and not to:
        return None
    return {"after_min": after if (number := whole_number(after)) is None else number, "to": to}


def _person(line: str) -> dict[str, Any]:
    """`name team user role role`: one line of the form."""
    name, team, user, *roles = [*line.split(), "", "", ""]
    return {"name": name, "team": team, "user": user, "roles": [role for role in roles if role]}


def _above(line: str) -> dict[str, Any]:
    """`200 EUR`, or `200 EUR total` of the amount of that name: one line of the form."""
    above, unit, name = [*line.split(maxsplit=2), "", ""][:3]
    return {"above": above, "unit": unit, "name": name.strip() or None}


def _page(
    request: Request,
    remit: Remit,
    visitor: Visitor,
    *,
    said: Mapping[str, str] | None = None,
    ticked: Sequence[str] = NOTICES,
    problem: str | None = None,
) -> Response:
    return page(
        request,
        "notifications.html",
        status=422 if problem else 200,
        subscriptions=[_shown(each) for each in remit.subscriptions(visitor.tenant_id)],
        deliveries=remit.deliveries(visitor.tenant_id, limit=SHOWN),
        handovers=[each.wire() for each in remit.handovers(visitor.tenant_id)],
        channels=CHANNELS,
        browsers=[browser.shown() for browser in remit.push.browsers(visitor.tenant_id)],
        notices=[*NOTICES, *ON_REQUEST],
        said=said or {},
        ticked=ticked,
        problem=problem,
    )
