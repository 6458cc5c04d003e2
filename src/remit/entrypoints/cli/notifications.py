"""Subscriptions, and what became of what was sent to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from remit.core.errors import InvalidInput
from remit.core.mirrors import view_of
from remit.core.whole_numbers import whole_number
from remit.entrypoints.cli import output
from remit.entrypoints.cli import subscription_options as options
from remit.entrypoints.cli.options import (
    AsJson,
    By,
    ByOrYou,
    Db,
    LimitOption,
    Tenant,
    existing,
    login,
    opened,
    typed_by,
)
from remit.flow.pages import PAGE
from remit.wiring import new_push_key

if TYPE_CHECKING:
    from remit.core.views import DeliveryAnswer, SubscriptionAnswer

Name = Annotated[str, typer.Argument(metavar="NAME", help="The subscription's name.", show_default=False)]


def register(app: typer.Typer) -> None:
    app.command()(deliveries)
    app.command()(push_key)
    group = typer.Typer(help="Who is told what outside: webhooks, Slack, e-mail and browsers.", no_args_is_help=True)
    for name, command in (("list", listed), ("add", add), ("remove", remove), ("test", test)):
        group.command(name)(command)
    app.add_typer(group, name="subscription")


def push_key() -> None:
    """
    Make a key with which messages to browsers are signed. It is shown once, and kept nowhere.

    Example: remit push-key
    """
    output.say(f"REMIT_PUSH_KEY={new_push_key()}")


def listed(ctx: typer.Context, tenant: Tenant, as_json: AsJson = False, db: Db = None) -> None:
    """
    List subscriptions.

    Example: remit subscription list --tenant acme
    """
    with existing(ctx, db, tenant) as remit:
        found = [view_of(each) for each in remit.subscriptions(tenant)]
    if as_json:
        for each in found:
            output.print_json(each)
        return
    rows = [[each["subscription_id"], each["channel"], _where(each), *_what(each)] for each in found]
    output.print_table(["name", "channel", "where", "notices", "accounts", "on"], rows)


def _where(subscription: SubscriptionAnswer) -> str:
    return (
        subscription["url"]
        or subscription.get("slack_channel")
        or ", ".join(recipient["address"] for recipient in subscription["recipients"])
        or "browsers"
    )


def _what(subscription: SubscriptionAnswer) -> list[str]:
    accounts = subscription["accounts"]
    on = "yes" if subscription["enabled"] else "no"
    return [", ".join(subscription["notices"]), "all" if accounts is None else ", ".join(accounts), on]


def add(
    ctx: typer.Context,
    name: Name,
    tenant: Tenant,
    by: By,
    webhook: options.Webhook = None,
    signing_secret: options.SigningSecret = None,
    slack: options.Slack = None,
    slack_channel: options.SlackChannel = None,
    bot_token: options.BotToken = None,
    person: options.People = [],  # noqa: B006
    mail: options.Mail = [],  # noqa: B006
    push: options.Push = False,
    answer_links: options.AnswerLinks = False,
    notice: options.Notices = [],  # noqa: B006
    account: options.Accounts = [],  # noqa: B006
    action_type: options.ActionTypes = [],  # noqa: B006
    reason: options.Reasons = [],  # noqa: B006
    above: options.Amounts = [],  # noqa: B006
    field: options.Fields = [],  # noqa: B006
    quiet: options.QuietHours = None,
    escalate: options.Escalation = None,
    disabled: options.Disabled = False,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """
    Make a subscription, or replace the one of that name.

    Example: remit subscription add ops --tenant acme --by ann --slack '${SLACK_URL}'
    """
    asked: dict[str, Any] = {**_channel(webhook, slack, slack_channel, mail, push=push), "enabled": not disabled}
    for recipient in asked.get("recipients", []) if answer_links else []:
        recipient["links"] = "answer"
    more = {
        "signing_secret": signing_secret,
        "bot_token": bot_token,
        "people": [_person(text) for text in person] or None,
        "notices": notice or None,
        "accounts": account or None,
        "action_types": action_type or None,
        "reasons": reason or None,
        "amounts": [_above(text) for text in above] or None,
        "fields": field or None,
        "quiet_hours": None if quiet is None else _quiet(quiet),
        "escalation": None if escalate is None else _escalation(escalate),
    }
    asked |= {field: value for field, value in more.items() if value is not None}
    with opened(ctx, db) as remit:
        made = remit.set_subscription(tenant, name, asked, by=by, credential=typed_by())
    if as_json:
        output.print_json(made.wire())
    else:
        output.say(f"{name} is told by {made.channel}: {', '.join(made.notices)}")


def _channel(
    webhook: str | None, slack: str | None, slack_channel: str | None, mail: list[str], *, push: bool
) -> dict[str, Any]:
    if sum(each not in (None, [], False) for each in (webhook, slack, slack_channel, mail, push)) != 1:
        problem = "either this, --slack, --slack-channel, --mail or --push is needed, and one of them"
        raise InvalidInput("--webhook", problem, "name one channel")
    if slack_channel is not None:
        return {"channel": "slack", "slack_channel": slack_channel}
    if mail:
        return {"channel": "email", "recipients": [_recipient(text) for text in mail]}
    if push:
        return {"channel": "push"}
    return {"channel": "slack", "url": slack} if webhook is None else {"channel": "webhook", "url": webhook}


def _recipient(text: str) -> dict[str, Any]:
    name, equals, rest = text.partition("=")
    if not equals:
        raise InvalidInput("--mail", f"{text!r} has no '='", "write --mail ann=ann@example.com:approver")
    address, _, roles = rest.partition(":")
    return {"name": name, "address": address, "roles": roles.split(",") if roles else []}


def _quiet(text: str) -> dict[str, Any]:
    hours, _, timezone = text.strip().partition(" ")
    begins, dash, ends = hours.partition("-")
    if not dash:
        raise InvalidInput("--quiet", f"{text!r} is no part of a day", "write --quiet '22:00-07:00 Europe/Berlin'")
    return {"begins": begins, "ends": ends, "timezone": timezone.strip() or "UTC"}


def _escalation(text: str) -> dict[str, Any]:
    said, _, to = text.partition(":")
    minutes = whole_number(said)
    if minutes is None or not to:
        raise InvalidInput("--escalate", f"{text[:100]!r} is not understood", "write --escalate 30:lead")
    return {"after_min": minutes, "to": to}


def _above(text: str) -> dict[str, Any]:
    above, *rest = text.split() or [""]
    if len(rest) not in (1, 2):
        raise InvalidInput("--above", f"{text!r} is no amount", "write --above '200 EUR', or '200 EUR total'")
    return {"above": above, "unit": rest[0], "name": rest[1] if rest[1:] else None}


def _person(text: str) -> dict[str, Any]:
    name, _, rest = text.partition("=")
    ids, _, roles = rest.partition(":")
    team, slash, user = ids.partition("/")
    if not slash:
        raise InvalidInput("--person", f"{text!r} names no team and user", "write --person ann=T0123/U0456:approver")
    return {"team": team, "user": user, "name": name, "roles": roles.split(",") if roles else []}


def remove(
    ctx: typer.Context, name: Name, tenant: Tenant, by: ByOrYou = None, as_json: AsJson = False, db: Db = None
) -> None:
    """
    Tell it nothing more, and forget what it was told.

    Example: remit subscription remove ops --tenant acme
    """
    with existing(ctx, db) as remit:
        removed = remit.remove_subscription(tenant, name, by=login() if by is None else by, credential=typed_by())
    if as_json:
        output.print_json(removed.wire())
    else:
        output.say(f"{name} is told nothing more")


def test(ctx: typer.Context, name: Name, tenant: Tenant, by: By, as_json: AsJson = False, db: Db = None) -> None:
    """
    Have a worker send it a test.

    Example: remit subscription test ops --tenant acme --by ann
    """
    with existing(ctx, db) as remit:
        asked = remit.test_subscription(tenant, name, by=by)
    if as_json:
        output.print_json(asked.shown())
    else:
        output.say(f"a worker sends {name} a test; 'remit deliveries' says what came of it")


def deliveries(
    ctx: typer.Context,
    tenant: Tenant,
    subscription: Annotated[
        str | None, typer.Option("--subscription", metavar="NAME", help="Only to this one.", show_default=False)
    ] = None,
    status: Annotated[
        str | None,
        typer.Option("--status", metavar="S", help="PENDING, DELIVERED or FAILED.", show_default=False),
    ] = None,
    limit: LimitOption = PAGE,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """
    Deliveries, done and under way, the newest first, each with its last result.

    Example: remit deliveries --tenant acme --status FAILED
    """
    with existing(ctx, db, tenant) as remit:
        found = remit.deliveries(tenant, subscription_id=subscription, status=status, limit=limit)
    if as_json:
        for each in found:
            output.print_json(each)
        return
    columns = ["made", "subscription", "notice", "notices", "status", "tries", "last result", "next try"]
    output.print_table(columns, [_delivery_row(each) for each in found])


def _delivery_row(delivery: DeliveryAnswer) -> list[Any]:
    last = delivery["last_result"]
    return [
        output.local(delivery["created_at"]),
        delivery["subscription_id"],
        delivery["notice"],
        len(delivery["items"]) + delivery["more"],
        output.coloured(delivery["status"]),
        delivery["tries"],
        last["detail"] if last else "",
        output.local(delivery["next_at"]) if delivery["next_at"] else "",
    ]
