"""Actions that ran alone and are shown to people afterwards: was this right?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from remit.core.errors import InvalidInput
from remit.entrypoints.cli import output
from remit.entrypoints.cli.options import (
    AccountOption,
    AfterOption,
    AsJson,
    By,
    Db,
    Intent,
    LimitOption,
    Tenant,
    existing,
    typed_by,
)
from remit.flow.pages import PAGE

if TYPE_CHECKING:
    from remit.core.views import SampledAnswer


def register(app: typer.Typer) -> None:
    for command in (sampled, judge):
        app.command()(command)


def sampled(
    ctx: typer.Context,
    tenant: Tenant,
    account: AccountOption = None,
    limit: LimitOption = PAGE,
    after: AfterOption = None,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """
    Show automatic actions that people judge afterwards and nobody has judged yet.

    Example: remit sampled --tenant acme
    """
    with existing(ctx, db, tenant) as remit:
        items, cursor = remit.sampled(tenant, account_id=account, after=after, limit=limit)
    if not as_json:
        columns = ["intent", "what", "parameters", "account", "status", "ended", "listed until"]
        output.print_table(columns, [_sampled_row(item) for item in items])
    output.print_page(items, cursor, as_json=as_json)


def _sampled_row(item: SampledAnswer) -> list[Any]:
    return [
        item["action_intent_id"],
        item["title"],
        output.parameters_line(item["parameters"]),
        item["account_id"],
        output.coloured(item["status"]),
        output.local(item["ended_at"]),
        output.local(item["shown_until"]),
    ]


def judge(
    ctx: typer.Context,
    intent: Intent,
    tenant: Tenant,
    by: By,
    right: Annotated[bool, typer.Option("--right", help="It was right to run alone.")] = False,
    wrong: Annotated[bool, typer.Option("--wrong", help="It was not.")] = False,
    reason: Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why.", show_default=False)] = None,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """
    Say whether a sampled action was right; too many that were not stop its type, or what a limit is over.

    Example: remit judge i-7 --tenant acme --by ann --wrong --reason "the order was another one"
    """
    if right == wrong:
        raise InvalidInput("--right", "either this or --wrong is needed, not both", "look at what it did first")
    with existing(ctx, db) as remit:
        answer = remit.judge(tenant, intent, by=by, right=right, reason=reason, credential=typed_by())
    if as_json:
        output.print_json(answer.wire())
    elif answer.stops:
        output.say(f"{intent} was wrong, and {', '.join(answer.stops)} runs alone no more until somebody resumes it")
    else:
        output.say(f"{intent} was {'right' if answer.right else 'wrong'}")
