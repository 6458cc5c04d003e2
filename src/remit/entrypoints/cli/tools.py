"""Tools that keep failing: which they are, and the end of a pause by hand."""

from __future__ import annotations

from typing import Annotated

import typer

from remit.entrypoints.cli import output
from remit.entrypoints.cli.options import AsJson, ByOrYou, Db, Tenant, existing, login

tool_commands = typer.Typer(no_args_is_help=True, help="List the tools that keep failing, and resume one.")


def register(app: typer.Typer) -> None:
    app.add_typer(tool_commands, name="tools")
    for command, name in ((listed, "list"), (resume, "resume")):
        tool_commands.command(name)(command)


def listed(ctx: typer.Context, tenant: Tenant, as_json: AsJson = False, db: Db = None) -> None:
    """
    The tools whose latest calls failed; the paused ones say since when, and when one call is tried.

    Example: remit tools list --tenant acme
    """
    with existing(ctx, db, tenant) as remit:
        found = remit.failing_tools(tenant)
    if as_json:
        for tool in found:
            output.print_json(tool)
        return
    rows = [
        [
            tool["action_type"],
            tool["failures"],
            tool["last_error"],
            *(output.local(tool[name]) for name in ("failed_at", "paused_since", "next_trial_at")),
        ]
        for tool in found
    ]
    output.print_table(["tool", "failures", "last error", "failed", "paused since", "next trial"], rows)


def resume(
    ctx: typer.Context,
    tool: Annotated[str, typer.Argument(metavar="TOOL", help="The action type whose tool it is.", show_default=False)],
    tenant: Tenant,
    by: ByOrYou = None,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """
    End the pause of a tool that kept failing: it is called at once.

    Example: remit tools resume UPDATE_CONTACT --tenant acme
    """
    with existing(ctx, db, tenant) as remit:
        resumed = remit.resume_tool(tenant, tool, by=login() if by is None else by)
    if as_json:
        output.print_json({"action_type": tool, "resumed": resumed})
    elif resumed:
        output.say(f"{tool}'s tool is called again")
    else:
        output.say(f"{tool}'s tool was not paused; nothing changed")
