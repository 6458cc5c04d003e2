"""Usage: what is used of the bounds, and what is left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from remit.core.gate.autonomy import StopScope
from remit.entrypoints.cli import output
from remit.entrypoints.cli.options import AccountOption, AsJson, Db, Tenant, existing

if TYPE_CHECKING:
    from remit.core.views import BudgetLeft, CeilingAnswer, LimitLeft


def register(app: typer.Typer) -> None:
    app.command()(usage)


def usage(
    ctx: typer.Context,
    tenant: Tenant,
    account: AccountOption = None,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """
    Show budgets and limits: what is used, what is left, when they reset, and which stops are pulled.

    Example: remit usage --tenant acme
    """
    with existing(ctx, db, tenant) as remit:
        used = remit.usage(tenant, account_id=account)
        problem = remit.bounds(tenant).unreadable()
    if as_json:
        output.print_json(used)
        return
    rows = [row for item in used["accounts"] for row in _account_rows(item)]
    if used["ceiling"]:
        rows.append(["(all accounts)", *_limit_row(used["ceiling"])])
    rows += _named_rows("(all accounts)", used["limits"])
    for principal in used["principals"]:
        rows += _named_rows(f"principal {principal['principal']}", principal["limits"])
    output.print_table(["account", "counts", "used", "limit", "left", "resets"], rows)
    if problem:
        output.say(f"BOUNDS UNREADABLE, so nothing is decided or approved: {problem}")
    for pulled in used["stops"]:
        scope = StopScope.model_validate(pulled["scope"])
        since = output.local(pulled["stopped_at"])
        output.say(f"STOPPED {pulled['level']}: {scope}, by {pulled['stopped_by']} since {since}: {pulled['reason']}")


def _account_rows(item: BudgetLeft) -> list[list[Any]]:
    rows = [[item["account_id"], *_limit_row(item)]]
    for name, of_type in item["per_action_type"].items():
        limit = "no limit of its own" if of_type["limit"] is None else of_type["limit"]
        rows.append(["", name, of_type["used"], limit, of_type["left"], ""])
    return rows + _named_rows("", item["limits"])


def _named_rows(whose: str, limits: Sequence[LimitLeft]) -> list[list[Any]]:
    """The rows of limits with names; the first says whose they are."""
    rows: list[list[Any]] = []
    for limit in limits:
        types = f" of {', '.join(limit['action_types'])}" if limit["action_types"] else ""
        counts = f"{limit['name']}: {limit['unit'] or 'actions'} a {limit['per']}{types}"
        most = f"{limit['limit']} (only watches)" if limit["log_only"] else limit["limit"]
        resets = f"{output.local(limit['resets_at'])} ({limit['timezone']})"
        rows.append(["" if rows else whose, counts, limit["used"], most, limit["left"], resets])
    return rows


def _limit_row(item: BudgetLeft | CeilingAnswer) -> list[Any]:
    limit = item["max_autonomous_per_day"]
    resets = f"{output.local(item['resets_at'])} ({item['timezone']} day)"
    return ["everything", item["used"], "no budget" if limit is None else limit, item["left"], resets]
