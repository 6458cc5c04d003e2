"""One look at a tenant: today's numbers, and what is nearly used up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import typer

from remit.core.gate.amount import in_units, so_much
from remit.entrypoints.cli import output
from remit.entrypoints.cli.options import AsJson, Db, Tenant, existing

if TYPE_CHECKING:
    from remit.core.views import AloneAnswer, MostUsedAnswer, WaitingAnswer


def register(app: typer.Typer) -> None:
    app.command()(overview)


def overview(ctx: typer.Context, tenant: Tenant, as_json: AsJson = False, db: Db = None) -> None:
    """
    Say what ran alone today, what waits, what went wrong, what is nearly used up, and what is stopped.

    Example: remit overview --tenant acme
    """
    with existing(ctx, db, tenant) as remit:
        seen = remit.overview(tenant)
    if as_json:
        output.print_json(seen)
        return
    today, waiting = seen["today"], seen["waiting"]
    output.print_fields(
        {
            "day": f"{today['date']} ({today['timezone']})",
            "ran alone": today["ran_alone"],
            "asked": today["asked"],
            "answered": today["answered"],
            "failed": today["failed"],
            "nobody knows": seen["unknown"],
            "waiting": _waiting(waiting),
            "stopped": ", ".join(stop["level"] for stop in seen["stops"]) or None,
        }
    )
    if today["alone"]:
        output.print_table(["ran alone", "times", "failed", "came to"], [_alone_row(line) for line in today["alone"]])
    if seen["most_used"]:
        output.print_table(["budget or limit", "used", "of", "resets"], list(_used_rows(seen["most_used"])))


def _waiting(waiting: WaitingAnswer) -> str:
    oldest = output.local(waiting["oldest_at"])
    return f"{waiting['count']}, the oldest since {oldest}" if waiting["oldest_at"] else str(waiting["count"])


def _alone_row(line: AloneAnswer) -> list[Any]:
    sums = ", ".join(so_much(in_units(each["value"]), each["unit"]) for each in line["sums"])
    return [line["action_type"], line["count"], line["failed"], sums or None]


def _used_rows(lines: list[MostUsedAnswer]) -> Iterator[list[Any]]:
    for line in lines:
        what = line["name"] or line["action_type"] or "everything"
        used, limit = (so_much(in_units(line[each]), line["unit"]) for each in ("used", "limit"))
        yield [f"{line['of']} {what}, a {line['per']}", used, limit, output.local(line["resets_at"])]
