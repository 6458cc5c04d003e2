"""Moving everything into another database."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer

from remit.core.errors import InvalidInput
from remit.entrypoints.cli import output
from remit.entrypoints.cli.options import AsJson
from remit.flow.migrate import migrate as run
from remit.wiring import SystemClock, open_source, open_target, uuid7

_FORMS = "sqlite:///FILE, postgresql://… or dynamodb://TABLE"


def register(app: typer.Typer) -> None:
    app.command()(migrate)


def migrate(
    source: Annotated[str, typer.Argument(metavar="FROM", help=f"{_FORMS}, of this format or the first.")],
    target: Annotated[str, typer.Argument(metavar="TO", help=f"{_FORMS}, holding nothing yet.")],
    stopped: Annotated[
        bool, typer.Option("--from-is-stopped", help="FROM is on DynamoDB, and nothing writes to it any more.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """
    Move everything into another database, every ledger entry as it is, and verify it there.

    What is finished is copied while FROM is at work; for the rest FROM is locked. Then FROM is closed for good, and
    TO opens. Interrupted, it may be run again, and goes on.

    Example: remit migrate sqlite:///remit.db postgresql://remit@db.example/remit
    """
    if source == target:
        raise InvalidInput("TO", "is FROM itself", "name another database")
    with closing(open_source(source, stopped=stopped)) as here, closing(open_target(target)) as there:
        done = run(here, there, output.progress, SystemClock(), uuid7)
        names = {"from": here.name, "to": there.name}
    if as_json:
        output.print_json({**names, "tenants": done.tenants, "intents": done.intents, "already": done.already})
    elif done.already:
        output.say(f"{names['from']} was moved to {names['to']} before; there was nothing left to do")
    else:
        counted = f"{done.intents} intents of {done.tenants} tenants, {done.entries} entries of the ledger"
        output.say(f"moved {names['from']} to {names['to']}: {counted}, compared and verified")
